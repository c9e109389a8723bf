#pragma once

#include <chrono>
#include <concepts>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "clients/connection.hpp"
#include "clients/metadata.hpp"
#include "protocol/base/rng.hpp"

namespace millrace::clients {

struct ClientOptions {
  /// Where to learn the cluster from; any live broker of it will do. At least one.
  std::vector<net::Endpoint> bootstrap;
  std::string client_id = "millrace";
  std::chrono::milliseconds connect_timeout{10'000};  ///< for one attempt, negotiation included
  std::chrono::milliseconds request_timeout{30'000};  ///< for one attempt of one request
  std::chrono::milliseconds retry_backoff_min{50};
  std::chrono::milliseconds retry_backoff_max{1'000};
  std::chrono::milliseconds reconnect_backoff_min{50};
  std::chrono::milliseconds reconnect_backoff_max{1'000};
  std::chrono::milliseconds metadata_age_max{300'000};
  bool allow_auto_topic_creation = false;
};

/// "host:port", several separated by commas; IPv6 addresses in brackets; port 9092 when left out.
[[nodiscard]] Outcome<std::vector<net::Endpoint>> parse_bootstrap(std::string_view text);

/// Requests of different lanes to one broker travel on different connections, because a broker
/// answers one connection in order: a parked fetch or join must not delay anything else, least of
/// all the one request that it waits for. Every consumer has lanes of its own (`make_lane`).
using Lane = Id<struct LaneTag, std::uint32_t>;
inline constexpr Lane kGeneralLane{0};
inline constexpr Lane kProduceLane{1};

enum class CoordinatorType : std::int8_t { group = 0, transaction = 1 };

/// A request whose type has been forgotten, so that the loops that route and retry are compiled
/// once. `Exchange` below is the one implementation.
class AnyExchange {
 public:
  virtual ~AnyExchange() = default;
  [[nodiscard]] virtual protocol::ApiKey key() const = 0;
  [[nodiscard]] virtual protocol::VersionRange versions() const = 0;
  virtual Outcome<BrokerConnection::Outgoing> encode(BrokerConnection& to,
                                                     std::int16_t version) = 0;
  /// Keeps the decoded answer and gives the error code by which to decide about a retry.
  virtual Outcome<protocol::ErrorCode> accept(const BrokerConnection& from,
                                              const RawAnswer& answer) = 0;
};

template <class Request, class ErrorOf>
class Exchange final : public AnyExchange {
 public:
  Exchange(Request request, ErrorOf error_of,
           protocol::VersionRange versions = client_versions<Request>())
      : request_{std::move(request)}, error_of_{std::move(error_of)}, versions_{versions} {}
  [[nodiscard]] protocol::ApiKey key() const override { return Request::kApiKey; }
  [[nodiscard]] protocol::VersionRange versions() const override { return versions_; }
  Outcome<BrokerConnection::Outgoing> encode(BrokerConnection& to, std::int16_t version) override {
    return to.encode(request_, version);
  }
  Outcome<protocol::ErrorCode> accept(const BrokerConnection& from,
                                      const RawAnswer& answer) override {
    auto response = from.decode<ResponseOf<Request>>(answer);
    if (!response) return response.error();
    response_ = std::move(*response);
    return error_of_(*response_);
  }
  [[nodiscard]] ResponseOf<Request> take() && { return std::move(*response_); }

 private:
  Request request_;
  ErrorOf error_of_;
  protocol::VersionRange versions_;
  std::optional<ResponseOf<Request>> response_;
};

/// The error of an answer that has one at its top, and otherwise none.
struct TopLevelError {
  template <class Response>
  protocol::ErrorCode operator()(const Response& response) const {
    if constexpr (requires { response.error_code; }) {
      return response.error_code;
    } else {
      return protocol::ErrorCode::none;
    }
  }
};

/// What producer, consumer and admin share: knows the brokers and the leaders, keeps connections,
/// routes requests and retries them. Used from one scheduler's thread. `scheduler` and `rng`
/// outlive it; await `stop`, and the calls under way, before destroying it. Any number of calls may
/// be under way.
///
/// All `call_*` retry what is worth retrying until `deadline`: broken connections, and answers
/// whose error code (as found by `error_of`) is retriable, after metadata or coordinator have been
/// looked up again. They then return the last answer with the error in it, or the last failure.
class Client {
 public:
  Client(net::Scheduler& scheduler, Rng& rng, ClientOptions options);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// To whichever broker answers.
  template <class Request, class ErrorOf = TopLevelError>
  net::Awaitable<Outcome<ResponseOf<Request>>> call_any(Request request, Instant deadline,
                                                        ErrorOf error_of = {}) {
    Exchange<Request, ErrorOf> exchange{std::move(request), std::move(error_of)};
    const auto done = co_await run_any(exchange, deadline);
    if (!done) co_return done.error();
    co_return std::move(exchange).take();
  }
  /// To one broker. Not retried when the answer has an error, since another broker may be right.
  template <class Request>
  net::Awaitable<Outcome<ResponseOf<Request>>> call_broker(BrokerId broker, Request request,
                                                           Instant deadline,
                                                           Lane lane = kGeneralLane) {
    Exchange<Request, TopLevelError> exchange{std::move(request), TopLevelError{}};
    const auto done = co_await run_broker(broker, exchange, deadline, lane);
    if (!done) co_return done.error();
    co_return std::move(exchange).take();
  }
  /// To the leader of `partition`, wherever it moves.
  template <class Request, class ErrorOf>
  net::Awaitable<Outcome<ResponseOf<Request>>> call_leader(TopicPartition partition,
                                                           Request request, Instant deadline,
                                                           ErrorOf error_of) {
    Exchange<Request, ErrorOf> exchange{std::move(request), std::move(error_of)};
    const auto done = co_await run_leader(std::move(partition), exchange, deadline);
    if (!done) co_return done.error();
    co_return std::move(exchange).take();
  }
  /// To the coordinator of a group or a transactional id, in a version of `versions`.
  template <class Request, class ErrorOf = TopLevelError>
  net::Awaitable<Outcome<ResponseOf<Request>>> call_coordinator(
      CoordinatorType type, std::string name, Request request, Instant deadline,
      ErrorOf error_of = {}, Lane lane = kGeneralLane,
      protocol::VersionRange versions = client_versions<Request>()) {
    Exchange<Request, ErrorOf> exchange{std::move(request), std::move(error_of), versions};
    const auto done = co_await run_coordinator(type, std::move(name), exchange, deadline, lane);
    if (!done) co_return done.error();
    co_return std::move(exchange).take();
  }

  /// A live connection to `broker`, made when there is none. Concurrent callers share the attempt.
  net::Awaitable<Outcome<std::shared_ptr<BrokerConnection>>> connection_to(BrokerId broker,
                                                                           Lane lane,
                                                                           Instant deadline);
  /// The connection that `connection_to` would give at once; null when it would have to be made.
  [[nodiscard]] std::shared_ptr<BrokerConnection> live_connection(BrokerId broker, Lane lane) const;
  /// A lane that nobody else has; `release_lane` closes its connections.
  [[nodiscard]] Lane make_lane();
  void release_lane(Lane lane);
  /// Which broker coordinates `name`; remembered until `forget_coordinator`.
  net::Awaitable<Outcome<BrokerId>> find_coordinator(CoordinatorType type, std::string name,
                                                     Instant deadline);
  void forget_coordinator(CoordinatorType type, const std::string& name);

  /// What is known of the cluster; replaced as a whole by every refresh, so keep no reference
  /// across a suspension.
  [[nodiscard]] const MetadataCache& metadata() const;
  /// Asks the cluster about `topics` and all topics used before; nothing asks for every topic.
  /// Callers that ask while an attempt is under way share the next one.
  net::Awaitable<Outcome<void>> refresh_metadata(std::optional<std::vector<std::string>> topics,
                                                 Instant deadline);
  /// Returns when `topic` is known with its partitions, at once if it is already. `unknown_topic`
  /// at the deadline if brokers say that there is none until then (a topic just created takes a
  /// moment to be known everywhere), or at once when `wait_for_creation` is false.
  net::Awaitable<Outcome<void>> await_topic(std::string topic, Instant deadline,
                                            bool wait_for_creation = true);

  /// The level of a feature of the cluster (KIP-584), by the newest that any broker has told,
  /// whether we are still connected to it or not; 0 when it is off, or before the first connection.
  [[nodiscard]] std::int16_t feature_level(std::string_view name) const;

  [[nodiscard]] net::Scheduler& scheduler();
  [[nodiscard]] Rng& rng();
  [[nodiscard]] const ClientOptions& options() const;
  [[nodiscard]] Instant now() const;

  /// A broker told of a newer leader in passing.
  void note_leader(const TopicPartition& partition, BrokerId leader, LeaderEpoch epoch);

  /// Closes every connection; calls under way fail with `stopped`. Returns when nothing of the
  /// client runs any more, its callers' own coroutines excepted.
  net::Awaitable<void> stop();

 private:
  struct State;
  using Done = Outcome<void>;
  net::Awaitable<Done> run_any(AnyExchange& exchange, Instant deadline);
  net::Awaitable<Done> run_broker(BrokerId broker, AnyExchange& exchange, Instant deadline,
                                  Lane lane);
  net::Awaitable<Done> run_leader(TopicPartition partition, AnyExchange& exchange,
                                  Instant deadline);
  net::Awaitable<Done> run_coordinator(CoordinatorType type, std::string name,
                                       AnyExchange& exchange, Instant deadline, Lane lane);
  std::unique_ptr<State> state_;
};

}  // namespace millrace::clients
