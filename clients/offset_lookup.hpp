#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <variant>
#include <vector>

#include "clients/client.hpp"
#include "protocol/base/types.hpp"

namespace millrace::clients {

enum class Isolation : std::int8_t {
  read_uncommitted = 0,
  read_committed = 1,  ///< only what no transaction can take back, and nothing that one did
};

/// Where to start reading: an offset, the first or last, or the first record not older than a time
/// (the end, if all are older).
struct FromEarliest {
  friend bool operator==(const FromEarliest&, const FromEarliest&) = default;
};
struct FromLatest {
  friend bool operator==(const FromLatest&, const FromLatest&) = default;
};
using StartPosition = std::variant<FromEarliest, FromLatest, Offset, Timestamp>;

using PartitionOffsets = std::map<TopicPartition, Offset>;

struct OffsetAtTime {
  std::optional<Offset> offset;  ///< nothing: no record is that new
  std::optional<Timestamp> timestamp;
  std::optional<LeaderEpoch> leader_epoch;
  friend bool operator==(const OffsetAtTime&, const OffsetAtTime&) = default;
};

/// Asks the leaders where `queries` begin; an `Offset` is its own answer. Retries until `deadline`
/// whatever is worth it. One outcome per query.
net::Awaitable<std::map<TopicPartition, Outcome<OffsetAtTime>>> look_up_offsets(
    Client& client, std::map<TopicPartition, StartPosition> queries, Isolation isolation,
    Instant deadline);

/// The same for one kind of place, failing as a whole when one partition does.
net::Awaitable<Outcome<PartitionOffsets>> look_up_ends(Client& client,
                                                       std::vector<TopicPartition> partitions,
                                                       StartPosition where, Isolation isolation,
                                                       Instant deadline);

}  // namespace millrace::clients
