#include "clients/client.hpp"

#include <fmt/format.h>

#include <map>
#include <set>

#include "clients/backoff.hpp"
#include "clients/wakeup.hpp"

namespace millrace::clients {

using protocol::ErrorCode;

namespace {

using ConnectionPtr = std::shared_ptr<BrokerConnection>;

/// The connection of one lane to one address, and how soon it may be tried again.
struct Slot {
  explicit Slot(net::Scheduler& scheduler, const ClientOptions& options)
      : backoff{options.reconnect_backoff_min, options.reconnect_backoff_max}, changed{scheduler} {}
  ConnectionPtr connection;
  bool connecting = false;
  std::optional<ClientError> last_error;
  Backoff backoff;
  WaitList changed;
};

ClientError stopped() {
  return {.code = Errc::stopped, .message = "this client was stopped; make a new one to go on"};
}

ClientError timed_out(std::string_view what) {
  return {.code = Errc::timed_out,
          .message = fmt::format("{} was not done before the deadline", what),
          .retriable = true};
}

}  // namespace

struct Client::State {
  State(net::Scheduler& on, Rng& chance, ClientOptions options_)
      : scheduler{on},
        rng{chance},
        options{std::move(options_)},
        refreshed{on},
        stopping{on},
        tasks{on.executor()} {}

  net::Scheduler& scheduler;
  Rng& rng;
  ClientOptions options;
  MetadataCache metadata;
  std::map<std::pair<net::Endpoint, Lane>, std::unique_ptr<Slot>> slots;  // only ever grows
  std::map<std::pair<CoordinatorType, std::string>, BrokerId> coordinators;
  std::optional<ApiVersionTable> features;  // the newest that any broker has told
  std::size_t rotation = 0;                 // where `run_any` starts looking

  std::set<std::string> topics_used;
  bool all_topics_wanted = false;
  bool refreshing = false;
  std::uint64_t refreshes_begun = 0;
  std::uint64_t refreshes_ended = 0;
  std::optional<ClientError> refresh_error;
  WaitList refreshed;

  bool stopped = false;
  WaitList stopping;
  Lane next_lane{2};
  std::set<ConnectionPtr> retiring;  // kept until nothing of them runs, whoever else lets go
  net::TaskGroup tasks;              // connections being put away

  [[nodiscard]] Instant now() const { return scheduler.clock().now(); }
  Slot& slot(const net::Endpoint& at, Lane lane);
  void retire(ConnectionPtr connection) {
    retiring.insert(connection);
    tasks.spawn(put_away(std::move(connection)));
  }
  net::Awaitable<void> put_away(ConnectionPtr connection) {
    co_await connection->stop();
    retiring.erase(connection);
  }
  [[nodiscard]] std::vector<net::Endpoint> candidates() const;
  net::Awaitable<Outcome<ConnectionPtr>> connect(net::Endpoint at, Lane lane, Instant deadline);
  net::Awaitable<Outcome<ConnectionPtr>> connect_any(Instant deadline);
  net::Awaitable<Outcome<ErrorCode>> attempt(ConnectionPtr connection, AnyExchange& exchange,
                                             Instant deadline);
  net::Awaitable<bool> pause(Backoff& backoff, Instant deadline);
};

Slot& Client::State::slot(const net::Endpoint& at, Lane lane) {
  auto& slot = slots[{at, lane}];
  if (!slot) slot = std::make_unique<Slot>(scheduler, options);
  return *slot;
}

/// Known brokers first, then where we began: the cluster may have moved away altogether.
std::vector<net::Endpoint> Client::State::candidates() const {
  std::vector<net::Endpoint> all;
  for (const auto& [id, broker] : metadata.brokers()) all.push_back(broker.endpoint);
  for (const auto& endpoint : options.bootstrap) {
    if (std::ranges::find(all, endpoint) == all.end()) all.push_back(endpoint);
  }
  return all;
}

net::Awaitable<Outcome<ConnectionPtr>> Client::State::connect(net::Endpoint at, Lane lane,
                                                              Instant deadline) {
  Slot& to = slot(at, lane);
  for (;;) {
    if (stopped) co_return clients::stopped();
    if (to.connection && to.connection->alive()) co_return to.connection;
    if (to.connection) retire(std::exchange(to.connection, nullptr));
    if (now() >= deadline) {
      if (to.last_error) co_return *to.last_error;
      co_return timed_out(fmt::format("connecting to {}:{}", at.host, at.port));
    }
    if (!to.connecting && to.backoff.next_try() <= now()) break;
    const auto until = to.connecting ? deadline : std::min(deadline, to.backoff.next_try());
    co_await to.changed.wait_until(until);
  }
  to.connecting = true;
  ConnectionOptions how;
  how.client_id = options.client_id;
  const auto give_up = std::min(deadline, now() + options.connect_timeout);
  auto connection = co_await BrokerConnection::open(scheduler, at, std::move(how), give_up);
  to.connecting = false;
  to.changed.notify();
  if (!connection) {
    to.backoff.failed(now(), rng);
    to.last_error = connection.error();
    co_return connection.error();
  }
  if (stopped) {
    co_await (*connection)->stop();
    co_return clients::stopped();
  }
  to.backoff.succeeded();
  to.last_error.reset();
  to.connection = *connection;
  const auto& table = to.connection->versions();
  if (!features || table.features_epoch() >= features->features_epoch()) features = table;
  co_return to.connection;
}

net::Awaitable<Outcome<ConnectionPtr>> Client::State::connect_any(Instant deadline) {
  if (options.bootstrap.empty()) {
    co_return ClientError{.code = Errc::invalid_argument,
                          .message = "no bootstrap server is given; name at least one host:port"};
  }
  const auto all = candidates();
  for (const auto& at : all) {
    const Slot& open = slot(at, kGeneralLane);
    if (open.connection && open.connection->alive()) co_return open.connection;
  }
  // The one that may be tried soonest; the rotation decides among those that may be tried now.
  const auto start = rotation++;
  const auto moment = now();
  const net::Endpoint* best = nullptr;
  Instant best_try = Instant::max();
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto& at = all[(start + i) % all.size()];
    const auto next_try = std::max(moment, slot(at, kGeneralLane).backoff.next_try());
    if (next_try >= best_try) continue;
    best = &at;
    best_try = next_try;
  }
  co_return co_await connect(*best, kGeneralLane, deadline);
}

