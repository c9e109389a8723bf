#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "broker/group/history.hpp"
#include "broker/group/member.hpp"
#include "broker/group/offsets.hpp"
#include "broker/group/types.hpp"
#include "protocol/base/rng.hpp"
#include "protocol/messages/describe_groups.hpp"
#include "protocol/messages/group_records.hpp"

namespace millrace::broker {

enum class GroupState { empty, preparing_rebalance, completing_rebalance, stable };

/// Kafka's name: "PreparingRebalance".
[[nodiscard]] std::string_view to_string(GroupState state);
std::ostream& operator<<(std::ostream& out, GroupState state);

/// A group's metadata that wants to be written, with what to do once it is, or is not.
struct GroupWrite {
  /// A static member came back under a new id while the group was stable.
  struct StaticRejoin {
    std::string member_id;
    ReplyToken token;
    std::int16_t api_version;
    std::string leader_before;
    GroupMember before;  // to go back to
  };
  enum class Kind { emptied, assignment, static_rejoin };

  Kind kind;
  protocol::GroupMetadataValue value;
  std::optional<StaticRejoin> rejoin;  // set exactly for static_rejoin
};

/// What a step of a group asks for.
struct GroupEffects {
  std::vector<GroupReply> replies;
  std::vector<GroupWrite> writes;
};

/// One classic group: its members and the rounds in which they agree on who consumes what. The
/// server only brings the members together; the leader, a client, makes the assignment.
///
///     Empty                no members (but maybe some that were sent away to come back with an id)
///       | a member joins
///     PreparingRebalance   the join barrier: JoinGroup requests are parked until all members are
///       |                  here or the time is up; it opens into the next generation
///     CompletingRebalance  SyncGroup requests are parked until the leader's assignment is durable
///       |
///     Stable               members consume and send heartbeats
///
/// Besides these: PreparingRebalance -> Empty when nobody is left at the barrier; and from
/// CompletingRebalance and Stable back to PreparingRebalance when a member comes, goes or changes.
/// There is no other transition. A deleted group ("Dead") is one that does not exist.
///
/// Volatile state only: what must survive a restart goes out as a `GroupWrite`, and is acted upon
/// in `written`. Owned by the coordinator; `settings` and `recorder`, which is told of rebalances,
/// outlive the group. Timeouts are kept as deadlines; `wake_at` never lies behind the earliest of
/// them.
class ClassicGroup {
 public:
  ClassicGroup(std::string id, const GroupSettings& settings, RebalanceRecorder& recorder);

  /// The last generation as the log tells it; the group must be new. Call `resume` afterwards.
  void restore(const protocol::GroupMetadataValue& value);
  /// Loading is over: sessions start, and a group above the size limit rebalances.
  void resume(const Moment& at, GroupEffects& out);
  /// Goes on as what a group of the consumer protocol was, with these members, and rebalances. The
  /// group must be new; `protocols` has all that members support.
  void take_over(const protocol::GroupMetadataValue& value,
                 std::map<std::string, std::vector<GroupMember::Protocol>> protocols,
                 const Moment& at, GroupEffects& out);
  /// The members go on elsewhere: it is as new, and who is parked here is told to come again.
  void dissolve(GroupEffects& out);

  void join(const protocol::JoinGroupRequest& request, const GroupClient& client, ReplyToken token,
            const Moment& at, Rng& rng, GroupEffects& out);
  void sync(const protocol::SyncGroupRequest& request, ReplyToken token, const Moment& at,
            GroupEffects& out);
  [[nodiscard]] protocol::ErrorCode heartbeat(const protocol::HeartbeatRequest& request,
                                              const Moment& at);
  /// Takes out all that are named; rebalances once. One result per identity, in their order.
  std::vector<protocol::LeaveGroupResponse::MemberResponse> leave(
      const std::vector<protocol::LeaveGroupRequest::MemberIdentity>& members, const Moment& at,
      GroupEffects& out);
  /// May these offsets be committed? Counts as a sign of life of the member.
  [[nodiscard]] protocol::ErrorCode check_commit(const protocol::OffsetCommitRequest& request,
                                                 const Moment& at);

