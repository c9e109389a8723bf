#include "replication/replica/fetch_session.hpp"

#include <limits>

namespace millrace::replication {

using protocol::ErrorCode;

void FollowerSession::fill(protocol::FetchRequest& request, const FetchWishes& wishes,
                           std::int32_t partition_bytes_max) {
  request.session_id = id_;
  request.session_epoch = epoch_;
  if (epoch_ == 0) told_.clear();
  for (const auto& [place, wish] : wishes) {
    const auto told = told_.find(place);
    if (told != told_.end() && told->second == wish) continue;
    auto& topics = request.topics;
    if (topics.empty() || topics.back().topic_id != place.topic)
      topics.emplace_back().topic_id = place.topic;
    auto& partition = topics.back().partitions.emplace_back();
    partition.partition = place.index.value;
    partition.current_leader_epoch = wish.leader_epoch.value;
    partition.fetch_offset = wish.offset.value;
    partition.last_fetched_epoch = wish.last_epoch;
    partition.log_start_offset = wish.log_start.value;
    partition.partition_max_bytes = partition_bytes_max;
    partition.high_watermark = wish.high_watermark.value;
  }
  for (const auto& [place, wish] : told_) {
    if (wishes.contains(place)) continue;
    auto& forgotten = request.forgotten_topics_data;
    if (forgotten.empty() || forgotten.back().topic_id != place.topic)
      forgotten.emplace_back().topic_id = place.topic;
    forgotten.back().partitions.push_back(place.index.value);
  }
  told_ = wishes;
}

bool FollowerSession::answered(const protocol::FetchResponse& response) {
  if (response.error_code != ErrorCode::none) {
    lost();
    return false;
  }
  if (response.session_id != id_ || id_ == 0) {
    // The leader has no room for another session: everything is told anew each time.
    id_ = response.session_id;
    epoch_ = id_ == 0 ? 0 : 1;
    return true;
  }
  epoch_ = epoch_ == std::numeric_limits<std::int32_t>::max() ? 1 : epoch_ + 1;
  return true;
}

void FollowerSession::lost() {
  // The old id goes along: the leader forgets that session when it opens the new one.
  epoch_ = 0;
  told_.clear();
}

}  // namespace millrace::replication
