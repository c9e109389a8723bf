#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "clients/group_membership.hpp"
#include "clients/group_offsets.hpp"
#include "clients/member_session.hpp"
#include "clients/wakeup.hpp"

namespace millrace::clients {

/// A member of a classic group: joins and heartbeats in the background. A rebalance takes back all
/// partitions, and joining begins when the consumer has let go of them.
class GroupSession final : public MemberSession {
 public:
  GroupSession(Client& client, const ConsumerOptions& options, std::string group,
               std::function<void()> changed);

  /// Takes effect by joining again, if they differ. There are no patterns here.
  void subscribe(std::vector<std::string> names, std::string pattern) override;
  void polled() override;

  [[nodiscard]] std::optional<Revocation> revocation(
      const std::vector<TopicPartition>& held) override;
  void let_go() override;
  [[nodiscard]] std::optional<std::vector<Assignment>> take_assignment() override;
  [[nodiscard]] bool lost() const override { return lost_; }
  [[nodiscard]] std::optional<ClientError> take_error() override {
    return std::exchange(error_, std::nullopt);
  }

  net::Awaitable<Outcome<void>> commit(PartitionOffsets offsets, Instant deadline) override;
  net::Awaitable<void> leave(Instant deadline) override;
  /// Joining may take until its request is answered or given up.
  net::Awaitable<void> stop() override;

  [[nodiscard]] const std::string& group() const override { return member_.group(); }
  [[nodiscard]] const std::string& id() const override { return member_.id(); }
  [[nodiscard]] std::optional<std::int32_t> generation() const override {
    return member_.generation();
  }
  [[nodiscard]] std::optional<Instant> confirmed_at() const override {
    return member_.generation() ? confirmed_at_ : std::nullopt;
  }

 private:
  net::Awaitable<void> join_task();
  net::Awaitable<Outcome<std::vector<TopicPartition>>> join_once(Instant deadline);
  net::Awaitable<void> heartbeat_loop();
  net::Awaitable<void> say_goodbye(Instant deadline);
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
  std::optional<Instant> confirmed_at_;  // the request's time, not the answer's
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
