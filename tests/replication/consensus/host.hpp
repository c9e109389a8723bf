#pragma once

#include <memory>
#include <string>

#include "tests/replication/consensus/disk.hpp"

namespace millrace::replication::consensus::sim {

/// One node: the core, and around it what the shell will be. Does what outputs say, in their order;
/// when writes become durable and messages arrive is up to whoever plays with it.
class Host {
 public:
  Host(std::string name, Member self) : name_{std::move(name)}, self_{self} {}

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const Member& self() const { return self_; }
  [[nodiscard]] bool runs() const { return core_ != nullptr; }
  Consensus& core() { return *core_; }
  [[nodiscard]] const Consensus& core() const { return *core_; }
  Disk& disk() { return disk_; }
  [[nodiscard]] const Disk& disk() const { return disk_; }
  [[nodiscard]] const Machine& machine() const { return machine_; }
  /// Numbers the starts, from 1.
  [[nodiscard]] int life() const { return life_; }

  void start(const Settings& settings, Rng& rng, Instant now);
  /// Power is lost; of what was not synced the first `kept` parts are there.
  void crash(std::size_t kept);
  /// The disk is lost as well, and the node comes back as `self`.
  void wipe(Member self);
  /// Takes the core's output and does what concerns disk and state machine.
  Output carry_out();
  /// A snapshot of what is applied now, to be written; nothing if there is nothing new.
  [[nodiscard]] std::optional<Image> image() const;
  /// It is durable. What is kept: `trailing` entries before it, and what lies behind `fetched`, a
  /// snapshot that somebody is fetching.
  void snapshot_durable(const Image& image, std::size_t trailing, std::optional<Index> fetched);
  /// A snapshot came from another node, whole.
  void install(const Image& image, Instant now);

 private:
  std::string name_;
  Member self_;
  Disk disk_;
  Machine machine_;
  std::unique_ptr<Consensus> core_;
  int life_ = 0;
};

}  // namespace millrace::replication::consensus::sim
