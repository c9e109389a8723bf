#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "clients/assignor.hpp"
#include "clients/consumer.hpp"
#include "protocol/messages/heartbeat.hpp"
#include "protocol/messages/join_group.hpp"
#include "protocol/messages/leave_group.hpp"
#include "protocol/messages/sync_group.hpp"

namespace millrace::clients {

/// The partitions in the opaque bytes of an assignment; nothing when they are not in the consumer
/// protocol's form. Empty bytes are an empty assignment.
[[nodiscard]] std::optional<std::vector<TopicPartition>> read_assignment(const SharedBytes& bytes);

/// What a member of a classic group knows of itself, the requests it sends, and what their answers
/// mean. A core: the shell sends.
///
///   unjoined --JoinGroup--> joined --SyncGroup--> stable
///   any --rejoin--> unjoined, keeping the member id; --forgotten--> unjoined, without it
class GroupMembership {
 public:
  GroupMembership(const ConsumerOptions& options, std::string group)
      : options_{options}, group_{std::move(group)} {}

  void set_topics(std::vector<std::string> topics) { topics_ = std::move(topics); }
  [[nodiscard]] const std::vector<std::string>& topics() const { return topics_; }
  [[nodiscard]] const std::string& group() const { return group_; }
  [[nodiscard]] const std::string& id() const { return id_; }
  /// While joined.
  [[nodiscard]] std::optional<std::int32_t> generation() const { return generation_; }

  struct JoinAgain {
    friend bool operator==(const JoinAgain&, const JoinAgain&) = default;
  };
  /// Another coordinator may know: look it up, then repeat.
  struct FindCoordinator {
    friend bool operator==(const FindCoordinator&, const FindCoordinator&) = default;
  };
  struct Sync {
    /// For the leader: who wants what, to be assigned by `sync_request`. Empty for the others.
    std::vector<GroupSubscriber> members;
  };
  using AfterJoin = std::variant<Sync, JoinAgain, FindCoordinator, ClientError>;
  using AfterSync =
      std::variant<std::vector<TopicPartition>, JoinAgain, FindCoordinator, ClientError>;
  enum class AfterHeartbeat : std::uint8_t {
    fine,
    rejoin,            ///< a rebalance: the partitions are still ours until we have joined
    lost,              ///< the group went on without us
    find_coordinator,  ///< nothing is lost yet
    fenced,            ///< another consumer has our instance id
  };

  [[nodiscard]] protocol::JoinGroupRequest join_request() const;
  AfterJoin joined(const protocol::JoinGroupResponse& response);
  [[nodiscard]] protocol::SyncGroupRequest sync_request(
      const std::vector<GroupSubscriber>& members,
      const std::map<std::string, std::int32_t>& partition_counts) const;
  AfterSync synced(const protocol::SyncGroupResponse& response);
  [[nodiscard]] protocol::HeartbeatRequest heartbeat_request() const;
  /// Also for the codes that OffsetCommit gives to a member.
  AfterHeartbeat heartbeat_answered(protocol::ErrorCode code);
  [[nodiscard]] protocol::LeaveGroupRequest leave_request() const;
  /// This member is out of the group, and keeps its id unless `forget_id`.
  void left(bool forget_id);

 private:
  const ConsumerOptions& options_;
  std::string group_;
  std::vector<std::string> topics_;
  std::string id_;
  std::optional<std::int32_t> generation_;
  std::string assignor_;  // of this generation
};

}  // namespace millrace::clients
