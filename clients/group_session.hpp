#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "clients/group_membership.hpp"
#include "clients/group_offsets.hpp"
#include "clients/wakeup.hpp"

namespace millrace::clients {

/// Keeps one consumer in its group: joins and heartbeats in the background, and tells the consumer
/// what has happened by flags that it reads in `poll`, calling `changed` when it should look.
/// Owned by the consumer and used from its thread; await `stop` before destroying it.
class GroupSession {
 public:
  GroupSession(Client& client, const ConsumerOptions& options, std::string group,
               std::function<void()> changed);

  /// Takes effect by joining again, if they differ.
  void set_topics(std::vector<std::string> topics);
  /// The application shows that it is alive.
  void polled();

  /// A rebalance waits for the consumer to let go of its partitions and call `join`.
  [[nodiscard]] bool wants_join() const { return wants_join_; }
  /// What it holds belongs to others already: commits are refused.
  [[nodiscard]] bool lost() const { return lost_; }
  /// Starts joining; the consumer holds nothing from here until `take_assignment`.
  void join();
  /// What was assigned and where to start; once per successful join.
  [[nodiscard]] std::optional<std::vector<Assignment>> take_assignment();
  /// Why joining has failed; the next `poll` tries again.
  [[nodiscard]] std::optional<ClientError> take_error() {
    return std::exchange(error_, std::nullopt);
  }

  net::Awaitable<Outcome<void>> commit(PartitionOffsets offsets, Instant deadline);
  net::Awaitable<void> leave(Instant deadline);
  /// Ends what runs in the background. Joining may take until its request is answered or given up.
  net::Awaitable<void> stop();

  [[nodiscard]] const GroupMembership& member() const { return member_; }
  [[nodiscard]] Lane lane() const { return lane_; }

 private:
  net::Awaitable<void> join_task();
  net::Awaitable<Outcome<std::vector<TopicPartition>>> join_once(Instant deadline);
  net::Awaitable<Outcome<std::vector<Assignment>>> start_positions(
      std::vector<TopicPartition> partitions, Instant deadline);
  net::Awaitable<void> heartbeat_loop();
  net::Awaitable<Outcome<std::map<std::string, std::int32_t>>> count_partitions(
      const std::vector<GroupSubscriber>& members, Instant deadline);
  [[nodiscard]] bool partition_counts_changed() const;
  void heard(GroupMembership::AfterHeartbeat what);

  Client& client_;
  const ConsumerOptions& options_;
  std::function<void()> changed_;
  GroupMembership member_;
  Lane lane_;
  Instant last_poll_;
  bool wants_join_ = true;
  bool joining_ = false;
  bool lost_ = false;
  bool stopped_ = false;
  std::optional<std::vector<Assignment>> assignment_;
  std::optional<ClientError> error_;
  std::map<std::string, std::int32_t> counted_;  // by the leader, for its last assignment
  Wakeup heartbeat_;
  net::TaskGroup tasks_;
};

}  // namespace millrace::clients
