#include "clients/heartbeat_session.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace millrace::clients {

using protocol::ErrorCode;
using After = HeartbeatMembership::After;

namespace {

constexpr auto kLongTime = std::chrono::hours{1};

}  // namespace

HeartbeatSession::HeartbeatSession(Client& client, const ConsumerOptions& options,
                                   std::string group, std::function<void()> changed)
    : client_{client},
      options_{options},
      changed_{std::move(changed)},
      member_{options, std::move(group), client.rng().uuid().to_string()},
      lane_{client.make_lane()},
      backoff_{client.options().retry_backoff_min, client.options().retry_backoff_max},
      last_poll_{client.now()},
      wakeup_{client.scheduler()},
      beaten_{client.scheduler()},
      tasks_{client.scheduler().executor()} {
  tasks_.spawn(heartbeat_loop());
}

void HeartbeatSession::subscribe(std::vector<std::string> names, std::string pattern) {
  member_.subscribe({.names = std::move(names), .pattern = std::move(pattern)}, client_.now());
  wakeup_.wake();
}

void HeartbeatSession::polled() {
  last_poll_ = client_.now();
}

// What `poll` does about it.

std::optional<MemberSession::Revocation> HeartbeatSession::revocation(
    const std::vector<TopicPartition>& held) {
  if (stopped_) return std::nullopt;
  if (member_.is_out()) {
    going_ = member_.owned();
    return Revocation{.partitions = held, .lost = true};
  }
  going_ = member_.to_give_up();
  if (going_.empty()) return std::nullopt;
  Revocation revocation;
  for (const auto& at : going_) {
    revocation.partitions.push_back({names_.at(at.topic), at.partition});
  }
  return revocation;
}

void HeartbeatSession::let_go() {
  const auto now = client_.now();
  member_.gave_up(std::exchange(going_, {}), now);
  // A group that throws its members out as they come is not asked without a pause.
  if (member_.is_out() && member_.owned().empty()) {
    member_.join(std::max(now, backoff_.next_try()));
  }
  prepare_if_due();
  wakeup_.wake();
}

std::optional<std::vector<Assignment>> HeartbeatSession::take_assignment() {
  prepare_if_due();
  if (!prepared_ || prepared_->version != member_.assignment_version()) return std::nullopt;
  if (!member_.to_give_up().empty()) return std::nullopt;
  auto prepared = *std::exchange(prepared_, std::nullopt);
  std::vector<Assignment> starts;
  IdPartitions taken;
  for (auto& [at, start] : prepared.starts) {
    taken.insert(at);
    starts.push_back(std::move(start));
  }
  member_.took(taken, client_.now());
  wakeup_.wake();
  return starts;
}

// Heartbeats.

net::Awaitable<void> HeartbeatSession::heartbeat_loop() {
  while (!stopped_) {
    const auto now = client_.now();
    const auto stale_at = last_poll_ + options_.poll_interval_max;
    if (!member_.is_out() && now > stale_at) {
      // The others should not wait for an application that has stopped asking.
      co_await say_goodbye(now + client_.options().request_timeout);
      changed_();
      continue;
    }
    const auto due = member_.due();
    if (due && *due <= now) {
      beating_ = true;
      co_await beat();
      beating_ = false;
      beaten_.notify();
      continue;
    }
    auto until = due.value_or(now + kLongTime);
    if (!member_.is_out()) until = std::min(until, stale_at + std::chrono::milliseconds{1});
    co_await wakeup_.wait_until(until);
  }
}

net::Awaitable<void> HeartbeatSession::beat() {
  const auto deadline = client_.now() + client_.options().request_timeout;
  const auto connection = co_await connect(deadline);
  if (!connection) co_return failed(connection.error());
  if (stopped_) co_return;
  auto request = member_.heartbeat();
  const auto sent = client_.now();
  const auto response = co_await (*connection)->call(std::move(request), deadline);
  if (!response) {
    member_.unanswered();
    co_return failed(response.error());
  }
  auto answer = member_.answered(*response, client_.now());
  if (answer.after == After::fine) {
    confirmed_at_ = sent;
    backoff_.succeeded();
  }
  heard(std::move(answer));
}

