#include "clients/group_session.hpp"

#include <fmt/format.h>

#include <set>

#include "clients/backoff.hpp"

namespace millrace::clients {

using protocol::ErrorCode;
using AfterHeartbeat = GroupMembership::AfterHeartbeat;

GroupSession::GroupSession(Client& client, const ConsumerOptions& options, std::string group,
                           std::function<void()> changed)
    : client_{client},
      options_{options},
      changed_{std::move(changed)},
      member_{options, std::move(group)},
      lane_{client.make_lane()},
      last_poll_{client.now()},
      heartbeat_{client.scheduler()},
      tasks_{client.scheduler().executor()} {
  tasks_.spawn(heartbeat_loop());
}

void GroupSession::subscribe(std::vector<std::string> names, std::string /*pattern*/) {
  if (names == member_.topics()) return;
  member_.set_topics(std::move(names));
  wants_join_ = true;
}

void GroupSession::polled() {
  last_poll_ = client_.now();
}

std::optional<MemberSession::Revocation> GroupSession::revocation(
    const std::vector<TopicPartition>& held) {
  if (!wants_join_ || joining_ || stopped_) return std::nullopt;
  return Revocation{.partitions = held, .lost = lost_};
}

void GroupSession::let_go() {
  if (joining_ || stopped_) return;
  wants_join_ = false;
  lost_ = false;
  joining_ = true;
  assignment_.reset();
  tasks_.spawn(join_task());
}

std::optional<std::vector<Assignment>> GroupSession::take_assignment() {
  return std::exchange(assignment_, std::nullopt);
}

net::Awaitable<void> GroupSession::join_task() {
  Backoff backoff{client_.options().retry_backoff_min, client_.options().retry_backoff_max};
  Wakeup pause{client_.scheduler()};
  while (!stopped_) {
    // A join is answered when every member has come or the rebalance timeout is over.
    const auto deadline =
        client_.now() + options_.poll_interval_max + client_.options().request_timeout;
    auto partitions = co_await join_once(deadline);
    if (partitions) {
      auto starts = co_await group_start_positions(client_, lane_, member_.group(), options_.reset,
                                                   std::move(*partitions), deadline);
      if (starts) {
        assignment_ = std::move(*starts);
        break;
      }
      partitions = starts.error();
    }
    if (!partitions.error().retriable) {
      error_ = partitions.error();
      wants_join_ = true;
      break;
    }
    backoff.failed(client_.now(), client_.rng());
    co_await pause.wait_until(backoff.next_try());
  }
  joining_ = false;
  heartbeat_.wake();
  changed_();
}

net::Awaitable<Outcome<std::vector<TopicPartition>>> GroupSession::join_once(Instant deadline) {
  const auto& group = member_.group();
  const ClientError again{.code = Errc::timed_out,
                          .message = fmt::format("joining group {} has to begin again", group),
                          .retriable = true};
  const auto broker = co_await client_.find_coordinator(CoordinatorType::group, group, deadline);
  if (!broker) co_return broker.error();
  const auto connection = co_await client_.connection_to(*broker, lane_, deadline);
  if (!connection) {
    client_.forget_coordinator(CoordinatorType::group, group);
    co_return connection.error();
  }
  const auto join_answer = co_await (*connection)->call(member_.join_request(), deadline);
  if (!join_answer) {
    client_.forget_coordinator(CoordinatorType::group, group);
    co_return join_answer.error();
  }
  const auto joined = member_.joined(*join_answer);
  if (const auto* error = std::get_if<ClientError>(&joined)) co_return *error;
  if (std::holds_alternative<GroupMembership::FindCoordinator>(joined)) {
    client_.forget_coordinator(CoordinatorType::group, group);
  }
  const auto* sync = std::get_if<GroupMembership::Sync>(&joined);
  if (sync == nullptr) co_return again;

  const auto counts = co_await count_partitions(sync->members, deadline);
  if (!counts) co_return counts.error();
  auto sync_request = member_.sync_request(sync->members, *counts);
  const auto sent = client_.now();
  const auto sync_answer = co_await (*connection)->call(std::move(sync_request), deadline);
  if (!sync_answer) co_return sync_answer.error();
  const auto synced = member_.synced(*sync_answer);
  if (const auto* error = std::get_if<ClientError>(&synced)) co_return *error;
  if (std::holds_alternative<GroupMembership::FindCoordinator>(synced)) {
    client_.forget_coordinator(CoordinatorType::group, group);
  }
  const auto* partitions = std::get_if<std::vector<TopicPartition>>(&synced);
  if (partitions == nullptr) co_return again;
  confirmed_at_ = sent;
  co_return *partitions;
}

net::Awaitable<Outcome<std::map<std::string, std::int32_t>>> GroupSession::count_partitions(
    const std::vector<GroupSubscriber>& members, Instant deadline) {
  std::set<std::string> wanted;
  for (const auto& member : members) wanted.insert(member.topics.begin(), member.topics.end());
  counted_.clear();
  if (wanted.empty()) co_return counted_;  // not the leader
  std::vector<std::string> topics{wanted.begin(), wanted.end()};
  const auto refreshed = co_await client_.refresh_metadata(std::move(topics), deadline);
  if (!refreshed) co_return refreshed.error();
  for (const auto& name : wanted) {
    const auto* info = client_.metadata().topic(name);
    // A topic that is not there yet is shared out once it is.
    const bool there = info != nullptr && info->error == ErrorCode::none;
    counted_[name] = there ? static_cast<std::int32_t>(info->partitions.size()) : 0;
  }
  co_return counted_;
}

bool GroupSession::partition_counts_changed() const {
  for (const auto& [name, count] : counted_) {
    const auto* info = client_.metadata().topic(name);
    if (info == nullptr || info->error != ErrorCode::none) continue;
    if (static_cast<std::int32_t>(info->partitions.size()) != count) return true;
  }
  return false;
}

void GroupSession::heard(AfterHeartbeat what) {
  switch (what) {
    case AfterHeartbeat::fine:
      return;
    case AfterHeartbeat::find_coordinator:
      client_.forget_coordinator(CoordinatorType::group, member_.group());
      return;
    case AfterHeartbeat::fenced:
      error_ = ClientError{
          .code = Errc::fenced,
          .broker_code = ErrorCode::fenced_instance_id,
          .message = fmt::format("another consumer has joined group {} as "
                                 "instance {}; stop one of them",
                                 member_.group(), options_.group_instance_id.value_or(""))};
      [[fallthrough]];
    case AfterHeartbeat::lost:
      lost_ = true;
      [[fallthrough]];
    case AfterHeartbeat::rejoin:
      wants_join_ = true;
      changed_();
  }
}

net::Awaitable<void> GroupSession::heartbeat_loop() {
  while (!stopped_) {
    co_await heartbeat_.wait_until(client_.now() + options_.heartbeat_interval);
    if (stopped_ || joining_ || !member_.generation()) continue;
    const auto generation = member_.generation();
    if (client_.now() - last_poll_ > options_.poll_interval_max) {
      // The others should not wait for an application that has stopped asking.
      co_await say_goodbye(client_.now() + options_.heartbeat_interval);
      heard(AfterHeartbeat::lost);
      continue;
    }
    if (partition_counts_changed()) heard(AfterHeartbeat::rejoin);
    const auto sent = client_.now();
    const auto deadline = sent + options_.session_timeout;
    const auto response = co_await client_.call_coordinator(CoordinatorType::group, member_.group(),
                                                            member_.heartbeat_request(), deadline,
                                                            TopLevelError{}, lane_);
    if (generation != member_.generation()) continue;  // about a generation that is over
    if (response) {
      const auto what = member_.heartbeat_answered(response->error_code);
      if (response->error_code == ErrorCode::none) confirmed_at_ = sent;
      heard(what);
    } else if (client_.now() >= deadline) {
      member_.left(false);
      heard(AfterHeartbeat::lost);
    }
  }
}

net::Awaitable<Outcome<void>> GroupSession::commit(PartitionOffsets offsets, Instant deadline) {
  if (!member_.generation()) co_return not_a_member(member_.group());
  Committer as{.generation = *member_.generation(),
               .member_id = member_.id(),
               .instance_id = options_.group_instance_id};
  const auto outcomes = co_await commit_group_offsets(client_, lane_, member_.group(), as,
                                                      std::move(offsets), deadline);
  if (!outcomes) co_return outcomes.error();
  for (const auto& [at, outcome] : *outcomes) {
    if (outcome) continue;
    if (member_.generation() == as.generation) {
      heard(member_.heartbeat_answered(outcome.error().broker_code));
    }
    co_return outcome.error();
  }
  co_return Outcome<void>{};
}

net::Awaitable<void> GroupSession::leave(Instant deadline) {
  if (!options_.group_instance_id) co_await say_goodbye(deadline);
}

net::Awaitable<void> GroupSession::say_goodbye(Instant deadline) {
  if (member_.id().empty() || !member_.generation()) co_return;
  auto request = member_.leave_request();
  member_.left(true);
  // Whoever is not told finds out by the session timeout.
  static_cast<void>(co_await client_.call_coordinator(CoordinatorType::group, member_.group(),
                                                      std::move(request), deadline, TopLevelError{},
                                                      lane_));
}

net::Awaitable<void> GroupSession::stop() {
  stopped_ = true;
  heartbeat_.wake();
  // A parked join would keep us until the group has rebalanced.
  if (joining_) client_.release_lane(lane_);
  co_await tasks_.join();
  client_.release_lane(lane_);
}

}  // namespace millrace::clients
