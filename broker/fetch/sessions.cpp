#include "broker/fetch/sessions.hpp"

#include <algorithm>
#include <limits>

namespace millrace::broker {
namespace {

using protocol::ErrorCode;
using protocol::FetchRequest;

constexpr std::int32_t kInitialEpoch = 0;
constexpr std::int32_t kFinalEpoch = -1;
constexpr auto kIdleEviction = std::chrono::seconds{120};

bool same_place(const FetchItem& a, const FetchItem& b) {
  return a.index == b.index && a.topic == b.topic && a.topic_id == b.topic_id;
}

template <class Add>
void for_each_item(const FetchRequest& request, bool by_id, Add add) {
  for (const auto& topic : request.topics) {
    for (const auto& partition : topic.partitions) {
      FetchItem item;
      if (by_id) {
        item.topic_id = topic.topic_id;
      } else {
        item.topic = topic.topic;
      }
      item.index = PartitionIndex{partition.partition};
      item.current_leader_epoch = partition.current_leader_epoch;
      item.offset = Offset{partition.fetch_offset};
      item.last_fetched_epoch = partition.last_fetched_epoch;
      item.bytes_max = partition.partition_max_bytes;
      item.log_start = Offset{partition.log_start_offset};
      item.known_high_watermark = Offset{partition.high_watermark};
      add(std::move(item));
    }
  }
}

}  // namespace

FetchIntent FetchSessions::begin(const FetchRequest& request, std::int16_t version, Instant now,
                                 std::uint64_t random) {
  constexpr std::int16_t kTopicIdsSince = 13;
  const bool by_id = version >= kTopicIdsSince;
  if (request.session_epoch == kInitialEpoch || request.session_epoch == kFinalEpoch) {
    return full(request, by_id, now, random);
  }
  return incremental(request, by_id, now);
}

FetchIntent FetchSessions::full(const FetchRequest& request, bool by_id, Instant now,
                                std::uint64_t random) {
  sessions_.erase(request.session_id);  // 0 is nobody's
  FetchIntent intent;
  for_each_item(request, by_id, [&](FetchItem item) { intent.items.push_back(std::move(item)); });
  const bool wants_session = request.session_epoch == kInitialEpoch && !intent.items.empty();
  if (!wants_session || !make_room(intent.items.size(), now)) return intent;
  // The shard in the low bits keeps shards from giving out the same id.
  constexpr std::uint64_t kShardsMax = 256;
  auto id = static_cast<std::int32_t>((random & 0x7fffff00ULL) | (shard_ % kShardsMax));
  while (id == 0 || sessions_.contains(id)) {
    id = static_cast<std::int32_t>((static_cast<std::uint64_t>(id) + kShardsMax) & 0x7fffffffULL);
  }
  auto session = std::make_shared<FetchSession>();
  session->id = id;
  session->by_id = by_id;
  session->last_used = now;
  session->items.assign(std::make_move_iterator(intent.items.begin()),
                        std::make_move_iterator(intent.items.end()));
  intent.items.clear();
  intent.session = session;
  intent.session_id = id;
  sessions_.emplace(id, std::move(session));
  return intent;
}

FetchIntent FetchSessions::incremental(const FetchRequest& request, bool by_id, Instant now) {
  FetchIntent intent;
  const auto found = sessions_.find(request.session_id);
  if (found == sessions_.end()) {
    intent.error = ErrorCode::fetch_session_id_not_found;
    return intent;
  }
  FetchSession& session = *found->second;
  if (session.next_epoch != request.session_epoch || session.busy) {
    intent.error = ErrorCode::invalid_fetch_session_epoch;
    return intent;
  }
  if (session.by_id != by_id) {
    intent.error = ErrorCode::fetch_session_topic_id_error;
    return intent;
  }
  session.next_epoch =
      session.next_epoch == std::numeric_limits<std::int32_t>::max() ? 1 : session.next_epoch + 1;
  session.last_used = now;
  for (const auto& topic : request.forgotten_topics_data) {
    std::erase_if(session.items, [&](const FetchItem& item) {
      return (by_id ? item.topic_id == topic.topic_id : item.topic == topic.topic) &&
             std::ranges::find(topic.partitions, item.index.value) != topic.partitions.end();
    });
  }
  for_each_item(request, by_id, [&](FetchItem item) {
    const auto known = std::ranges::find_if(
        session.items, [&](const FetchItem& other) { return same_place(item, other); });
    if (known == session.items.end()) {
      session.items.push_back(std::move(item));
    } else {
      item.told_high_watermark = known->told_high_watermark;
      item.told_log_start = known->told_log_start;
      *known = std::move(item);
    }
  });
  intent.session = found->second;
  intent.session_id = session.id;
  intent.incremental = true;
  return intent;
}

bool FetchSessions::make_room(std::size_t items, Instant now) {
  if (sessions_.size() < sessions_max_) return true;
  auto victim = sessions_.end();
  for (auto it = sessions_.begin(); it != sessions_.end(); ++it) {
    const FetchSession& session = *it->second;
    if (session.busy) continue;
    const bool idle = now - session.last_used > kIdleEviction;
    if (!idle && session.items.size() >= items) continue;
    if (victim == sessions_.end() || session.last_used < victim->second->last_used) victim = it;
  }
  if (victim == sessions_.end()) return false;
  sessions_.erase(victim);
  return true;
}

bool is_news(FetchItem& item,
             const protocol::FetchResponse::FetchableTopicResponse::PartitionData& answer) {
  const bool has_records = answer.records && !answer.records->empty();
  if (answer.error_code != ErrorCode::none) {
    item.told_high_watermark.reset();  // once the error is over, the client is told afresh
    return true;
  }
  const Offset high_watermark{answer.high_watermark};
  const Offset log_start{answer.log_start_offset};
  const bool moved = item.told_high_watermark != high_watermark || item.told_log_start != log_start;
  item.told_high_watermark = high_watermark;
  item.told_log_start = log_start;
  const bool elsewhere = answer.preferred_read_replica >= 0;
  // A follower says what it knows: an answer that it could not use told it nothing.
  const bool unknown = high_watermark > item.known_high_watermark;
  return has_records || moved || unknown || elsewhere || answer.diverging_epoch.epoch >= 0;
}

}  // namespace millrace::broker
