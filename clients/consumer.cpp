#include "clients/consumer.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "clients/fetch_core.hpp"
#include "clients/group_offsets.hpp"
#include "clients/group_session.hpp"
#include "clients/heartbeat_session.hpp"
#include "clients/wakeup.hpp"

namespace millrace::clients {

struct Consumer::State {
  State(Client& with, ConsumerOptions options_)
      : client{with},
        options{std::move(options_)},
        core{options, with.options().metadata_age_max},
        lane{with.make_lane()},
        wakeup{with.scheduler()},
        arrived{with.scheduler()},
        committed{with.scheduler()},
        tasks{with.scheduler().executor()} {}

  Client& client;
  ConsumerOptions options;
  FetchCore core;
  Lane lane;
  std::unique_ptr<MemberSession> session;  // after `subscribe`
  std::string group;                       // for commits without a session
  bool assigned_by_hand = false;
  Wakeup wakeup;     // of the fetch loop
  WaitList arrived;  // `poll` waits for data and for news of the group
  bool asking_metadata = false;
  bool committing = false;  // automatically
  int commits_asked = 0;    // by the application, under way
  WaitList committed;       // the automatic commit has come to its end
  Instant next_commit;
  bool stopped = false;
  net::TaskGroup tasks;

  net::Awaitable<void> fetch_loop();
  net::Awaitable<void> fetch(FetchCore::Fetch fetch);
  net::Awaitable<void> look_up(std::map<TopicPartition, StartPosition> due);
  net::Awaitable<void> refresh(std::vector<std::string> topics);
  void ask_metadata(std::vector<std::string> topics);
  void commit_if_due();
  net::Awaitable<void> auto_commit(PartitionOffsets offsets);
  net::Awaitable<void> await_auto_commit(Instant deadline);
  net::Awaitable<std::optional<ClientError>> follow_group();
  net::Awaitable<void> let_go(MemberSession::Revocation going,
                              std::optional<Instant> until = std::nullopt);
  net::Awaitable<Outcome<void>> commit(PartitionOffsets offsets, Instant deadline);
  template <class Taken>
  net::Awaitable<Outcome<Taken>> poll(Outcome<Taken> (State::*take)(), Instant deadline);
  Outcome<std::vector<ConsumedRecord>> take_records() {
    return core.take_records(options.poll_records_max);
  }
  Outcome<std::vector<FetchedBatch>> take_batches() { return core.take_batches(); }
};

void Consumer::State::ask_metadata(std::vector<std::string> topics) {
  if (asking_metadata || stopped) return;
  asking_metadata = true;
  tasks.spawn(refresh(std::move(topics)));
}

net::Awaitable<void> Consumer::State::refresh(std::vector<std::string> topics) {
  const auto deadline = client.now() + client.options().request_timeout;
  // Whether it helped shows in the next plan.
  static_cast<void>(co_await client.refresh_metadata(std::move(topics), deadline));
  asking_metadata = false;
  wakeup.wake();
}

net::Awaitable<void> Consumer::State::fetch_loop() {
  const FetchCore::LeaderOf leader_of =
      [this](const TopicPartition& at) -> std::optional<FetchCore::Leader> {
    const auto* info = client.metadata().partition(at);
    if (info == nullptr || !info->leader) return std::nullopt;
    return FetchCore::Leader{*info->leader, info->leader_epoch};
  };
  const FetchCore::Knows knows = [this](BrokerId broker) {
    return client.metadata().brokers().contains(broker);
  };
  constexpr auto kLeaderWait = std::chrono::milliseconds{100};
  while (!stopped) {
    const auto now = client.now();
    auto due = core.lookups_due(now);
    if (!due.empty()) tasks.spawn(look_up(std::move(due)));
    for (auto& planned : core.plan(leader_of, knows, now)) tasks.spawn(fetch(std::move(planned)));
    auto until = core.next_event(now).value_or(now + std::chrono::hours{1});
    const auto refreshed_at = client.metadata().refreshed_at();
    const auto age_max = client.options().metadata_age_max;
    if (const auto& lacking = core.leaderless_topics(); !lacking.empty()) {
      // The answer wakes us; one that brought nothing new is asked again after a while.
      if (!refreshed_at || *refreshed_at + kLeaderWait <= now) {
        ask_metadata({lacking.begin(), lacking.end()});
      }
      until = std::min(until, now + kLeaderWait);
    } else if (refreshed_at && *refreshed_at + age_max <= now) {
      ask_metadata({});
    }
    if (refreshed_at && !asking_metadata) {
      until = std::min(until, std::max(*refreshed_at + age_max, now + kLeaderWait));
    }
    co_await wakeup.wait_until(until);
  }
}

net::Awaitable<void> Consumer::State::fetch(FetchCore::Fetch planned) {
  const auto deadline = client.now() + options.fetch_wait_max + client.options().request_timeout;
  auto request = core.request_for(planned);
  const auto connection = co_await client.connection_to(planned.broker, lane, deadline);
  Outcome<protocol::FetchResponse> response = protocol::FetchResponse{};
  if (connection) {
    response = co_await (*connection)->call(std::move(request), deadline);
  } else {
    response = connection.error();
  }
  bool metadata = true;
  if (response) {
    metadata = core.answered(planned, *response, client.now());
  } else {
    core.lost(planned, client.now());
  }
  if (metadata) ask_metadata({});
  arrived.notify();
  wakeup.wake();
}

net::Awaitable<void> Consumer::State::look_up(std::map<TopicPartition, StartPosition> due) {
  const auto deadline = client.now() + client.options().request_timeout;
  const auto outcomes = co_await look_up_offsets(client, due, options.isolation, deadline);
  core.looked_up(due, outcomes, client.now());
  arrived.notify();
  wakeup.wake();
}

void Consumer::State::commit_if_due() {
  if (!options.auto_commit || committing || commits_asked > 0 || !session) return;
  const auto now = client.now();
  if (now < next_commit) return;
  next_commit = now + options.auto_commit_interval;
  auto offsets = core.positions();
  if (offsets.empty()) return;
  committing = true;
  tasks.spawn(auto_commit(std::move(offsets)));
}

net::Awaitable<void> Consumer::State::auto_commit(PartitionOffsets offsets) {
  const auto deadline = client.now() + options.auto_commit_interval;
  // The next one covers what this one could not.
  static_cast<void>(co_await session->commit(std::move(offsets), deadline));
  committing = false;
  committed.notify();
}

/// Before another commit: one that is still being retried has older offsets and could come last.
net::Awaitable<void> Consumer::State::await_auto_commit(Instant deadline) {
  while (committing && client.now() < deadline) co_await committed.wait_until(deadline);
}

net::Awaitable<Outcome<void>> Consumer::State::commit(PartitionOffsets offsets, Instant deadline) {
  ++commits_asked;
  co_await await_auto_commit(deadline);
  auto outcome = co_await session->commit(std::move(offsets), deadline);
  --commits_asked;
  co_return outcome;
}

/// Gives partitions back, or only says that they are gone. Offsets are given until `until`, or a
/// commit interval.
net::Awaitable<void> Consumer::State::let_go(MemberSession::Revocation going,
                                             std::optional<Instant> until) {
  if (going.partitions.empty()) co_return;
  const auto patience = client.now() + options.auto_commit_interval;
  if (!going.lost) co_await await_auto_commit(until.value_or(patience));
  if (!going.lost && options.auto_commit) {
    auto offsets = core.positions();
    std::erase_if(offsets, [&](const auto& each) {
      return std::ranges::find(going.partitions, each.first) == going.partitions.end();
    });
    const auto deadline = until.value_or(client.now() + options.auto_commit_interval);
    // Should it fail, whoever gets the partitions reads some records again.
    static_cast<void>(co_await session->commit(std::move(offsets), deadline));
  }
  const auto& callback = going.lost ? options.on_lost : options.on_revoked;
  if (callback) co_await callback(going.partitions);
  core.remove(going.partitions);
}

/// Carries out what the group asks for; an error to be told by `poll`.
net::Awaitable<std::optional<ClientError>> Consumer::State::follow_group() {
  if (auto error = session->take_error()) co_return error;
  while (auto going = session->revocation(core.assignment())) {
    co_await let_go(std::move(*going));
    session->let_go();
  }
  auto assignment = session->take_assignment();
  if (!assignment) co_return std::nullopt;
  std::vector<TopicPartition> partitions;
  for (const auto& each : *assignment) partitions.push_back(each.partition);
  core.add(std::move(*assignment));
  next_commit = client.now() + options.auto_commit_interval;
  if (options.on_assigned) co_await options.on_assigned(std::move(partitions));
  wakeup.wake();
  co_return std::nullopt;
}

template <class Taken>
net::Awaitable<Outcome<Taken>> Consumer::State::poll(Outcome<Taken> (State::*take)(),
                                                     Instant deadline) {
  if (!session && !assigned_by_hand) {
    co_return ClientError{.code = Errc::not_subscribed,
                          .message = "there is nothing to read: assign or subscribe first"};
  }
  commit_if_due();
  for (;;) {
    if (stopped) {
      co_return ClientError{.code = Errc::stopped, .message = "this consumer was stopped"};
    }
    if (session) {
      session->polled();
      auto error = co_await follow_group();
      if (error) co_return std::move(*error);
    }
    auto taken = (this->*take)();
    if (!taken) co_return taken.error();
    if (!taken->empty()) {
      wakeup.wake();  // there is room to fetch into
      co_return taken;
    }
    if (client.now() >= deadline) co_return taken;
    co_await arrived.wait_until(deadline);
  }
}

Consumer::Consumer(Client& client, ConsumerOptions options)
    : state_{std::make_unique<State>(client, std::move(options))} {
  state_->tasks.spawn(state_->fetch_loop());
}
Consumer::~Consumer() = default;

Outcome<void> Consumer::assign(std::vector<Assignment> partitions) {
  State& s = *state_;
  if (s.session) {
    return ClientError{.code = Errc::invalid_argument,
                       .message = "this consumer is subscribed; its group assigns its partitions"};
  }
  s.assigned_by_hand = true;
  s.core.assign(std::move(partitions));
  s.wakeup.wake();
  return {};
}

Outcome<void> Consumer::subscribe(std::vector<std::string> topics, std::string group) {
  if (topics.empty() || state_->options.assignors.empty()) {
    return ClientError{.code = Errc::invalid_argument,
                       .message = "subscribe needs topics and an assignor"};
  }
  std::ranges::sort(topics);
  return join(std::move(topics), {}, std::move(group));
}

Outcome<void> Consumer::subscribe_pattern(std::string pattern, std::string group) {
  if (pattern.empty() || state_->options.group_protocol != GroupProtocol::consumer) {
    return ClientError{
        .code = Errc::invalid_argument,
        .message = "subscribe_pattern needs a pattern and the group protocol \"consumer\""};
  }
  return join({}, std::move(pattern), std::move(group));
}

Outcome<void> Consumer::join(std::vector<std::string> topics, std::string pattern,
                             std::string group) {
  State& s = *state_;
  if (s.assigned_by_hand || group.empty() || (s.session && s.session->group() != group)) {
    return ClientError{.code = Errc::invalid_argument,
                       .message =
                           "a consumer subscribes in one group, and not when partitions were "
                           "assigned by hand"};
  }
  s.group = group;
  if (!s.session) {
    auto changed = [state = &s] { state->arrived.notify(); };
    if (s.options.group_protocol == GroupProtocol::consumer) {
      s.session = std::make_unique<HeartbeatSession>(s.client, s.options, std::move(group),
                                                     std::move(changed));
    } else {
      s.session =
          std::make_unique<GroupSession>(s.client, s.options, std::move(group), std::move(changed));
    }
  }
  s.session->subscribe(std::move(topics), std::move(pattern));
  return {};
}

void Consumer::set_group(std::string group) {
  state_->group = std::move(group);
}

net::Awaitable<Outcome<std::vector<ConsumedRecord>>> Consumer::poll(Instant deadline) {
  return state_->poll(&State::take_records, deadline);
}

net::Awaitable<Outcome<std::vector<FetchedBatch>>> Consumer::poll_batches(Instant deadline) {
  return state_->poll(&State::take_batches, deadline);
}

std::optional<Offset> Consumer::position(const TopicPartition& partition) const {
  return state_->core.position(partition);
}
PartitionOffsets Consumer::positions() const {
  return state_->core.positions();
}
std::vector<TopicPartition> Consumer::assignment() const {
  return state_->core.assignment();
}
std::optional<Offset> Consumer::known_end(const TopicPartition& partition) const {
  return state_->core.known_end(partition);
}

Outcome<void> Consumer::seek(const TopicPartition& partition, StartPosition to) {
  state_->wakeup.wake();
  return state_->core.seek(partition, to);
}
Outcome<void> Consumer::pause(const TopicPartition& partition) {
  return state_->core.set_paused(partition, true);
}
Outcome<void> Consumer::resume(const TopicPartition& partition) {
  state_->wakeup.wake();
  return state_->core.set_paused(partition, false);
}

net::Awaitable<Outcome<void>> Consumer::commit(Instant deadline) {
  return commit(state_->core.positions(), deadline);
}

net::Awaitable<Outcome<void>> Consumer::commit(PartitionOffsets offsets, Instant deadline) {
  State& s = *state_;
  if (s.session) co_return co_await s.commit(std::move(offsets), deadline);
  if (s.group.empty()) {
    co_return ClientError{.code = Errc::not_subscribed,
                          .message = "there is no group to commit for; name one with set_group"};
  }
  const auto outcomes = co_await commit_group_offsets(s.client, kGeneralLane, s.group, Committer{},
                                                      std::move(offsets), deadline);
  if (!outcomes) co_return outcomes.error();
  for (const auto& [at, outcome] : *outcomes) {
    if (!outcome) co_return outcome.error();
  }
  co_return Outcome<void>{};
}

net::Awaitable<Outcome<std::map<TopicPartition, CommittedOffset>>> Consumer::committed(
    std::vector<TopicPartition> partitions, Instant deadline) {
  State& s = *state_;
  return fetch_group_offsets(s.client, kGeneralLane, s.group, std::move(partitions), deadline);
}

net::Awaitable<Outcome<PartitionOffsets>> Consumer::end_offsets(
    std::vector<TopicPartition> partitions, Instant deadline) {
  State& s = *state_;
  return look_up_ends(s.client, std::move(partitions), FromLatest{}, s.options.isolation, deadline);
}

net::Awaitable<Outcome<PartitionOffsets>> Consumer::beginning_offsets(
    std::vector<TopicPartition> partitions, Instant deadline) {
  State& s = *state_;
  return look_up_ends(s.client, std::move(partitions), FromEarliest{}, s.options.isolation,
                      deadline);
}

std::string Consumer::member_id() const {
  return state_->session ? state_->session->id() : std::string{};
}
std::optional<std::int32_t> Consumer::generation() const {
  return state_->session ? state_->session->generation() : std::nullopt;
}

std::optional<Instant> Consumer::confirmed_at() const {
  return state_->session ? state_->session->confirmed_at() : std::nullopt;
}

net::Awaitable<void> Consumer::stop(Instant deadline) {
  State& s = *state_;
  if (s.session) {
    MemberSession::Revocation all{.partitions = s.core.assignment(), .lost = s.session->lost()};
    co_await s.let_go(std::move(all), deadline);
    co_await s.session->leave(deadline);
  }
  s.stopped = true;
  s.wakeup.wake();
  s.arrived.notify();
  if (s.session) co_await s.session->stop();
  s.client.release_lane(s.lane);  // a parked fetch would keep us
  co_await s.tasks.join();
}

}  // namespace millrace::clients
