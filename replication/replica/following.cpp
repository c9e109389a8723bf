#include "replication/replica/following.hpp"

#include <algorithm>

namespace millrace::replication {
namespace {

using protocol::ErrorCode;

Offset truncation_point(const FollowerLog& log, const log::EpochEnd& leaders,
                        const std::optional<log::EpochEnd>& own) {
  if (!own) return std::min(leaders.end_offset, log.end);
  // The same epoch: the shorter of the two is what both have of it. An older one: the leader may
  // have less of that, which the next fetch will tell.
  const Offset both =
      own->epoch == leaders.epoch ? std::min(own->end_offset, leaders.end_offset) : own->end_offset;
  return std::min(both, log.end);
}

}  // namespace

FollowerStep next_step(const FollowerLog& log, const LeaderAnswer& answer,
                       const std::optional<log::EpochEnd>& own_end) {
  if (answer.error == ErrorCode::offset_out_of_range && answer.log_start >= Offset{0}) {
    const bool leader_begins_later = log.end < answer.log_start;
    const bool empty = log.start == log.end;
    if (leader_begins_later || (empty && log.end != answer.log_start))
      return Restart{answer.log_start};
  }
  if (answer.error != ErrorCode::none) return BackOff{};
  if (!answer.diverging) return Append{};
  const Offset end = truncation_point(log, *answer.diverging, own_end);
  // Never in a circle: a leader that disagrees about nothing is not to be believed.
  if (end >= log.end) return BackOff{};
  if (end < log.start) return Restart{std::max(end, answer.log_start)};
  return Truncate{end};
}

Offset follower_high_watermark(Offset known, Offset told, Offset durable) {
  return std::max(known, std::min(told, durable));
}

}  // namespace millrace::replication
