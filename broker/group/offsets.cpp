#include "broker/group/offsets.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "protocol/base/ensure.hpp"

namespace millrace::broker {

namespace {

bool is_expired(const std::string& topic, const CommittedOffset& offset,
                const OffsetExpiryRule& rule, std::chrono::milliseconds retention, Timestamp wall) {
  if (!rule.applies || rule.subscribed.contains(topic)) return false;
  if (offset.expires_at) return wall >= *offset.expires_at;
  // What was committed to a group that is idle, by a tool or without a membership, is as fresh.
  const Timestamp since = std::max(rule.idle_since.value_or(Timestamp{0}), offset.committed_at);
  return wall - since >= retention;
}

}  // namespace

void GroupOffsets::apply(const TopicPartition& partition, std::optional<CommittedOffset> value) {
  if (value) {
    committed_.insert_or_assign(partition, *std::move(value));
  } else {
    committed_.erase(partition);
  }
}

const CommittedOffset* GroupOffsets::find(const TopicPartition& partition) const {
  const auto found = committed_.find(partition);
  return found == committed_.end() ? nullptr : &found->second;
}

void GroupOffsets::begin_write(const TopicPartition& partition) {
  ++writes_[partition];
}

void GroupOffsets::end_write(const TopicPartition& partition) {
  const auto found = writes_.find(partition);
  ENSURE(found != writes_.end());
  if (--found->second == 0) writes_.erase(found);
}

void GroupOffsets::end_pending(const TopicPartition& partition) {
  const auto found = pending_.find(partition);
  ENSURE(found != pending_.end());
  if (--found->second == 0) pending_.erase(found);
}

std::vector<TopicPartition> GroupOffsets::to_delete() const {
  std::set<TopicPartition> all;
  for (const auto& [partition, offset] : committed_) all.insert(partition);
  for (const auto& [partition, count] : writes_) all.insert(partition);
  for (const auto& [partition, count] : pending_) all.insert(partition);
  return {all.begin(), all.end()};
}

std::vector<TopicPartition> GroupOffsets::to_delete(std::string_view topic) const {
  std::set<TopicPartition> all;
  const TopicPartition first{std::string{topic},
                             PartitionIndex{std::numeric_limits<std::int32_t>::min()}};
  const auto collect = [&](const auto& map) {
    for (auto at = map.lower_bound(first); at != map.end() && at->first.topic == topic; ++at) {
      all.insert(at->first);
    }
  };
  collect(committed_);
  collect(writes_);
  collect(pending_);
  return {all.begin(), all.end()};
}

std::vector<TopicPartition> GroupOffsets::expired(const OffsetExpiryRule& rule,
                                                  std::chrono::milliseconds retention,
                                                  Timestamp wall) const {
  std::vector<TopicPartition> gone;
  if (!rule.applies) return gone;
  for (const auto& [partition, offset] : committed_) {
    if (writes_.contains(partition) || pending_.contains(partition)) continue;
    if (is_expired(partition.topic, offset, rule, retention, wall)) gone.push_back(partition);
  }
  return gone;
}

}  // namespace millrace::broker
