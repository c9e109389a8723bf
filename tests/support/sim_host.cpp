#include "tests/support/sim_host.hpp"

#include <algorithm>
#include <utility>

#include "protocol/base/ensure.hpp"
#include "tests/support/sim_network.hpp"
#include "tests/support/sim_scheduler.hpp"

namespace millrace::sim {

SimHost::SimHost(SimWorld& world, std::string name) : world_{world}, name_{std::move(name)} {
  boost::asio::make_service<net::CoroutineKeeperService>(context_,
                                                         static_cast<net::CoroutineKeeper&>(*this));
}

SimHost::~SimHost() {
  ENSURE(!alive_);
}

SimScheduler& SimHost::make_scheduler() {
  const std::uint64_t number = world_.rng().next();  // only to be told apart in the digest
  return *schedulers_.emplace_back(std::make_unique<SimScheduler>(*this, number));
}

SimPool& SimHost::make_pool() {
  return *pools_.emplace_back(std::make_unique<SimPool>(*this));
}

void SimHost::at(Instant when, net::Task task) {
  if (alive_) world_.schedule(this, when, std::move(task));
}

void SimHost::crash() {
  ENSURE(alive_);
  ENSURE(world_.running_ != this);
  alive_ = false;
  crashing_ = true;
  world_.network().host_died(*this);

  // Destroying what holds a suspended coroutine does not destroy its frames yet: Asio hands them to
  // the executor for that, which buries them. So nothing dies until everything has been found.
  for (const auto& scheduler : schedulers_) {
    const auto dropped = std::exchange(scheduler->ready_, {});
  }
  std::vector<net::Task> dropped;
  for (auto it = world_.events_.begin(); it != world_.events_.end();) {
    const auto event = it++;
    if (event->second.host != this) continue;
    dropped.push_back(std::move(event->second.task));
    world_.events_.erase(event);
  }
  dropped.clear();
  for (net::WaitingRoom* const room : rooms_) room->abandon();

  while (!graveyard_.empty()) {
    const auto youngest = graveyard_.extract(std::prev(graveyard_.end()));  // destroyed right here
  }
  crashing_ = false;
}

net::Executor SimHost::fork(const net::Executor& parent) {
  const auto* const own = parent.target<SimExecutor>();
  ENSURE(own != nullptr);
  return SimExecutor{own->scheduler(), ++coroutines_};
}

void SimHost::add(net::WaitingRoom& room) {
  rooms_.push_back(&room);
}

void SimHost::remove(net::WaitingRoom& room) {
  const auto found = std::find(rooms_.rbegin(), rooms_.rend(), &room);
  ENSURE(found != rooms_.rend());
  *found = rooms_.back();
  rooms_.pop_back();
}

void SimHost::bury(std::uint64_t coroutine, net::Task rest) {
  // Without a number it is no coroutine's frames but something that may hold them, and that shall
  // show its content: it is destroyed on return.
  if (crashing_ && coroutine != 0) graveyard_.emplace(coroutine, std::move(rest));
}

}  // namespace millrace::sim
