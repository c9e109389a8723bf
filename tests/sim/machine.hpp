#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "broker/broker.hpp"
#include "protocol/net/net.hpp"
#include "tests/sim/history.hpp"
#include "tests/sim/plan.hpp"
#include "tests/support/memory_files.hpp"
#include "tests/support/sim_host.hpp"
#include "tests/support/sim_scheduler.hpp"
#include "tests/support/sim_world.hpp"

namespace millrace::sim {

inline constexpr const char* kBrokerHost = "broker";
inline constexpr std::uint16_t kBrokerPort = 9092;

/// The computer that the broker runs on: it loses its power, and starts again from its disk as that
/// is. The broker is the shipped one. Driven from outside the world's tasks, between its steps.
class Machine {
 public:
  enum class State : std::uint8_t {
    off,
    starting,
    serving,
    failed,  ///< `start` gave a reason not to
    stopping,
    stopped,
  };

  Machine(SimWorld& world, MemoryFiles& disk, History& history, const Plan& plan);
  ~Machine();
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  /// Begins a new life; only when off.
  void start();
  /// Begins to stop in order; only when serving.
  void stop();
  /// Whatever it is doing; the disk drops, keeps or tears what was not synced.
  void cut_power();
  /// Whatever it is doing; the disk keeps what was written.
  void kill();

  [[nodiscard]] State state() const { return state_; }
  /// Why it is `failed`.
  [[nodiscard]] const std::string& failure() const { return failure_; }
  [[nodiscard]] std::uint64_t lives() const { return lives_; }

 private:
  net::Awaitable<void> starting();
  net::Awaitable<void> stopping();
  void end_life();
  void note(std::string text);

  SimWorld& world_;
  MemoryFiles& disk_;
  History& history_;
  const Plan& plan_;
  State state_ = State::off;
  std::string failure_;
  std::uint64_t lives_ = 0;
  SimHost* host_ = nullptr;  // while not off
  std::unique_ptr<broker::Broker> broker_;
  std::unique_ptr<net::TaskGroup> tasks_;
};

}  // namespace millrace::sim