net::Awaitable<Outcome<std::shared_ptr<BrokerConnection>>> HeartbeatSession::connect(
    Instant deadline) {
  const auto broker =
      co_await client_.find_coordinator(CoordinatorType::group, member_.group(), deadline);
  if (!broker) co_return broker.error();
  co_return co_await client_.connection_to(*broker, lane_, deadline);
}

/// A heartbeat that could not be sent or has no answer.
void HeartbeatSession::failed(const ClientError& error) {
  if (error.retriable || error.code == Errc::timed_out) {
    return heard({After::find_coordinator, {}});
  }
  member_.lose();
  heard({After::refused, error});
}

void HeartbeatSession::heard(HeartbeatMembership::Answer answer) {
  if (answer.error) error_ = std::move(answer.error);
  if (answer.after != After::fine) backoff_.failed(client_.now(), client_.rng());
  switch (answer.after) {
    case After::fine:
      prepare_if_due();
      break;
    case After::find_coordinator:
      client_.forget_coordinator(CoordinatorType::group, member_.group());
      [[fallthrough]];
    case After::retry:
      member_.retry_at(backoff_.next_try());
      break;
    case After::lost:
    case After::refused:
      break;
  }
  changed_();
}

net::Awaitable<void> HeartbeatSession::say_goodbye(Instant deadline) {
  auto request = member_.leave();
  const auto response =
      co_await client_.call_coordinator(CoordinatorType::group, member_.group(), std::move(request),
                                        deadline, TopLevelError{}, lane_);
  // Should it arrive late, it must not hit the member that we may be again by then.
  if (!response) member_.rename(client_.rng().uuid().to_string());
}

net::Awaitable<void> HeartbeatSession::leave(Instant deadline) {
  stopped_ = true;
  wakeup_.wake();
  // A join that is answered later would make us a member again.
  while (beating_ && client_.now() < deadline) co_await beaten_.wait_until(deadline);
  if (!member_.is_out()) co_await say_goodbye(deadline);
}

net::Awaitable<void> HeartbeatSession::stop() {
  stopped_ = true;
  wakeup_.wake();
  client_.release_lane(lane_);
  co_await tasks_.join();
  client_.release_lane(lane_);
}

// Names and positions of what was assigned.

void HeartbeatSession::prepare_if_due() {
  if (preparing_ || stopped_) return;
  const auto version = member_.assignment_version();
  if (prepared_ && prepared_->version == version) return;
  prepared_.reset();
  auto partitions = member_.to_take();
  if (partitions.empty()) return;
  preparing_ = true;
  tasks_.spawn(prepare(version, std::move(partitions)));
}

net::Awaitable<void> HeartbeatSession::prepare(std::uint64_t version, IdPartitions partitions) {
  Backoff backoff{client_.options().retry_backoff_min, client_.options().retry_backoff_max};
  Wakeup pause{client_.scheduler()};
  while (!stopped_ && version == member_.assignment_version()) {
    const auto deadline = client_.now() + client_.options().request_timeout;
    auto starts = co_await look_up(partitions, deadline);
    if (starts) {
      prepared_ = Prepared{version, std::move(*starts)};
      break;
    }
    if (!starts.error().retriable) {
      error_ = starts.error();  // the next poll begins anew
      break;
    }
    backoff.failed(client_.now(), client_.rng());
    co_await pause.wait_until(backoff.next_try());
  }
  preparing_ = false;
  if (version != member_.assignment_version()) prepare_if_due();
  changed_();
}

net::Awaitable<Outcome<HeartbeatSession::Starts>> HeartbeatSession::look_up(IdPartitions partitions,
                                                                            Instant deadline) {
  const auto named = co_await learn_names(partitions, deadline);
  if (!named) co_return named.error();
  std::vector<TopicPartition> by_name;
  for (const auto& at : partitions) by_name.push_back({names_.at(at.topic), at.partition});
  auto found = co_await group_start_positions(client_, lane_, member_.group(), options_.reset,
                                              std::move(by_name), deadline);
  if (!found) co_return found.error();
  Starts starts;
  auto start = found->begin();
  for (const auto& at : partitions) starts.emplace(at, std::move(*start++));
  co_return starts;
}

