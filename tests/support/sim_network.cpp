#include "tests/support/sim_network.hpp"

#include <algorithm>
#include <boost/system/errc.hpp>

#include "protocol/base/ensure.hpp"
#include "protocol/net/errc.hpp"
#include "tests/support/sim_connection.hpp"
#include "tests/support/sim_host.hpp"
#include "tests/support/sim_scheduler.hpp"

namespace millrace::sim {
namespace {

using Kind = SimLink::Piece::Kind;

constexpr std::chrono::nanoseconds kRetry = std::chrono::seconds{1};  // of an unanswered attempt

bool is_loopback(const std::string& host) {
  return host == "localhost" || host == "127.0.0.1";
}

}  // namespace

/// One attempt to connect. Shared by the coroutine that waits for it and the knocks on their way.
struct SimNetwork::Dial {
  Dial(SimScheduler& s, net::Endpoint t) : scheduler{s}, to{std::move(t)}, ended{s.executor()} {}
  SimScheduler& scheduler;
  net::Endpoint to;
  net::Event ended;
  bool given_up = false;
  ErrorInfo error;
  std::shared_ptr<SimLink> link;
};

SimNetwork::SimNetwork(SimWorld& world) : world_{world} {}

SimNetwork::~SimNetwork() = default;

void SimNetwork::set_delays(std::chrono::nanoseconds shortest, std::chrono::nanoseconds longest) {
  ENSURE(shortest <= longest);
  shortest_ = shortest;
  longest_ = longest;
}

void SimNetwork::set_window(std::size_t bytes) {
  ENSURE(bytes > 0);
  window_ = bytes;
}

void SimNetwork::cut_one_way(const std::string& from, const std::string& to) {
  cuts_.emplace(from, to);
}

void SimNetwork::cut(const std::string& a, const std::string& b) {
  cut_one_way(a, b);
  cut_one_way(b, a);
}

void SimNetwork::isolate(const std::string& host) {
  isolated_.insert(host);
}

void SimNetwork::heal(const std::string& a, const std::string& b) {
  cuts_.erase({a, b});
  cuts_.erase({b, a});
  pump_all();
}

void SimNetwork::heal_all() {
  cuts_.clear();
  isolated_.clear();
  pump_all();
}

void SimNetwork::reset(const std::string& a, const std::string& b) {
  for (const auto& link : living_links()) {
    auto& [one, two] = link->ends;
    const bool between = (one.address.host == a && two.address.host == b) ||
                         (one.address.host == b && two.address.host == a);
    if (!between) continue;
    for (auto& pipe : link->pipes) pipe.under_way.clear();
    for (auto& end : link->ends) {
      end.failed = true;
      if (end.connection != nullptr) end.connection->wake();
    }
  }
}

void SimNetwork::refuse(const std::string& host, bool refused) {
  if (refused) {
    refusing_.insert(host);
  } else {
    refusing_.erase(host);
  }
}

bool SimNetwork::is_cut(const std::string& from, const std::string& to) const {
  if (from == to) return false;
  return isolated_.contains(from) || isolated_.contains(to) || cuts_.contains({from, to});
}

std::chrono::nanoseconds SimNetwork::delay() {
  const auto spread = static_cast<std::uint64_t>((longest_ - shortest_).count());
  return shortest_ + std::chrono::nanoseconds{world_.rng().below(spread + 1)};
}

Result<std::unique_ptr<net::Listener>> SimNetwork::listen(SimScheduler& scheduler,
                                                          const net::Endpoint& at) {
  net::Endpoint address{scheduler.host().name(), at.port};
  if (address.port == 0) address.port = next_port_++;
  if (listeners_.contains(address)) return make_error_code(boost::system::errc::address_in_use);
  auto listener = std::make_unique<SimListener>(scheduler, address);
  listeners_.emplace(std::move(address), listener.get());
  return listener;
}

net::Awaitable<Result<std::unique_ptr<net::Connection>>> SimNetwork::connect(
    SimScheduler& scheduler, net::Endpoint to, Instant deadline) {
  if (is_loopback(to.host)) to.host = scheduler.host().name();
  const auto dial = std::make_shared<Dial>(scheduler, std::move(to));
  world_.at(world_.clock().now() + delay(), [this, dial] { knock(dial); });
  world_.at(deadline, [dial] { dial->ended.set(); });
  co_await dial->ended.wait();
  dial->given_up = true;
  if (dial->error) co_return dial->error;
  if (!dial->link) co_return net::Errc::timed_out;
  co_return std::make_unique<SimConnection>(scheduler, dial->link, 0);
}

void SimNetwork::knock(const std::shared_ptr<Dial>& dial) {
  auto& caller = dial->scheduler.host();
  if (dial->given_up || !caller.alive()) return;
  const auto& name = dial->to.host;
  const auto again = [this, dial] { knock(dial); };
  if (is_cut(caller.name(), name) || is_cut(name, caller.name())) {
    world_.at(world_.clock().now() + kRetry, again);
    return;
  }
  const auto found = listeners_.find(dial->to);
  if (found == listeners_.end() || refusing_.contains(name)) {
    dial->error = make_error_code(boost::system::errc::connection_refused);
    dial->ended.set();
    return;
  }
  auto link = std::make_shared<SimLink>();
  link->window = window_;
  link->ends[0] = {.host = &caller, .address = {caller.name(), next_port_++}};
  link->ends[1] = {.host = &found->second->host(), .address = dial->to};
  if (!found->second->offer(link)) {
    world_.at(world_.clock().now() + kRetry, again);
    return;
  }
  links_.push_back(link);
  dial->link = std::move(link);
  dial->ended.set();
}

void SimNetwork::forget(const SimListener& listener) {
  std::erase_if(listeners_, [&](const auto& entry) { return entry.second == &listener; });
}

void SimNetwork::host_died(SimHost& host) {
  std::erase_if(listeners_, [&](const auto& entry) { return &entry.second->host() == &host; });
  for (const auto& link : living_links())
    for (int side = 0; side < 2; ++side)
      if (link->ends[side].host == &host) abort_end(*this, link, side);
}

void SimNetwork::pump(const std::shared_ptr<SimLink>& link, int side) {
  auto& pipe = link->pipes[side];
  const auto& from = link->ends[side];
  const auto& to = link->ends[1 - side];
  if (pipe.to_acknowledge > 0 && !is_cut(to.address.host, from.address.host)) {
    pipe.unacknowledged -= std::exchange(pipe.to_acknowledge, 0);
    if (from.connection != nullptr) from.connection->wake();
  }
  if (pipe.delivery_scheduled || pipe.under_way.empty()) return;
  if (is_cut(from.address.host, to.address.host)) return;
  pipe.delivery_scheduled = true;
  world_.at(pipe.under_way.front().due, [this, link, side] { deliver(link, side); });
}

void SimNetwork::deliver(const std::shared_ptr<SimLink>& link, int side) {
  auto& pipe = link->pipes[side];
  auto& to = link->ends[1 - side];
  pipe.delivery_scheduled = false;
  if (pipe.under_way.empty() || is_cut(link->ends[side].address.host, to.address.host)) return;
  auto piece = std::move(pipe.under_way.front());
  pipe.under_way.pop_front();
  world_.note(piece.bytes.size());
  switch (piece.kind) {
    case Kind::data:
      if (to.closed && !to.failed) {
        to.failed = true;  // once is enough
        link->pipes[1 - side].under_way.push_back(
            {Kind::reset, {}, world_.clock().now() + delay()});
        pump(link, 1 - side);
      }
      if (!to.closed)
        pipe.arrived.insert(pipe.arrived.end(), piece.bytes.begin(), piece.bytes.end());
      break;
    case Kind::end:
      pipe.ended = true;
      break;
    case Kind::reset:
      to.failed = true;
      break;
  }
  if (to.connection != nullptr) to.connection->wake();
  pump(link, side);
}

std::vector<std::shared_ptr<SimLink>> SimNetwork::living_links() {
  std::vector<std::shared_ptr<SimLink>> living;
  std::erase_if(links_, [&](const auto& weak) {
    auto link = weak.lock();
    if (link) living.push_back(std::move(link));
    return weak.expired();
  });
  return living;
}

void SimNetwork::pump_all() {
  for (const auto& link : living_links())
    for (int side = 0; side < 2; ++side) pump(link, side);
}

}  // namespace millrace::sim
