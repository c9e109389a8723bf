#pragma once

#include <optional>
#include <string>

#include "broker/controller/broker_life.hpp"
#include "broker/controller/controller_calls.hpp"
#include "broker/node.hpp"
#include "protocol/net/net.hpp"

namespace millrace::broker {

class Shard;

/// Carries out what `BrokerLife` decides: this broker's calls to the active controller. Lives on
/// the first shard; everything it is given outlives it, and `leave` must have returned before it
/// goes.
class Lifecycle {
 public:
  Lifecycle(Node& node, Shard& shard, ControllerCalls& calls);

  /// Registers, and returns when this broker serves, or why it never will. `stopped_cleanly_at`:
  /// the epoch of the process before, if that left in order and nothing was found damaged.
  net::Awaitable<std::optional<std::string>> join(std::optional<std::int64_t> stopped_cleanly_at);
  /// Hands over what this broker leads; returns when it may go. True if it went in order.
  net::Awaitable<bool> leave();

  void applied(std::int64_t index, const replication::MetadataImage& image);
  void controller_moved();

  /// -1 while it is not registered.
  [[nodiscard]] std::int64_t epoch() const { return life_ ? life_->epoch() : -1; }

 private:
  net::Awaitable<void> run();
  net::Awaitable<void> enroll();
  net::Awaitable<void> heartbeat(replication::BrokerHeartbeat request);
  net::Awaitable<void> sleep_until(Instant until);
  void look_at_disk();

  Node& node_;
  Shard& shard_;
  ControllerCalls& calls_;
  std::optional<BrokerLife> life_;
  Uuid incarnation_;
  std::optional<std::int64_t> stopped_cleanly_at_;
  std::int64_t applied_ = -1;
  std::string told_;  // the last problem that was logged
  bool fenced_ = false;
  net::Event changed_;
  net::Event ready_;  // or failed
  net::TaskGroup tasks_;
};

}  // namespace millrace::broker
