#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "broker/group/consumer/consumer_group.hpp"
#include "broker/group/group.hpp"
#include "broker/group/history.hpp"
#include "broker/group/offsets.hpp"
#include "broker/group/partitioner.hpp"
#include "broker/group/records.hpp"
#include "broker/group/types.hpp"
#include "protocol/base/bytes.hpp"
#include "protocol/base/result.hpp"
#include "protocol/base/rng.hpp"
#include "protocol/messages/consumer_group_describe.hpp"
#include "protocol/messages/describe_groups.hpp"
#include "protocol/messages/list_groups.hpp"
#include "protocol/messages/offset_fetch.hpp"

namespace millrace::broker {

/// All groups of one partition of `__consumer_offsets`: their members (of the classic or of the
/// consumer protocol) and their committed offsets. A core: it has no clock, file or socket; time
/// and chance come in, and what is to be done goes out as a `GroupOutput`. Owned by the partition's
/// shard and used on that thread alone. `settings` is copied.
///
/// What is durable (committed offsets, a group's last generation) changes only by replaying a
/// record, after the shell has reported its write as committed; a reader never sees an offset that
/// could still be lost. What is volatile (who waits in the join barrier, sessions) changes at once.
/// A group of the consumer protocol is held twice: as committed, for readers, and with the records
/// that are on their way, for the next request. An answer never leaves before the records that it
/// was decided on are committed.
///
/// A group is of the classic protocol until a member of the consumer protocol joins it, and goes
/// back when only members of the classic protocol are left, or one joins while nobody is in it.
///
/// Life: construct; `replay` every record of the partition in log order; `finish_loading`; then any
/// of the operations; `resign` when the shard loses the partition. Before `finish_loading` the
/// shell answers requests itself with COORDINATOR_LOAD_IN_PROGRESS (a heartbeat with NONE). After
/// `resign` the object is only good for destruction.
///
/// Authorization is the shell's: requests arrive here without the topics that were denied.
class GroupCoordinator {
 public:
  explicit GroupCoordinator(const GroupSettings& settings);
  GroupCoordinator(const GroupCoordinator&) = delete;
  GroupCoordinator& operator=(const GroupCoordinator&) = delete;

  /// Of groups of the consumer protocol that have times of their own, by group id.
  using OwnTimes = std::map<std::string, ConsumerGroupTimes, std::less<>>;
  /// Replaces what the settings said, and what was said before. At any time; what is new counts
  /// from a member's next request on.
  void set_times(const ConsumerGroupTimes& usual, OwnTimes own);

  // Loading -----------------------------------------------------------------------------------

  /// `skipped`: of a type or a value version that this build does not know; a later one wrote it.
  enum class Replayed { applied, skipped };
  /// Applies one record of the log; no `value` is a tombstone. An error means that the record is
  /// damaged; it changed nothing.
  /// `written` is the record's time.
  Result<Replayed> replay(Bytes key, std::optional<Bytes> value, Timestamp written);
  /// The same for a record of a producer's transaction: it counts from `end_transaction` on.
  Result<Replayed> replay_in_transaction(ProducerId producer, Bytes key,
                                         std::optional<Bytes> value);
  /// The log has been replayed: members get a fresh session, groups above the size limit rebalance.
  GroupOutput finish_loading(const Moment& at);

  // Requests; each gets exactly one reply for its token, now or from a later call ----------------