net::Awaitable<Outcome<ErrorCode>> Client::State::attempt(ConnectionPtr connection,
                                                          AnyExchange& exchange, Instant deadline) {
  const auto version = connection->version_for(exchange.key(), exchange.versions());
  if (!version) co_return version.error();
  auto request = exchange.encode(*connection, *version);
  if (!request) co_return request.error();
  const auto give_up = std::min(deadline, now() + options.request_timeout);
  const auto answer = co_await connection->exchange(std::move(*request), give_up);
  if (!answer) co_return answer.error();
  co_return exchange.accept(*connection, *answer);
}

/// Waits before a retry; false when there is no time for one or the client was stopped.
net::Awaitable<bool> Client::State::pause(Backoff& backoff, Instant deadline) {
  backoff.failed(now(), rng);
  if (stopped || backoff.next_try() >= deadline) co_return false;
  co_await stopping.wait_until(backoff.next_try());
  co_return !stopped;
}

Client::Client(net::Scheduler& scheduler, Rng& rng, ClientOptions options)
    : state_{std::make_unique<State>(scheduler, rng, std::move(options))} {}
Client::~Client() = default;

net::Awaitable<Client::Done> Client::run_any(AnyExchange& exchange, Instant deadline) {
  State& s = *state_;
  Backoff backoff{s.options.retry_backoff_min, s.options.retry_backoff_max};
  for (;;) {
    const auto connection = co_await s.connect_any(deadline);
    Outcome<ErrorCode> code = ErrorCode::none;
    if (connection) {
      code = co_await s.attempt(*connection, exchange, deadline);
    } else {
      code = connection.error();
    }
    const bool again = code ? protocol::is_retriable(*code) : code.error().retriable;
    if (again) {
      const bool resumed = co_await s.pause(backoff, deadline);
      if (resumed) continue;
    }
    if (!code) co_return code.error();
    co_return Done{};
  }
}

net::Awaitable<Client::Done> Client::run_broker(BrokerId broker, AnyExchange& exchange,
                                                Instant deadline, Lane lane) {
  State& s = *state_;
  Backoff backoff{s.options.retry_backoff_min, s.options.retry_backoff_max};
  for (;;) {
    const auto connection = co_await connection_to(broker, lane, deadline);
    Outcome<ErrorCode> code = ErrorCode::none;
    if (connection) {
      code = co_await s.attempt(*connection, exchange, deadline);
    } else {
      code = connection.error();
    }
    if (code) co_return Done{};
    if (!code.error().retriable) co_return code.error();
    const bool resumed = co_await s.pause(backoff, deadline);
    if (!resumed) co_return code.error();
  }
}