  /// The same within a transaction, whose producer need not say for whom, and which is not held up
  /// by a rebalance. No sign of life.
  [[nodiscard]] protocol::ErrorCode check_txn_commit(
      const protocol::OffsetCommitRequest& request) const;

  void written(const GroupWrite& write, const Moment& at, GroupEffects& out);
  /// `error` is what members are told.
  void write_failed(const GroupWrite& write, protocol::ErrorCode error, const Moment& at,
                    GroupEffects& out);
  void tick(const Moment& at, GroupEffects& out);
  /// The group was deleted while idle: it is as new.
  void forget();
  /// Answers everybody who is parked; nothing else may be called afterwards.
  void abandon(protocol::ErrorCode error, GroupEffects& out);

  [[nodiscard]] Instant wake_at() const { return wake_at_; }
  [[nodiscard]] GroupState state() const { return state_; }
  [[nodiscard]] std::int32_t generation() const { return generation_; }
  [[nodiscard]] const std::string& protocol_type() const { return protocol_type_; }
  [[nodiscard]] bool has_members() const { return !members_.empty(); }
  /// By id.
  [[nodiscard]] const std::map<std::string, GroupMember, std::less<>>& members() const {
    return members_;
  }
  /// Chosen for the generation; empty outside of one.
  [[nodiscard]] const std::string& protocol() const { return protocol_; }
  /// Nobody has ever been in it, and nobody is on the way.
  [[nodiscard]] bool is_pristine() const;
  /// No members, and nobody is on the way.
  [[nodiscard]] bool is_idle() const { return state_ == GroupState::empty && pending_.empty(); }
  [[nodiscard]] OffsetExpiryRule expiry_rule() const;
  /// Only of members of protocol type "consumer" it is known what they subscribe to.
  [[nodiscard]] bool has_known_subscriptions() const;
  /// Between generations, and where a member's subscription cannot be read, every topic counts.
  /// Meaningful if `has_known_subscriptions`.
  [[nodiscard]] bool is_subscribed(std::string_view topic) const;
  /// Members' metadata and assignments show only when Stable.
  void describe(protocol::DescribeGroupsResponse::DescribedGroup& to) const;

 private:
  using Members = std::map<std::string, GroupMember, std::less<>>;

  /// Why the group waits in PreparingRebalance, and until when.
  struct Barrier {
    Instant deadline;
    /// The first generation waits for its time even if all known members are here.
    bool initial = false;
    bool member_added = false;                    // since the deadline was set; initial only
    std::chrono::milliseconds extension_left{0};  // initial only
  };

  // group_join.cpp
  [[nodiscard]] bool accepts(const protocol::JoinGroupRequest& request) const;
  [[nodiscard]] bool supports(const protocol::JoinGroupRequest& request) const;
  void join_new(const protocol::JoinGroupRequest& request, const GroupClient& client,
                ReplyToken token, const Moment& at, Rng& rng, GroupEffects& out);
  void join_known(const protocol::JoinGroupRequest& request, const GroupClient& client,
                  ReplyToken token, const Moment& at, GroupEffects& out);
  void rejoin_static(const protocol::JoinGroupRequest& request, const GroupClient& client,
                     std::string new_id, ReplyToken token, const Moment& at, GroupEffects& out);
  void add_member(const protocol::JoinGroupRequest& request, const GroupClient& client,
                  std::string id, ReplyToken token, const Moment& at, GroupEffects& out);
  void update_member(GroupMember& member, const protocol::JoinGroupRequest& request,
                     ReplyToken token, GroupEffects& out);
  GroupMember& rename_member(std::string_view old_id, std::string new_id);
  void refuse_join(ReplyToken token, protocol::ErrorCode error, std::string member_id,
                   GroupEffects& out) const;
  /// The current generation as an answer to a member's JoinGroup.
  [[nodiscard]] protocol::JoinGroupResponse current_generation(const GroupMember& member,
                                                               bool with_members) const;