  /// Answers at once with an error, with MEMBER_ID_REQUIRED or with the current generation;
  /// otherwise parks until the join barrier opens. `rng` makes member ids.
  GroupOutput join(const protocol::JoinGroupRequest& request, const GroupClient& client,
                   ReplyToken token, const Moment& at, const TopicDirectory& topics, Rng& rng);
  /// Parks until the leader's assignment is committed.
  GroupOutput sync(const protocol::SyncGroupRequest& request, ReplyToken token, const Moment& at,
                   const TopicDirectory& topics);
  GroupOutput heartbeat(const protocol::HeartbeatRequest& request, ReplyToken token,
                        const Moment& at, const TopicDirectory& topics);
  /// `client.api_version` tells the shape: one member up to version 2, a batch from 3 on.
  GroupOutput leave(const protocol::LeaveGroupRequest& request, const GroupClient& client,
                    ReplyToken token, const Moment& at, const TopicDirectory& topics);
  /// Parks until the offsets are committed, unless there is nothing to write. The answer has the
  /// request's topics and partitions in the request's order.
  GroupOutput offset_commit(const protocol::OffsetCommitRequest& request, const GroupClient& client,
                            ReplyToken token, const Moment& at, const TopicDirectory& topics);
  /// Joins, stays and leaves in a group of the consumer protocol. Parks until what it changed, and
  /// what it was decided on, is committed. `rng` makes the member id that version 0 asks for.
  GroupOutput consumer_heartbeat(const protocol::ConsumerGroupHeartbeatRequest& request,
                                 const GroupClient& client, ReplyToken token, const Moment& at,
                                 const TopicDirectory& topics, Rng& rng);
  /// Takes back committed offsets of topics that nobody in the group subscribes to. Parks until
  /// that is committed, unless there is nothing to take back.
  GroupOutput offset_delete(const protocol::OffsetDeleteRequest& request, ReplyToken token,
                            const Moment& at, const TopicDirectory& topics);
  /// The same within a transaction that the shell has found to be open. The answer tells that the
  /// offsets are in the log; they count once the transaction is committed.
  GroupOutput txn_offset_commit(const protocol::OffsetCommitRequest& request,
                                const TransactionOf& transaction, const GroupClient& client,
                                ReplyToken token, const Moment& at, const TopicDirectory& topics);
  /// Deletes a group without members, its offsets included. Parks until that is committed.
  GroupOutput delete_group(std::string_view group_id, ReplyToken token, const Moment& at);

  // Readers -----------------------------------------------------------------------------------

  /// Committed offsets of one group, in the shape of versions 8 and up. For an older request pass
  /// `single_group_form(request)` and shape the answer with `flat_form`.
  [[nodiscard]] protocol::OffsetFetchResponse::OffsetFetchResponseGroup offset_fetch(
      const protocol::OffsetFetchRequest::OffsetFetchRequestGroup& request,
      std::int16_t api_version, const TopicDirectory& topics, bool require_stable = false) const;
  /// A group that is not here is "Dead"; from version 6 on that is an error as well. Authorized
  /// operations are left unset.
  [[nodiscard]] protocol::DescribeGroupsResponse::DescribedGroup describe(
      std::string_view group_id, std::int16_t api_version) const;
  /// GROUP_ID_NOT_FOUND for a group that is not here or of the classic protocol. Authorized
  /// operations are left unset.
  [[nodiscard]] protocol::ConsumerGroupDescribeResponse::DescribedGroup describe_consumer(
      std::string_view group_id, const TopicDirectory& topics) const;
  /// Adds the group's rebalances since this coordinator was loaded, oldest first, the one that is
  /// running last; and when that was. Also for a group that is gone.
  void describe_rebalances(std::string_view group_id,
                           protocol::DescribeGroupsResponse::DescribedGroup& to) const;
  /// Filters are names of states ("Stable") and types ("classic"), whatever their case; an empty
  /// filter lets all pass. In the order of the group ids.
  [[nodiscard]] std::vector<protocol::ListGroupsResponse::ListedGroup> list(
      const std::vector<std::string>& states, const std::vector<std::string>& types) const;

  // Events ------------------------------------------------------------------------------------

  /// The records of `ticket` are committed: replays them and releases who waited for them.
  GroupOutput committed(Ticket ticket, const Moment& at);
  /// The records of `ticket` are not in the log and never will be. `error` is what the append gave,
  /// as produce would report it; members are told what the protocol says for it. A log that lost a
  /// write has none that was made after it: either this is told before any later operation, or the
  /// later tickets fail as well.
  GroupOutput failed(Ticket ticket, protocol::ErrorCode error, const Moment& at);
  /// The marker that ends the producer's transaction here is committed, or replayed: its offsets
  /// count, or are forgotten.
  void end_transaction(ProducerId producer, bool commit);
  /// A topic was deleted: its offsets go from every group.
  GroupOutput topic_deleted(std::string_view topic, const Moment& at);
  /// When `tick` must be called at the latest; may be early, never late. Never in the past of what
  /// the last `tick` was given, so a loop of `tick(next_deadline())` advances.
  [[nodiscard]] Instant next_deadline() const;
  /// Does what is due: sessions, join barriers, sync timeouts, write timeouts, offset expiry.
  GroupOutput tick(const Moment& at, const TopicDirectory& topics);
  /// The partition moves away or the broker stops: every parked request is answered with `error`
  /// (NOT_COORDINATOR or COORDINATOR_NOT_AVAILABLE). Outstanding tickets need no report.
  GroupOutput resign(protocol::ErrorCode error);

