#pragma once

#include <span>
#include <vector>

#include "protocol/base/types.hpp"

namespace millrace::replication {

/// Replicas of partition `index` of a topic: brokers in turn, starting one further for each
/// partition, so that leaders and followers spread evenly. `count` is at most `brokers.size()`.
/// `start` shifts whole topics against each other.
std::vector<BrokerId> place_replicas(std::span<const BrokerId> brokers, std::int32_t index,
                                     std::size_t count, std::size_t start);

}  // namespace millrace::replication
