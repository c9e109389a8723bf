#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "protocol/net/net.hpp"
#include "tests/support/sim_world.hpp"

namespace millrace::sim {

class SimListener;
struct SimLink;

/// The network of a world. A host's address is its name; "localhost" and "127.0.0.1" are the host
/// itself, and it listens on its own name whatever address it is told. Streams keep their order and
/// lose nothing, as TCP does: they arrive in pieces of chance size after delays of chance length; a
/// sender that is `window` bytes ahead of its reader waits.
///
/// Faults are between names, so they outlive a crash of either host, and hold for connections that
/// exist and those to come.
class SimNetwork {
 public:
  explicit SimNetwork(SimWorld& world);
  ~SimNetwork();
  SimNetwork(const SimNetwork&) = delete;
  SimNetwork& operator=(const SimNetwork&) = delete;

  /// Each piece takes between these two from host to host.
  void set_delays(std::chrono::nanoseconds shortest, std::chrono::nanoseconds longest);
  /// Bytes that may be under way or unread in one direction of a connection made from now on.
  void set_window(std::size_t bytes);

  /// Holds what goes from `from` to `to`, without telling anybody, until `heal`. Connecting needs
  /// both directions.
  void cut_one_way(const std::string& from, const std::string& to);
  void cut(const std::string& a, const std::string& b);
  /// Cuts `host` off from every other host there is or will be.
  void isolate(const std::string& host);
  /// Lets through, in both directions, what was held.
  void heal(const std::string& a, const std::string& b);
  void heal_all();
  /// Breaks every connection between the two; both ends find `connection_reset`, and what was under
  /// way is lost. They may connect again.
  void reset(const std::string& a, const std::string& b);
  /// While set, connecting to `host` ends in `connection_refused`.
  void refuse(const std::string& host, bool refused);

  // For the other parts of the simulation.
  Result<std::unique_ptr<net::Listener>> listen(SimScheduler& scheduler, const net::Endpoint& at);
  net::Awaitable<Result<std::unique_ptr<net::Connection>>> connect(SimScheduler& scheduler,
                                                                   net::Endpoint to,
                                                                   Instant deadline);
  /// Takes the listeners of a dying host away and resets its connections.
  void host_died(SimHost& host);
  void forget(const SimListener& listener);
  [[nodiscard]] bool is_cut(const std::string& from, const std::string& to) const;
  /// Sends on what `link` may send on from `side` by now.
  void pump(const std::shared_ptr<SimLink>& link, int side);
  [[nodiscard]] std::chrono::nanoseconds delay();
  [[nodiscard]] SimWorld& world() { return world_; }

 private:
  struct Dial;
  void knock(const std::shared_ptr<Dial>& dial);
  void deliver(const std::shared_ptr<SimLink>& link, int side);
  std::vector<std::shared_ptr<SimLink>> living_links();
  void pump_all();

  SimWorld& world_;
  std::chrono::nanoseconds shortest_ = std::chrono::microseconds{50};
  std::chrono::nanoseconds longest_ = std::chrono::milliseconds{2};
  std::size_t window_ = 64 * 1024;
  std::uint16_t next_port_ = 32768;
  std::set<std::pair<std::string, std::string>> cuts_;  // from, to
  std::set<std::string> isolated_;
  std::set<std::string> refusing_;
  std::map<net::Endpoint, SimListener*> listeners_;
  std::vector<std::weak_ptr<SimLink>> links_;
};

}  // namespace millrace::sim