std::vector<TopicId> HeartbeatSession::unnamed(const IdPartitions& partitions) {
  std::vector<TopicId> ids;
  for (const auto& at : partitions) {
    if (!names_.contains(at.topic) && (ids.empty() || ids.back() != at.topic)) {
      ids.push_back(at.topic);
    }
  }
  for (const auto& [name, topic] : client_.metadata().topics()) {
    if (std::erase(ids, topic.id) > 0) names_[topic.id] = name;
  }
  return ids;
}

net::Awaitable<Outcome<void>> HeartbeatSession::learn_names(IdPartitions partitions,
                                                            Instant deadline) {
  auto ids = unnamed(partitions);
  if (ids.empty()) co_return Outcome<void>{};
  // Their leaders are wanted too, so names are asked for where they may be known.
  if (auto names = member_.topics().names; !names.empty()) {
    const auto refreshed = co_await client_.refresh_metadata(std::move(names), deadline);
    if (!refreshed) co_return refreshed.error();
    ids = unnamed(partitions);
    if (ids.empty()) co_return Outcome<void>{};
  }
  protocol::MetadataRequest request{.allow_auto_topic_creation = false};
  request.topics.emplace();
  for (const auto& id : ids) request.topics->push_back({.topic_id = id, .name = std::nullopt});
  const auto response = co_await client_.call_any(std::move(request), deadline);
  if (!response) co_return response.error();
  for (const auto& topic : response->topics) {
    if (topic.error_code == ErrorCode::none && topic.name) names_[topic.topic_id] = *topic.name;
  }
  ids = unnamed(partitions);
  if (ids.empty()) co_return Outcome<void>{};
  co_return ClientError{.code = Errc::unknown_topic,
                        .message = fmt::format("no broker knows the topic of id {}, which group {} "
                                               "has assigned; it may have been deleted",
                                               ids.front().to_string(), member_.group()),
                        .retriable = true};
}

// Commits.

PartitionOffsets HeartbeatSession::still_owned(const PartitionOffsets& offsets) const {
  PartitionOffsets still;
  for (const auto& at : member_.owned()) {
    const auto found = offsets.find({names_.at(at.topic), at.partition});
    if (found != offsets.end()) still.insert(*found);
  }
  return still;
}

net::Awaitable<Outcome<void>> HeartbeatSession::commit(PartitionOffsets offsets, Instant deadline) {
  for (;;) {
    const auto epoch = member_.epoch();
    if (!epoch) co_return not_a_member(member_.group());
    Committer as{
        .generation = *epoch, .member_id = member_.id(), .instance_id = options_.group_instance_id};
    TopicIds ids;
    for (const auto& at : member_.owned()) ids.insert_or_assign(names_.at(at.topic), at.topic);
    const auto outcomes = co_await commit_group_offsets(
        client_, lane_, member_.group(), std::move(as), offsets, deadline, std::move(ids));
    if (!outcomes) co_return outcomes.error();
    const auto refused =
        std::ranges::find_if(*outcomes, [](const auto& outcome) { return !outcome.second; });
    if (refused == outcomes->end()) co_return Outcome<void>{};
    const auto error = refused->second.error();
    member_.hurry(client_.now());  // it has to do with our membership, in all likelihood
    wakeup_.wake();
    if (error.broker_code != ErrorCode::stale_member_epoch) co_return error;
    // The group is an epoch ahead, and the answer that says so under way or lost.
    while (member_.epoch() == epoch && !stopped_ && client_.now() < deadline) {
      co_await beaten_.wait_until(deadline);
    }
    offsets = still_owned(offsets);
    if (!member_.epoch() || member_.epoch() == epoch || offsets.empty()) co_return error;
  }
}

}  // namespace millrace::clients