net::Awaitable<Client::Done> Client::run_leader(TopicPartition partition, AnyExchange& exchange,
                                                Instant deadline) {
  State& s = *state_;
  Backoff backoff{s.options.retry_backoff_min, s.options.retry_backoff_max};
  for (;;) {
    const auto known = co_await await_topic(partition.topic, deadline);
    if (!known) co_return known.error();
    Outcome<ErrorCode> code = ErrorCode::none;
    const auto* info = s.metadata.partition(partition);
    if (info == nullptr) {
      code = ClientError{.code = Errc::unknown_partition,
                         .message = fmt::format("topic {} has no partition {}", partition.topic,
                                                partition.partition.value),
                         .retriable = backoff.failures() == 0};  // it may have been added just now
    } else if (!info->leader) {
      code = ClientError{.code = Errc::no_leader,
                         .message = fmt::format("{}-{} has no leader at the moment: its replicas "
                                                "are offline or an election is under way",
                                                partition.topic, partition.partition.value),
                         .retriable = true};
    } else {
      const auto leader = *info->leader;
      const auto connection = co_await connection_to(leader, kGeneralLane, deadline);
      if (connection) {
        code = co_await s.attempt(*connection, exchange, deadline);
      } else {
        code = connection.error();
      }
    }
    const bool again = code ? protocol::is_retriable(*code) : code.error().retriable;
    if (again) {
      const bool resumed = co_await s.pause(backoff, deadline);
      if (resumed) {
        // Whether it helped shows in the next attempt.
        std::vector<std::string> topics{partition.topic};
        static_cast<void>(co_await refresh_metadata(std::move(topics), deadline));
        continue;
      }
    }
    if (!code) co_return code.error();
    co_return Done{};
  }
}

net::Awaitable<Client::Done> Client::run_coordinator(CoordinatorType type, std::string name,
                                                     AnyExchange& exchange, Instant deadline,
                                                     Lane lane) {
  State& s = *state_;
  Backoff backoff{s.options.retry_backoff_min, s.options.retry_backoff_max};
  for (;;) {
    const auto broker = co_await find_coordinator(type, name, deadline);
    if (!broker) co_return broker.error();
    const auto connection = co_await connection_to(*broker, lane, deadline);
    Outcome<ErrorCode> code = ErrorCode::none;
    if (connection) {
      code = co_await s.attempt(*connection, exchange, deadline);
    } else {
      code = connection.error();
    }
    if (!code || is_coordinator_moved(*code)) forget_coordinator(type, name);
    const bool again = code ? protocol::is_retriable(*code) : code.error().retriable;
    if (again) {
      const bool resumed = co_await s.pause(backoff, deadline);
      if (resumed) continue;
    }
    if (!code) co_return code.error();
    co_return Done{};
  }
}

net::Awaitable<Outcome<ConnectionPtr>> Client::connection_to(BrokerId broker, Lane lane,
                                                             Instant deadline) {
  State& s = *state_;
  for (bool refreshed = false;; refreshed = true) {
    const auto found = s.metadata.brokers().find(broker);
    if (found != s.metadata.brokers().end()) {
      const auto at = found->second.endpoint;
      co_return co_await s.connect(at, lane, deadline);
    }
    if (refreshed) {
      co_return ClientError{
          .code = Errc::unreachable,
          .message = fmt::format("broker {} is not in the cluster at the moment", broker.value),
          .retriable = true};
    }
    std::vector<std::string> none;
    const auto asked = co_await refresh_metadata(std::move(none), deadline);
    if (!asked) co_return asked.error();
  }
}

ConnectionPtr Client::live_connection(BrokerId broker, Lane lane) const {
  const auto known = state_->metadata.brokers().find(broker);
  if (known == state_->metadata.brokers().end()) return nullptr;
  const auto slot = state_->slots.find({known->second.endpoint, lane});
  if (slot == state_->slots.end()) return nullptr;
  const auto& connection = slot->second->connection;
  return connection && connection->alive() ? connection : nullptr;
}

net::Awaitable<Outcome<BrokerId>> Client::find_coordinator(CoordinatorType type, std::string name,
                                                           Instant deadline) {
  State& s = *state_;
  if (const auto known = s.coordinators.find({type, name}); known != s.coordinators.end()) {
    co_return known->second;
  }
  protocol::FindCoordinatorRequest request{.key_type = std::to_underlying(type),
                                           .coordinator_keys = {name}};
  constexpr auto kErrorOf = [](const protocol::FindCoordinatorResponse& response) {
    return response.coordinators.empty() ? ErrorCode::unknown_server_error
                                         : response.coordinators.front().error_code;
  };
  const auto response = co_await call_any(std::move(request), deadline, kErrorOf);
  if (!response) co_return response.error();
  if (const auto code = kErrorOf(*response); code != ErrorCode::none) {
    const auto detail = response->coordinators.empty()
                            ? std::string{}
                            : response->coordinators.front().error_message.value_or("");
    co_return rejected(code, fmt::format("FindCoordinator of {}", name), detail);
  }
  const BrokerId broker{response->coordinators.front().node_id};
  s.coordinators[{type, name}] = broker;
  co_return broker;
}

void Client::forget_coordinator(CoordinatorType type, const std::string& name) {
  state_->coordinators.erase({type, name});
}