 private:
  /// A group with all that belongs to it. The volatile group and the durable rest differ while
  /// writes are on their way.
  struct Slot {
    Slot(std::string group_id, const GroupSettings& settings)
        : id{std::move(group_id)}, group{id, settings, recorder} {}
    /// Does the group exist for those who ask? A slot may also be there for a write in flight only.
    [[nodiscard]] bool exists() const {
      return durable.has_value() || !offsets.empty() || offsets.has_pending() ||
             !group.is_pristine() || consumer || !consumer_durable.empty();
    }
    /// Is it of the consumer protocol for those who look?
    [[nodiscard]] bool shows_consumer() const { return consumer && !consumer_durable.empty(); }
    [[nodiscard]] bool has_members() const {
      return consumer ? !consumer->state().members().empty() : group.has_members();
    }
    [[nodiscard]] bool is_idle() const { return consumer ? !has_members() : group.is_idle(); }
    [[nodiscard]] Instant wake_at() const {
      return consumer ? std::min(group.wake_at(), consumer->wake_at()) : group.wake_at();
    }
    [[nodiscard]] OffsetExpiryRule expiry_rule() const;

    const std::string id;
    ConsumerGroupTimes times;
    RebalanceRecorder recorder;
    ClassicGroup group;
    GroupOffsets offsets;
    std::optional<protocol::GroupMetadataValue> durable;  // the last record of its kind
    /// Set while this is a group of the consumer protocol; then `group` is pristine. It has what
    /// is committed and what is on its way, and that is something.
    std::optional<ConsumerGroup> consumer;
    ConsumerGroupState consumer_durable;
    /// When its epoch was written last: in a group without members, since when it has none.
    std::optional<Timestamp> epoch_written;
    Ticket last_change = 0;            // the last write with a change of `consumer`
    std::size_t writes_in_flight = 0;  // > 0 keeps the slot
    Instant wake = Instant::max();     // its entry in `wakes_`, if any
  };

  /// What follows when a write has come to its end: a step of a group, or a reply.
  struct GroupStep {
    Slot* slot;
    GroupWrite write;
  };
  struct Write {
    Ticket ticket = 0;
    Instant deadline;
    std::vector<GroupRecord> records;
    std::optional<TransactionOf> transaction;
    std::vector<std::variant<GroupStep, GroupReply>> steps;  // emptied when the time is up
    std::vector<std::pair<Slot*, TopicPartition>> offsets;   // marked in flight
    std::vector<Slot*> slots;                                // held; one entry per hold
    std::vector<Slot*> changed;                              // their consumer groups, by records
    std::optional<protocol::ErrorCode> outcome;              // reported, NONE for committed
  };
  /// An offset in the log whose transaction has not ended. A later record of the same partition
  /// supersedes it, as it will be when the log is compacted.
  struct PendingOffset {
    std::string group;
    TopicPartition partition;
    std::optional<CommittedOffset> offset;
    std::uint64_t order = 0;  // of its record
    bool superseded = false;
  };
  /// An operation in progress: what goes out, and the write that it may become.
  struct Draft {
    GroupOutput out;
    Write write;
  };

  Slot* find(std::string_view group_id);
  [[nodiscard]] const Slot* find_existing(std::string_view group_id) const;
  Slot& obtain(std::string_view group_id);
  [[nodiscard]] const ConsumerGroupTimes& times_of(std::string_view group_id) const;
  void take(Slot& slot, GroupEffects effects, Draft& draft);
  void add_offset(Slot& slot, const TopicPartition& partition,
                  const std::optional<CommittedOffset>& offset, Draft& draft);
  void add_group_tombstone(Slot& slot, Draft& draft);
  GroupOutput seal(Draft draft, const Moment& at);

