#pragma once

#include <cstdint>
#include <optional>
#include <variant>

#include "log/leader_epochs.hpp"
#include "protocol/base/types.hpp"
#include "protocol/error_code.hpp"

namespace millrace::replication {

/// A follower's log, as far as it matters for what to fetch.
struct FollowerLog {
  Offset start;
  Offset end;  // all of it durable
};

/// What the leader said about one partition, its records apart.
struct LeaderAnswer {
  protocol::ErrorCode error = protocol::ErrorCode::none;
  Offset high_watermark{-1};  // -1: not told
  Offset log_start{-1};       // -1: not told
  std::optional<log::EpochEnd> diverging;
};

/// What a follower does about it. Everything else in the answer is only looked at after `Append`.
struct Append {
  friend bool operator==(const Append&, const Append&) = default;
};
/// The log's end is not the leader's history: cut it there, and ask again.
struct Truncate {
  friend bool operator==(const Truncate&, const Truncate&) = default;
  Offset end;
};
/// The leader has nothing that would join this log's end: begin anew there.
struct Restart {
  friend bool operator==(const Restart&, const Restart&) = default;
  Offset start;
};
/// Ask again later; a newer image may make it needless.
struct BackOff {
  friend bool operator==(const BackOff&, const BackOff&) = default;
};
using FollowerStep = std::variant<Append, Truncate, Restart, BackOff>;

/// `own_end`: where this log's epoch of `answer.diverging`, or the newest before it, ends
/// (`log::PartitionLog::epoch_end`). KIP-595's fetch, which is KIP-101 without a question of its
/// own.
FollowerStep next_step(const FollowerLog& log, const LeaderAnswer& answer,
                       const std::optional<log::EpochEnd>& own_end);

/// What a follower may show to its readers: what the leader says is committed, as far as it is
/// here.
Offset follower_high_watermark(Offset known, Offset told, Offset durable);

}  // namespace millrace::replication
