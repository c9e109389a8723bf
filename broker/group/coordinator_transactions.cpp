#include <algorithm>
#include <utility>

#include "broker/group/coordinator.hpp"
#include "protocol/base/ensure.hpp"

/// Offsets that are committed with a transaction: in the log at once, in force with its marker.
namespace millrace::broker {

using protocol::ErrorCode;

namespace {

/// The first version of OffsetCommit that knows members by epochs.
constexpr std::int16_t kCommitByEpoch = 9;

}  // namespace

/// A producer may or may not say for which member it commits.
ErrorCode GroupCoordinator::check_txn_commit(const protocol::OffsetCommitRequest& request) const {
  const Slot* const slot = find_existing(request.group_id);
  const bool in_generation = request.generation_id_or_member_epoch >= 0;
  if (slot == nullptr) return in_generation ? ErrorCode::illegal_generation : ErrorCode::none;
  if (!slot->consumer) return slot->group.check_txn_commit(request);
  const bool is_member =
      in_generation || !request.member_id.empty() || request.group_instance_id.has_value();
  if (!is_member) return ErrorCode::none;
  const ErrorCode error = slot->consumer->check_commit(request, kCommitByEpoch);
  return error == ErrorCode::stale_member_epoch ? ErrorCode::illegal_generation : error;
}

GroupOutput GroupCoordinator::txn_offset_commit(const protocol::OffsetCommitRequest& request,
                                                const TransactionOf& transaction,
                                                const GroupClient& client, ReplyToken token,
                                                const Moment& at, const TopicDirectory& topics) {
  ENSURE(loaded_);
  return commit_offsets(request, check_txn_commit(request), transaction, client, token, at, topics);
}

Result<GroupCoordinator::Replayed> GroupCoordinator::replay_in_transaction(
    ProducerId producer, Bytes key, std::optional<Bytes> value) {
  ENSURE(!loaded_);
  auto record = decode_record(key, value);
  if (!record) return record.error();
  if (!std::holds_alternative<OffsetRecord>(*record)) return Replayed::skipped;
  hold(producer, *std::move(record));
  return Replayed::applied;
}

/// The group stays as long as the offset may still come.
void GroupCoordinator::hold(ProducerId producer, DecodedRecord record) {
  auto& offset = std::get<OffsetRecord>(record);
  Slot& slot = obtain(offset.group);
  ++slot.writes_in_flight;
  slot.offsets.begin_pending(offset.partition);
  pending_[producer].push_back({.group = std::move(offset.group),
                                .partition = std::move(offset.partition),
                                .offset = std::move(offset.offset),
                                .order = ++offsets_order_});
}

void GroupCoordinator::supersede(const std::string& group, const TopicPartition& partition,
                                 std::uint64_t order) {
  const Slot* const slot = find_existing(group);
  if (slot == nullptr || !slot->offsets.has_pending(partition)) return;
  for (auto& [producer, offsets] : pending_)
    for (auto& one : offsets)
      if (one.order < order && one.group == group && one.partition == partition)
        one.superseded = true;
}

void GroupCoordinator::end_transaction(ProducerId producer, bool commit) {
  const auto ended = pending_.extract(producer);
  if (ended.empty()) return;
  for (auto& one : ended.mapped()) {
    Slot& slot = obtain(one.group);
    slot.offsets.end_pending(one.partition);
    --slot.writes_in_flight;
    if (commit && !one.superseded) {
      supersede(one.group, one.partition, one.order);
      slot.offsets.apply(one.partition, std::move(one.offset));
    }
    settle(slot);
  }
}

}  // namespace millrace::broker
