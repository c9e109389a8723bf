#pragma once

#include <boost/asio/execution_context.hpp>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "protocol/net/coroutine_keeper.hpp"
#include "tests/support/sim_world.hpp"

namespace millrace::sim {

/// One life of one machine: its schedulers and pools, and everything that runs on them. Made by
/// `SimWorld::make_host`.
///
/// `crash` ends it as a power cut would: no line of its code runs after it, except destructors of
/// objects in coroutine frames and in tasks. How, and what follows for code that wants to be run
/// here:
///
/// 1. Tasks that are posted, work in pools and timers are dropped unrun.
/// 2. Every suspended coroutine is found (it waits in an `Event` or `TaskGroup`, for the simulated
///    sockets and timers wait in those too, or is queued to run) and its frames are destroyed,
///    those spawned last first: a coroutine may refer to its parent's frame, so the parent must
///    outlive it. Frames therefore must not refer, in destructors, to frames of coroutines younger
///    than they.
/// 3. The objects which the coroutines worked on (the broker) are alive all this while, and are
///    destroyed afterwards by their owner. A task group is empty by then, so `~TaskGroup` holds.
///    A destructor must not demand that `stop` was called.
/// 4. What a dying frame posts, sets or closes has no effect.
///
/// The peers' connections are reset, after what was sent before; when the network to a peer is cut,
/// they learn it only once that is healed, or never: cut first, for the death of a machine rather
/// than of a process. Disks are not the host's: crash the simulated disk right before or after.
class SimHost final : public net::CoroutineKeeper {
 public:
  SimHost(SimWorld& world, std::string name);
  ~SimHost() override;
  SimHost(const SimHost&) = delete;
  SimHost& operator=(const SimHost&) = delete;

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] SimWorld& world() { return world_; }
  [[nodiscard]] bool alive() const { return alive_; }
  /// One more thread with its loop. Owned by the host; stays valid, though dead, after a crash.
  SimScheduler& make_scheduler();
  SimPool& make_pool();
  /// Runs `task` at `when` as part of this host's life: dropped when the host dies.
  void at(Instant when, net::Task task);
  /// Not to be called by code that runs on this host itself.
  void crash();

  // For the coroutines of this host (see CoroutineKeeper) and the other parts of the simulation.
  net::Executor fork(const net::Executor& parent) override;
  void add(net::WaitingRoom& room) override;
  void remove(net::WaitingRoom& room) override;
  /// Keeps what is left of coroutine number `coroutine` until its turn to be destroyed comes.
  void bury(std::uint64_t coroutine, net::Task rest);
  [[nodiscard]] boost::asio::execution_context& context() { return context_; }
  [[nodiscard]] const std::vector<std::unique_ptr<SimScheduler>>& schedulers() const {
    return schedulers_;
  }

 private:
  SimWorld& world_;
  std::string name_;
  bool alive_ = true;
  bool crashing_ = false;
  std::uint64_t coroutines_ = 0;  // numbered from 1 in the order of their spawning
  std::vector<net::WaitingRoom*> rooms_;
  std::multimap<std::uint64_t, net::Task> graveyard_;  // by number of the coroutine
  boost::asio::execution_context context_;
  std::vector<std::unique_ptr<SimScheduler>> schedulers_;
  std::vector<std::unique_ptr<SimPool>> pools_;
};

}  // namespace millrace::sim
