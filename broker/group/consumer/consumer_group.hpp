#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/group/consumer/changes.hpp"
#include "broker/group/consumer/state.hpp"
#include "broker/group/history.hpp"
#include "broker/group/types.hpp"
#include "protocol/base/rng.hpp"
#include "protocol/messages/consumer_group_describe.hpp"
#include "protocol/messages/consumer_group_heartbeat.hpp"

namespace millrace::broker {

/// What a request comes to: the records that it asks for, already applied to the group it was put
/// to, and the answer to give once they are committed.
struct ConsumerStep {
  std::vector<ConsumerChange> changes;
  protocol::ConsumerGroupHeartbeatResponse response;
};

/// The same for members of the classic protocol.
struct ClassicJoinStep {
  std::vector<ConsumerChange> changes;
  protocol::JoinGroupResponse response;
};
struct ClassicLeaveStep {
  std::vector<ConsumerChange> changes;
  std::vector<protocol::LeaveGroupResponse::MemberResponse> members;  // one per identity
};
struct ClassicHeartbeatStep {
  std::vector<ConsumerChange> changes;  // a look at the topics may bring them
  protocol::ErrorCode error = protocol::ErrorCode::none;
};

/// One group of the consumer protocol (KIP-848): members say in heartbeats what they want and what
/// they have, and are told what to have; the server makes the assignment.
///
/// The state runs ahead of the log: it has the records that are still on their way, so that the
/// next request is decided on top of them, and answers leave when the records are committed. If
/// they fail, `restart_from` puts it back to what is committed.
///
/// Volatile, and begun anew by `restart_from`: sessions, and the time that members have to give up
/// partitions. `wake_at` never lies behind the earliest of these deadlines.
///
/// Owned by the coordinator. `settings`, `times` and `recorder`, which is told of rebalances when
/// they are decided, outlive the group; `times` may change between calls, and what is new counts
/// from a member's next request on.
class ConsumerGroup {
 public:
  ConsumerGroup(std::string id, const ConsumerGroupSettings& settings,
                const ConsumerGroupTimes& times, RebalanceRecorder& recorder)
      : id_{std::move(id)}, settings_{settings}, times_{times}, recorder_{recorder} {}

  /// The group is what `state` says. Known members keep their deadlines; others get fresh ones.
  void restart_from(const ConsumerGroupState& state, Instant now);

  /// The whole protocol: joins, stays, leaves. An error changes nothing. `member_id` is not empty.
  [[nodiscard]] ConsumerStep heartbeat(const protocol::ConsumerGroupHeartbeatRequest& request,
                                       const GroupClient& client, const Moment& at,
                                       const TopicDirectory& topics);
  /// Members of the classic protocol among the others; an error changes nothing.
  /// `session_timeout_ms` of the request is within its bounds.
  [[nodiscard]] ClassicJoinStep classic_join(const protocol::JoinGroupRequest& request,
                                             const GroupClient& client, const Moment& at,
                                             const TopicDirectory& topics, Rng& rng);
  [[nodiscard]] protocol::SyncGroupResponse classic_sync(const protocol::SyncGroupRequest& request,
                                                         const Moment& at,
                                                         const TopicDirectory& topics);
  [[nodiscard]] ClassicHeartbeatStep classic_heartbeat(const protocol::HeartbeatRequest& request,
                                                       const Moment& at,
                                                       const TopicDirectory& topics);
  [[nodiscard]] ClassicLeaveStep classic_leave(
      const std::vector<protocol::LeaveGroupRequest::MemberIdentity>& members, const Moment& at,
      const TopicDirectory& topics);
  /// There are members, and all are of the classic protocol.
  [[nodiscard]] bool has_only_classic_members() const;

  /// Removes members whose session or rebalance time is over.
  [[nodiscard]] std::vector<ConsumerChange> tick(const Moment& at, const TopicDirectory& topics);
  /// What deletes the group; it is empty then.
  [[nodiscard]] std::vector<ConsumerChange> erase();

  /// May this member commit offsets? `epoch` is what the request says, below 0 when it is not of a
  /// member.
  [[nodiscard]] protocol::ErrorCode check_commit(const protocol::OffsetCommitRequest& request,
                                                 std::int16_t api_version) const;

  [[nodiscard]] const ConsumerGroupState& state() const { return state_; }
  [[nodiscard]] Instant wake_at() const { return wake_at_; }

 private:
  using Request = protocol::ConsumerGroupHeartbeatRequest;
  using Response = protocol::ConsumerGroupHeartbeatResponse;
  struct Refusal {
    protocol::ErrorCode error = protocol::ErrorCode::none;
    std::string reason;
  };
  struct RevokeDeadline {
    Instant at;
    std::int32_t epoch = 0;  // that the member must have left by then
  };