Lane Client::make_lane() {
  const auto lane = state_->next_lane;
  ++state_->next_lane.value;
  return lane;
}

void Client::release_lane(Lane lane) {
  for (auto& [at, slot] : state_->slots) {
    if (at.second == lane && slot->connection) {
      state_->retire(std::exchange(slot->connection, nullptr));
    }
  }
}

void Client::note_leader(const TopicPartition& partition, BrokerId leader, LeaderEpoch epoch) {
  state_->metadata.set_leader(partition, leader, epoch);
}

const MetadataCache& Client::metadata() const {
  return state_->metadata;
}

net::Awaitable<Outcome<void>> Client::refresh_metadata(
    std::optional<std::vector<std::string>> topics, Instant deadline) {
  State& s = *state_;
  if (topics) {
    s.topics_used.insert(topics->begin(), topics->end());
  } else {
    s.all_topics_wanted = true;
  }
  // Only an attempt that begins from here on asks for what we want to know.
  const auto wanted = s.refreshes_begun + 1;
  while (s.refreshing && s.refreshes_ended < wanted) {
    co_await s.refreshed.wait_until(deadline);
    if (s.stopped) co_return stopped();
    if (s.now() >= deadline) co_return timed_out("Metadata");
  }
  if (s.refreshes_ended >= wanted) {
    if (s.refresh_error) co_return *s.refresh_error;
    co_return Done{};
  }
  s.refreshing = true;
  ++s.refreshes_begun;
  const bool complete = std::exchange(s.all_topics_wanted, false);
  protocol::MetadataRequest request{.allow_auto_topic_creation =
                                        s.options.allow_auto_topic_creation};
  if (complete) {
    request.topics.reset();
  } else {
    for (const auto& name : s.topics_used) request.topics->push_back({.name = name});
  }
  const auto response = co_await call_any(std::move(request), deadline);
  s.refreshing = false;
  s.refreshes_ended = s.refreshes_begun;
  s.refresh_error.reset();
  if (!response) {
    s.refresh_error = response.error();
  } else if (response->error_code != ErrorCode::none) {
    s.refresh_error = rejected(response->error_code, "Metadata");
  } else {
    s.metadata.apply(*response, complete, s.now());
  }
  s.refreshed.notify();
  if (s.refresh_error) co_return *s.refresh_error;
  co_return Done{};
}

net::Awaitable<Outcome<void>> Client::await_topic(std::string topic, Instant deadline,
                                                  bool wait_for_creation) {
  State& s = *state_;
  Backoff backoff{s.options.retry_backoff_min, s.options.retry_backoff_max};
  for (;;) {
    if (const auto* info = s.metadata.topic(topic);
        info != nullptr && info->error == ErrorCode::none && !info->partitions.empty()) {
      co_return Done{};
    }
    std::vector<std::string> topics{topic};
    const auto refreshed = co_await refresh_metadata(std::move(topics), deadline);
    if (!refreshed) co_return refreshed.error();
    const auto* info = s.metadata.topic(topic);
    const auto code = info == nullptr ? ErrorCode::unknown_topic_or_partition : info->error;
    if (code == ErrorCode::none && !info->partitions.empty()) co_return Done{};
    const bool unknown = code == ErrorCode::unknown_topic_or_partition;
    if (code != ErrorCode::none && !protocol::is_retriable(code)) {
      co_return rejected(code, fmt::format("Metadata for topic {}", topic));
    }
    bool resumed = false;
    if (!unknown || wait_for_creation) resumed = co_await s.pause(backoff, deadline);
    if (resumed) continue;
    if (s.stopped) co_return stopped();
    if (unknown) {
      s.topics_used.erase(topic);  // or every later refresh would ask for it in vain
      co_return ClientError{
          .code = Errc::unknown_topic,
          .broker_code = code,
          .message = fmt::format("topic {} does not exist; create it, or check the name", topic)};
    }
    co_return rejected(code, fmt::format("Metadata for topic {}", topic));
  }
}

std::int16_t Client::feature_level(std::string_view name) const {
  const auto& newest = state_->features;
  return newest ? newest->feature_level(name) : std::int16_t{0};
}

net::Scheduler& Client::scheduler() {
  return state_->scheduler;
}
Rng& Client::rng() {
  return state_->rng;
}
const ClientOptions& Client::options() const {
  return state_->options;
}
Instant Client::now() const {
  return state_->now();
}

net::Awaitable<void> Client::stop() {
  State& s = *state_;
  s.stopped = true;
  s.stopping.notify();
  s.refreshed.notify();
  for (auto& [at, slot] : s.slots) {
    if (slot->connection) s.retire(std::exchange(slot->connection, nullptr));
    slot->changed.notify();
  }
  co_await s.tasks.join();
}

}  // namespace millrace::clients
