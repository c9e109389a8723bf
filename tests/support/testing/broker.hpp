#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "protocol/error_code.hpp"
#include "protocol/messages/api_key.hpp"

namespace millrace::testing {

/// When a connection dies, as seen from what the request asks for.
enum class Disconnect : std::uint8_t {
  before,  ///< the broker never sees the request
  after,   ///< the broker does what it asks for, and the answer is lost
};

/// A broker for the tests of programs that use one: the shipped broker, on a thread of its own,
/// with its files in memory and a real socket on a free port of 127.0.0.1. It serves when the
/// constructor returns, a few milliseconds later.
///
///     millrace::testing::Broker broker;
///     connect_to(broker.address());
///     broker.fail_next(protocol::ApiKey::produce, protocol::ErrorCode::not_leader_or_follower);
///
/// Topics appear when they are used, groups do not wait before their first rebalance, and nothing
/// is synced, for memory is all there is. Any setting of the broker may be given instead, such as
/// "auto.create.topics.enable=false".
///
/// Faults are counted by API over all connections, in the order of their being asked for: the first
/// fault of an API strikes its next request, and so on; requests beyond them are served as ever.
///
/// Faults and counters may be used from any thread; everything else is its owner's. The broker logs
/// by the default logger of spdlog, which from the first one on says warnings and worse only.
class Broker {
 public:
  /// Throws `std::runtime_error` with the reason when it cannot start.
  explicit Broker(std::vector<std::string> settings = {});
  /// Stops in order.
  ~Broker();
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;

  /// "127.0.0.1:41234"; the same after `start`.
  [[nodiscard]] const std::string& address() const;

  /// The broker goes away in order: connections are closed, and nobody listens. Done when it is
  /// gone. Nothing happens to one that is stopped.
  void stop();
  /// Comes back after `stop` at the same address, with everything it held. Throws as the
  /// constructor does, when somebody else took the port meanwhile for instance.
  void start();

  /// The next `times` requests are answered with this error, each for everything that it asks for
  /// (every partition of a produce), and not done. A produce that wants no answer costs its sender
  /// the connection, as with every broker. Requests before it on the same connection are answered
  /// first.
  void fail_next(protocol::ApiKey api, protocol::ErrorCode error, int times = 1);
  /// The next `times` requests, and what comes behind them on the same connections, are begun this
  /// much later.
  void delay_next(protocol::ApiKey api, std::chrono::milliseconds delay, int times = 1);
  /// The connections of the next `times` requests are closed.
  void disconnect_next(protocol::ApiKey api, Disconnect when = Disconnect::before, int times = 1);
  /// Forgets the faults that have not struck yet.
  void clear_faults();

  /// How many requests have come since the start, those included that met a fault.
  [[nodiscard]] std::size_t requests(protocol::ApiKey api) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace millrace::testing
