#pragma once

#include <algorithm>
#include <vector>

#include "protocol/base/types.hpp"

/// Replicas, in-sync sets and the like are short lists of brokers whose order means something.
namespace millrace::replication {

using Brokers = std::vector<BrokerId>;

inline bool has(const Brokers& brokers, BrokerId broker) {
  return std::ranges::find(brokers, broker) != brokers.end();
}

inline Brokers without(Brokers brokers, const Brokers& unwanted) {
  std::erase_if(brokers, [&](BrokerId broker) { return has(unwanted, broker); });
  return brokers;
}

}  // namespace millrace::replication
