#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "clients/api.hpp"
#include "clients/errc.hpp"
#include "protocol/net/net.hpp"
#include "protocol/wire/frame.hpp"

namespace millrace::clients {

struct ConnectionOptions {
  std::string client_id = "millrace";
  /// Sent in ApiVersions; letters, digits, '-' and '.', or the broker refuses it.
  std::string software_name = "millrace";
  std::string software_version = "0.1.0";
  /// Largest answer that is accepted; a larger one breaks the connection.
  std::size_t response_bytes_max = std::size_t{256} << 20;
  /// How long past its own deadline the oldest unanswered request may stay unanswered before the
  /// connection is taken for dead.
  std::chrono::milliseconds stall_grace{10'000};
};

/// Which API versions one broker serves; what the negotiation leaves behind.
class ApiVersionTable {
 public:
  ApiVersionTable() = default;
  explicit ApiVersionTable(const protocol::ApiVersionsResponse& response);
  /// The highest version in both ranges; nothing when they do not meet.
  [[nodiscard]] std::optional<std::int16_t> choose(protocol::ApiKey key,
                                                   protocol::VersionRange ours) const;
  [[nodiscard]] std::optional<protocol::VersionRange> range(protocol::ApiKey key) const;
  /// The level of a feature that the whole cluster has agreed on (KIP-584); 0 without any.
  [[nodiscard]] std::int16_t feature_level(std::string_view name) const;
  /// Rises with every change of a feature; -1 when the broker knows nothing of features.
  [[nodiscard]] std::int64_t features_epoch() const { return features_epoch_; }

 private:
  std::vector<std::pair<protocol::ApiKey, protocol::VersionRange>> ranges_;  // sorted by key
  std::int64_t features_epoch_ = -1;
  std::vector<std::pair<std::string, std::int16_t>> features_;  // finalized, with their levels
};

/// An answer as it came, with what is needed to read it.
struct RawAnswer {
  SharedBytes frame;  // behind the size field
  std::int16_t version = 0;
};

/// One TCP connection to one broker, versions negotiated, any number of requests in flight;
/// answers are matched in the order of the requests, as the protocol promises. Used from one
/// scheduler's thread. Made by `open`, shared by those who call; whoever opened it awaits `stop`
/// before the last reference goes. A reader, a writer and a watchdog run in its task group.
class BrokerConnection {
 public:
  /// Connects and negotiates versions. `scheduler` outlives the connection.
  static net::Awaitable<Outcome<std::shared_ptr<BrokerConnection>>> open(net::Scheduler& scheduler,
                                                                         net::Endpoint to,
                                                                         ConnectionOptions options,
                                                                         Instant deadline);
  ~BrokerConnection();
  BrokerConnection(const BrokerConnection&) = delete;
  BrokerConnection& operator=(const BrokerConnection&) = delete;

  /// Sends `request` in the highest common version within `versions` and returns the answer to it.
  /// `timed_out` at `deadline` leaves the connection usable: the late answer is dropped when it
  /// comes. Error codes inside the answer are the caller's to read.
  template <class Request>
  net::Awaitable<Outcome<ResponseOf<Request>>> call(
      Request request, Instant deadline,
      protocol::VersionRange versions = client_versions<Request>()) {
    const auto version = version_for(Request::kApiKey, versions);
    if (!version) co_return version.error();
    auto frame = encode(request, *version);
    if (!frame) co_return frame.error();
    auto answer = co_await exchange(std::move(*frame), deadline);
    if (!answer) co_return answer.error();
    co_return decode<ResponseOf<Request>>(*answer);
  }
  /// Sends a request that is never answered (Produce with acks 0). Done: handed to the writer.
  template <class Request>
  Outcome<void> post(const Request& request) {
    const auto version = version_for(Request::kApiKey, client_versions<Request>());
    if (!version) return version.error();
    auto frame = encode(request, *version);
    if (!frame) return frame.error();
    return send_only(std::move(*frame));
  }

  /// A request ready to go: encoded behind a correlation id that `exchange` will await.
  struct Outgoing {
    protocol::EncodedMessage message;
    protocol::ApiKey key{};
    std::int16_t version = 0;
    CorrelationId id;
  };
  /// The parts of `call`, for callers that have forgotten the request's type.
  [[nodiscard]] Outcome<std::int16_t> version_for(protocol::ApiKey key,
                                                  protocol::VersionRange ours) const;
  template <class Request>
  Outcome<Outgoing> encode(const Request& request, std::int16_t version) {
    if constexpr (requires(Request copy) { fit_to_version(copy, version); }) {
      Request fitted = request;
      fit_to_version(fitted, version);
      return encode_as_is(fitted, version);
    } else {
      return encode_as_is(request, version);
    }
  }
  template <class Request>
  Outcome<Outgoing> encode_as_is(const Request& request, std::int16_t version) {
    const auto field = protocol::MessageCodec<Request>::check_version(request, version);
    if (!field.empty()) return not_representable(Request::kApiKey, version, field);
    const auto id = next_id();
    auto message = protocol::encode_request(header(version, id), request);
    return Outgoing{std::move(message), Request::kApiKey, version, id};
  }
  net::Awaitable<Outcome<RawAnswer>> exchange(Outgoing request, Instant deadline);
  Outcome<void> send_only(Outgoing request);
  template <class Response>
  Outcome<Response> decode(const RawAnswer& answer) const {
    protocol::Reader in{answer.frame};
    const auto id = protocol::decode_response_header(in, Response::kApiKey, answer.version);
    if (!id) return undecodable(Response::kApiKey, in);
    auto response = protocol::MessageCodec<Response>::decode(in, answer.version);
    if (!response) return undecodable(Response::kApiKey, in);
    if constexpr (requires(Response r) { lift_from_version(r, answer.version); }) {
      lift_from_version(*response, answer.version);
    }
    return std::move(*response);
  }

  [[nodiscard]] const net::Endpoint& peer() const;
  [[nodiscard]] const ApiVersionTable& versions() const;
  /// False once the connection is broken or closed; it never comes back.
  [[nodiscard]] bool alive() const;
  /// Requests that wait for their answers.
  [[nodiscard]] std::size_t in_flight() const;

  /// Fails everything in flight with `connection_lost`. May be repeated.
  void close();
  /// Closes, and returns when nothing of the connection runs any more.
  net::Awaitable<void> stop();

 private:
  struct State;
  explicit BrokerConnection(std::unique_ptr<State> state);

  CorrelationId next_id();
  [[nodiscard]] protocol::RequestHeader header(std::int16_t version, CorrelationId id) const;
  [[nodiscard]] ClientError not_representable(protocol::ApiKey key, std::int16_t version,
                                              std::string_view field) const;
  [[nodiscard]] ClientError undecodable(protocol::ApiKey key, const protocol::Reader& in) const;

  std::unique_ptr<State> state_;
};

}  // namespace millrace::clients
