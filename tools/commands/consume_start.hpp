#pragma once

#include <map>
#include <optional>

#include "tools/commands/consume_run.hpp"

namespace millrace::tools {

/// What to read of one partition.
struct PartitionSpan {
  Offset first;                ///< records before it are not wanted
  Offset fetch_from;           ///< where to begin, never behind the end
  std::optional<Offset> stop;  ///< without this one; nothing: for ever
  [[nodiscard]] bool empty() const { return stop && *stop <= first; }
};

/// Turns the plan's topics, partitions and range into offsets, by asking the cluster.
net::Awaitable<clients::Outcome<std::map<TopicPartition, PartitionSpan>>> spans_of(
    clients::Client& client, const ConsumePlan& plan, Instant deadline);

}  // namespace millrace::tools
