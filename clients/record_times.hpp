#pragma once

#include <map>
#include <optional>

#include "clients/client.hpp"
#include "protocol/base/types.hpp"

namespace millrace::clients {

/// The time of the first record at or behind each offset, by fetching one batch of each partition;
/// where the log begins later, of its first record. Nothing where there is none below the end. One
/// outcome per partition.
net::Awaitable<std::map<TopicPartition, Outcome<std::optional<Timestamp>>>> look_up_record_times(
    Client& client, std::map<TopicPartition, Offset> offsets, Instant deadline);

}  // namespace millrace::clients
