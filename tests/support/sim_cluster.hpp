#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "broker/broker.hpp"
#include "tests/support/memory_files.hpp"
#include "tests/support/sim_host.hpp"
#include "tests/support/sim_scheduler.hpp"
#include "tests/support/sim_world.hpp"

namespace millrace::sim {

/// A node of a simulated cluster: a machine `n<id>` with a disk that outlives its lives, and on it
/// the broker that is shipped. Driven from outside the world's tasks, between its steps.
class SimNode {
 public:
  using Settings = std::vector<std::pair<std::string, std::string>>;
  enum class State : std::uint8_t { off, starting, serving, failed, stopping, stopped };

  SimNode(SimWorld& world, std::int32_t id, Settings settings);
  ~SimNode();
  SimNode(const SimNode&) = delete;
  SimNode& operator=(const SimNode&) = delete;

  [[nodiscard]] std::int32_t id() const { return id_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] net::Endpoint address() const { return {name_, kPort}; }
  [[nodiscard]] MemoryFiles& disk() { return *disk_; }
  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] bool serving() const { return state_ == State::serving; }
  /// Why it is `failed`, or what it said when it gave up.
  [[nodiscard]] const std::string& failure() const { return failure_; }
  /// While not off.
  [[nodiscard]] broker::Broker& broker() { return *broker_; }
  [[nodiscard]] SimScheduler& scheduler() { return *scheduler_; }

  /// Begins a new life; only when off. `join`: an address, or nothing.
  void start(const std::string& join = {});
  /// Begins to stop in order; only when serving.
  void stop();
  /// Whatever it is doing: the disk drops, keeps or tears what was not synced.
  void cut_power();
  /// Whatever it is doing: the disk keeps what was written.
  void kill();
  /// Off, and with an empty disk.
  void wipe();

  static constexpr std::uint16_t kPort = 9092;

 private:
  net::Awaitable<void> starting();
  net::Awaitable<void> stopping();
  void end_life();

  SimWorld& world_;
  std::int32_t id_;
  std::string name_;
  Settings settings_;
  std::unique_ptr<MemoryFiles> disk_;
  State state_ = State::off;
  std::string failure_;
  SimHost* host_ = nullptr;  // while not off
  SimScheduler* scheduler_ = nullptr;
  std::unique_ptr<broker::Broker> broker_;
  std::unique_ptr<net::TaskGroup> tasks_;
};

/// Nodes 1 to `count` in one world; the first makes the cluster and the others join it.
class SimCluster {
 public:
  SimCluster(SimWorld& world, std::int32_t count, SimNode::Settings settings = {});

  /// By its id.
  [[nodiscard]] SimNode& node(std::int32_t id) { return *nodes_[static_cast<std::size_t>(id - 1)]; }
  [[nodiscard]] const std::vector<std::unique_ptr<SimNode>>& nodes() const { return nodes_; }
  /// Starts all, one after the other, and runs the world until they serve and vote.
  bool form(std::chrono::nanoseconds limit = std::chrono::minutes{1});
  /// The active controller, as whoever serves sees it; null while there is none, or two say so.
  [[nodiscard]] SimNode* leader();
  /// Runs the world until there is one.
  SimNode& wait_for_leader(std::chrono::nanoseconds limit = std::chrono::minutes{1});

 private:
  SimWorld& world_;
  std::vector<std::unique_ptr<SimNode>> nodes_;
};

}  // namespace millrace::sim