  // coordinator_consumer.cpp
  void add_changes(Slot& slot, const std::vector<ConsumerChange>& changes, Draft& draft);
  void erase_consumer(Slot& slot, Draft& draft);
  [[nodiscard]] ConsumerGroupState state_ahead(const Slot& slot) const;
  [[nodiscard]] std::optional<protocol::GroupMetadataValue> classic_ahead(const Slot& slot) const;
  void restore_consumer(Slot& slot, const Moment& at, Draft& draft);
  [[nodiscard]] std::optional<std::vector<ConsumerChange>> beginnings(
      const Slot& slot, const TopicDirectory& topics) const;
  void found_consumer(Slot& slot, const protocol::ConsumerGroupHeartbeatRequest& request,
                      const GroupClient& client, ReplyToken token, const Moment& at,
                      const TopicDirectory& topics, Draft& draft);
  void join_consumer(Slot& slot, const protocol::JoinGroupRequest& request,
                     const GroupClient& client, ReplyToken token, const Moment& at,
                     const TopicDirectory& topics, Rng& rng, Draft& draft);
  void downgrade_if_due(Slot& slot, const Moment& at, const TopicDirectory& topics, Draft& draft);
  /// Writes the changes and answers when they are committed; without any, `reply_behind_changes`.
  void reply_with_changes(Slot& slot, const std::vector<ConsumerChange>& changes, GroupReply reply,
                          Draft& draft);
  void reply_behind_changes(const Slot& slot, GroupReply reply, Draft& draft);
  /// A write with changes of the group has failed, and with it what was decided on top of it.
  void take_back(Slot& slot, Ticket failed, const Moment& at, Draft& draft);
  void settle(Slot& slot);
  GroupOutput reply_at_once(ReplyToken token, GroupReply::Response response) const;

  void apply(DecodedRecord record, Timestamp written);
  void report(Ticket ticket, protocol::ErrorCode outcome);
  GroupOutput drain(const Moment& at, Draft draft);
  void conclude(Write& write, protocol::ErrorCode outcome, const Moment& at, Draft& draft);
  void expire_writes(const Moment& at, Draft& draft);
  void expire_offsets(const Moment& at, Draft& draft);
  protocol::ErrorCode check_commit(const protocol::OffsetCommitRequest& request,
                                   std::int16_t api_version, const Moment& at);
  protocol::ErrorCode check_txn_commit(const protocol::OffsetCommitRequest& request) const;
  /// `refused`: what all partitions are told, if not NONE.
  GroupOutput commit_offsets(const protocol::OffsetCommitRequest& request,
                             protocol::ErrorCode refused,
                             const std::optional<TransactionOf>& transaction,
                             const GroupClient& client, ReplyToken token, const Moment& at,
                             const TopicDirectory& topics);
  void hold(ProducerId producer, DecodedRecord record);
  void supersede(const std::string& group, const TopicPartition& partition, std::uint64_t order);

  const GroupSettings settings_;
  bool loaded_ = false;
  std::map<std::string, std::unique_ptr<Slot>, std::less<>> slots_;
  std::set<std::pair<Instant, std::string_view>> wakes_;      // the views are the slots' ids
  std::deque<Write> writes_;                                  // ascending tickets, without gaps
  std::map<ProducerId, std::vector<PendingOffset>> pending_;  // ascending `order`
  std::uint64_t offsets_order_ = 0;
  std::size_t writes_expired_ = 0;  // that many in front have no steps left
  Ticket next_ticket_ = 1;
  Instant next_offsets_check_ = Instant::max();
  RebalanceArchive archive_;
  ConsumerGroupTimes usual_times_;
  OwnTimes own_times_;
  Timestamp loaded_at_;
};

/// Versions 1 to 7 of OffsetFetch name one group and its topics at the top.
[[nodiscard]] protocol::OffsetFetchRequest::OffsetFetchRequestGroup single_group_form(
    const protocol::OffsetFetchRequest& request);
[[nodiscard]] protocol::OffsetFetchResponse flat_form(
    const protocol::OffsetFetchResponse::OffsetFetchResponseGroup& group);

/// What members are told when the log refused a write with `error`.
[[nodiscard]] protocol::ErrorCode coordinator_error(protocol::ErrorCode error);

}  // namespace millrace::broker