  // heartbeat.cpp
  [[nodiscard]] std::optional<Refusal> malformed(const Request& request) const;
  [[nodiscard]] std::optional<Refusal> refused(const Request& request) const;
  [[nodiscard]] std::optional<Refusal> wrong_epoch(const Request& request) const;
  void leave(const Request& request, const Moment& at, const TopicDirectory& topics,
             ConsumerStep& out);
  void stay(const Request& request, const GroupClient& client, const Moment& at,
            const TopicDirectory& topics, ConsumerStep& out);
  void answer(const Request& request, const PartitionSets& had, const Moment& at,
              Response& response) const;

  // classic_members.cpp
  [[nodiscard]] bool is_classic(std::string_view member) const;
  [[nodiscard]] bool supports(const protocol::JoinGroupRequest& request) const;
  [[nodiscard]] protocol::ErrorCode refused(const protocol::JoinGroupRequest& request) const;
  [[nodiscard]] protocol::ErrorCode check_classic(std::string_view id,
                                                  const std::optional<std::string>& instance) const;
  [[nodiscard]] bool should_rejoin(std::string_view id) const;
  /// A member was told to join again; it has its rebalance timeout for that.
  void expect_join(const std::string& id, Instant now);

  // consumer_group.cpp
  void forget_deadlines(const std::string& member);
  void start_session(const std::string& member, Instant now);
  [[nodiscard]] std::chrono::milliseconds rebalance_timeout_of(const std::string& member) const;
  void change(ConsumerChange change, std::vector<ConsumerChange>& out);
  void remove_member(const std::string& id, std::vector<ConsumerChange>& out);
  void drop_unused_regex(const std::optional<std::string>& regex, std::vector<ConsumerChange>& out);
  void follow(const std::string& member, Instant now);
  void arm(Instant deadline) { wake_at_ = std::min(wake_at_, deadline); }

  // target.cpp
  /// Replaces a static member that is away by one of another id.
  void replace_member(const std::string& old_id, const std::string& new_id,
                      std::vector<ConsumerChange>& out);
  /// What the member asks for with this request, on top of what it asked for before.
  [[nodiscard]] MemberSubscription asked(const Request& request, const GroupClient& client) const;
  /// Writes what the member asks for; whether its topics are others than before. `reason`: why, in
  /// the words of the client.
  bool subscribe(const std::string& member, MemberSubscription after, const Moment& at,
                 const TopicDirectory& topics, std::string_view reason,
                 std::vector<ConsumerChange>& out);
  void look_at_topics(bool subscriptions_changed, const Moment& at, const TopicDirectory& topics,
                      std::vector<ConsumerChange>& out);
  void resolve_regexes(bool all, const Moment& at, const TopicDirectory& topics,
                       std::vector<ConsumerChange>& out);
  void make_target(const Moment& at, const TopicDirectory& topics,
                   std::vector<ConsumerChange>& out);
  /// Until when a new target has to wait; nothing when it may be made at `wall`.
  [[nodiscard]] std::optional<std::chrono::milliseconds> target_due_in(Timestamp wall) const;

  // recording.cpp
  /// Something happens to a member, or to the group when there is no id, that moves the epoch on.
  /// Call it before.
  void note(RebalanceCause cause, const std::string& id, const MemberSubscription* member,
            const Moment& at, const TopicDirectory& topics, std::string_view reason = {});
  void note_end(const Moment& at, const TopicDirectory& topics);
  [[nodiscard]] Ownership ownership(const TopicDirectory& topics) const;

  std::string id_;
  const ConsumerGroupSettings& settings_;
  const ConsumerGroupTimes& times_;
  RebalanceRecorder& recorder_;
  ConsumerGroupState state_;
  std::map<std::string, Instant, std::less<>> sessions_;        // of every member
  std::map<std::string, RevokeDeadline, std::less<>> revokes_;  // of those in unrevoked_partitions
  // Of classic members: until when they must have joined again, and have asked for what they have.
  std::map<std::string, Instant, std::less<>> joins_due_;
  std::map<std::string, Instant, std::less<>> syncs_due_;
  std::optional<std::uint64_t> topics_seen_;  // revision of the directory that was last looked at
  Instant next_look_at_topics_;
  Instant wake_at_ = Instant::max();
};

/// The assignor that most members ask for; the first of the settings if none does, or on a tie the
/// one that stands first there.
[[nodiscard]] std::string preferred_assignor(const ConsumerGroupState& state,
                                             const ConsumerGroupSettings& settings);

/// Topics that do not exist any more are left out of the assignments.
[[nodiscard]] protocol::ConsumerGroupDescribeResponse::DescribedGroup describe_consumer_group(
    const std::string& id, const ConsumerGroupState& state, const ConsumerGroupSettings& settings,
    const TopicDirectory& topics);

}  // namespace millrace::broker