  // group.cpp: the barrier and the generations
  void rebalance(const Moment& at, GroupEffects& out);
  void rebalance_or_open(const Moment& at, GroupEffects& out);
  void open_if_all_joined(const Moment& at, GroupEffects& out);
  void open_barrier(const Moment& at, GroupEffects& out);
  void extend_or_open_barrier(const Moment& at, GroupEffects& out);
  [[nodiscard]] bool elect_leader();
  [[nodiscard]] std::string select_protocol() const;
  [[nodiscard]] std::chrono::milliseconds rebalance_timeout() const;
  void move_to(GroupState next, const Moment& at);
  void remove_member(std::string_view id, GroupEffects& out);
  void count_protocols(const GroupMember& member, int change);
  void start_session(GroupMember& member, const Moment& at);
  /// Something happens to `member`, or to the group, that makes it rebalance. Call it before.
  void note(RebalanceCause cause, const GroupMember* member, const Moment& at,
            std::string_view reason = {});
  [[nodiscard]] Ownership ownership() const;
  void arm(Instant deadline) { wake_at_ = std::min(wake_at_, deadline); }
  void expire_members(const Moment& at, GroupEffects& out);
  void expire_sync(const Moment& at, GroupEffects& out);

  // group_sync.cpp
  /// NONE, UNKNOWN_MEMBER_ID or FENCED_INSTANCE_ID.
  [[nodiscard]] protocol::ErrorCode check_member(
      std::string_view id, const std::optional<std::string>& instance_id) const;
  [[nodiscard]] protocol::ErrorCode check_sync(const protocol::SyncGroupRequest& request) const;
  [[nodiscard]] protocol::SyncGroupResponse assignment_of(const GroupMember& member) const;

  // group_replies.cpp
  void park_join(GroupMember& member, ReplyToken token, GroupEffects& out);
  void park_sync(GroupMember& member, ReplyToken token, GroupEffects& out);
  void answer_join(GroupMember& member, protocol::JoinGroupResponse response, GroupEffects& out);
  void refuse_join(GroupMember& member, protocol::ErrorCode error, GroupEffects& out);
  void answer_sync(GroupMember& member, protocol::SyncGroupResponse response, GroupEffects& out);
  void refuse_sync(GroupMember& member, protocol::ErrorCode error, GroupEffects& out);
  void cancel_syncs(protocol::ErrorCode error, GroupEffects& out);

  // group_write.cpp
  [[nodiscard]] std::optional<std::set<std::string>> subscriptions() const;
  [[nodiscard]] protocol::GroupMetadataValue metadata_value() const;
  void undo_rejoin(const GroupWrite::StaticRejoin& rejoin, protocol::ErrorCode error,
                   const Moment& at, GroupEffects& out);

  std::string id_;
  const GroupSettings& settings_;
  RebalanceRecorder& recorder_;
  GroupState state_ = GroupState::empty;
  std::int32_t generation_ = 0;           // never goes back
  std::string protocol_type_;             // empty until the first member ever joined
  std::string protocol_;                  // chosen for the generation; empty outside of one
  std::string leader_;                    // a member's id, or empty until the barrier elects one
  std::optional<Timestamp> state_since_;  // unknown for groups from very old logs

  Members members_;
  std::map<std::string, std::string, std::less<>> static_ids_;  // instance id -> member id
  std::map<std::string, Instant, std::less<>> pending_;  // ids given out by MEMBER_ID_REQUIRED
  std::map<std::string, std::size_t, std::less<>> protocol_counts_;  // members that support it; > 0
  std::size_t joined_ = 0;        // members with a parked JoinGroup
  std::uint64_t join_order_ = 0;  // ascending over parked JoinGroups, for the election

  std::optional<Barrier> barrier_;        // set exactly in PreparingRebalance
  std::optional<Instant> sync_deadline_;  // while members of this generation have not synced
  bool assignment_in_flight_ = false;     // in CompletingRebalance: the leader has synced
  Instant wake_at_ = Instant::max();
};

}  // namespace millrace::broker
