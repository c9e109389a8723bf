#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "clients/backoff.hpp"
#include "clients/group_offsets.hpp"
#include "clients/heartbeat_membership.hpp"
#include "clients/member_session.hpp"
#include "clients/wakeup.hpp"

namespace millrace::clients {

/// A member of a group of the consumer protocol: sends the heartbeats that its core makes, finds
/// out names and positions of what was assigned, and hands both to `poll`.
class HeartbeatSession final : public MemberSession {
 public:
  HeartbeatSession(Client& client, const ConsumerOptions& options, std::string group,
                   std::function<void()> changed);

  void subscribe(std::vector<std::string> names, std::string pattern) override;
  void polled() override;
  [[nodiscard]] std::optional<Revocation> revocation(
      const std::vector<TopicPartition>& held) override;
  void let_go() override;
  [[nodiscard]] std::optional<std::vector<Assignment>> take_assignment() override;
  [[nodiscard]] bool lost() const override { return member_.is_out(); }
  [[nodiscard]] std::optional<ClientError> take_error() override {
    return std::exchange(error_, std::nullopt);
  }
  net::Awaitable<Outcome<void>> commit(PartitionOffsets offsets, Instant deadline) override;
  net::Awaitable<void> leave(Instant deadline) override;
  net::Awaitable<void> stop() override;

  [[nodiscard]] const std::string& group() const override { return member_.group(); }
  [[nodiscard]] const std::string& id() const override { return member_.id(); }
  [[nodiscard]] std::optional<std::int32_t> generation() const override { return member_.epoch(); }
  [[nodiscard]] std::optional<Instant> confirmed_at() const override {
    return member_.epoch() ? confirmed_at_ : std::nullopt;
  }

 private:
  using Starts = std::map<TopicIdPartition, Assignment>;
  /// Names and starting positions of what was assigned; good while the version is the membership's.
  struct Prepared {
    std::uint64_t version = 0;
    Starts starts;
  };

  net::Awaitable<void> heartbeat_loop();
  net::Awaitable<void> beat();
  net::Awaitable<Outcome<std::shared_ptr<BrokerConnection>>> connect(Instant deadline);
  void failed(const ClientError& error);
  void heard(HeartbeatMembership::Answer answer);
  net::Awaitable<void> say_goodbye(Instant deadline);
  void prepare_if_due();
  net::Awaitable<void> prepare(std::uint64_t version, IdPartitions partitions);
  net::Awaitable<Outcome<Starts>> look_up(IdPartitions partitions, Instant deadline);
  net::Awaitable<Outcome<void>> learn_names(IdPartitions partitions, Instant deadline);
  [[nodiscard]] std::vector<TopicId> unnamed(const IdPartitions& partitions);
  [[nodiscard]] PartitionOffsets still_owned(const PartitionOffsets& offsets) const;

  Client& client_;
  const ConsumerOptions& options_;
  std::function<void()> changed_;
  HeartbeatMembership member_;
  Lane lane_;
  Backoff backoff_;
  Instant last_poll_;
  std::optional<Instant> confirmed_at_;  // the request's time, not the answer's
  std::map<TopicId, std::string> names_;
  IdPartitions going_;  // what `revocation` said last
  std::optional<Prepared> prepared_;
  bool preparing_ = false;
  bool beating_ = false;
  bool stopped_ = false;
  std::optional<ClientError> error_;
  Wakeup wakeup_;    // of the heartbeat loop
  WaitList beaten_;  // a heartbeat has come to its end
  net::TaskGroup tasks_;
};

}  // namespace millrace::clients
