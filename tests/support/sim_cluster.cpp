#include "tests/support/sim_cluster.hpp"

#include <fmt/format.h>

#include <stdexcept>

#include "broker/quorum/quorum_service.hpp"
#include "protocol/base/ensure.hpp"

namespace millrace::sim {

namespace consensus = replication::consensus;

SimNode::SimNode(SimWorld& world, std::int32_t id, Settings settings)
    : world_{world},
      id_{id},
      name_{fmt::format("n{}", id)},
      settings_{std::move(settings)},
      disk_{std::make_unique<MemoryFiles>()} {}

SimNode::~SimNode() {
  if (state_ != State::off) end_life();
}

void SimNode::start(const std::string& join) {
  ENSURE(state_ == State::off);
  config::Inputs inputs;
  inputs.sets = {"log.dirs=/data", fmt::format("node.id={}", id_),
                 fmt::format("listeners=PLAINTEXT://{}:{}", name_, kPort), "journal.bytes=65536",
                 "storage.reserve.bytes=4096"};
  if (!join.empty()) inputs.sets.push_back("controller.quorum.bootstrap.servers=" + join);
  for (const auto& [key, value] : settings_) inputs.sets.push_back(key + '=' + value);
  auto loaded = config::BrokerConfig::load(inputs);
  ENSURE(loaded.ok());
  host_ = &world_.make_host(name_);
  auto& pool = host_->make_pool();
  scheduler_ = &host_->make_scheduler();
  broker::World seams{.clock = world_.clock(),
                      .rng = world_.rng(),
                      .files = *disk_,
                      .pool = pool,
                      .read_pool = pool,
                      .journal_pool = pool,
                      .quorum_pool = pool,
                      .schedulers = {scheduler_},
                      .host_name = name_,
                      .give_up = [this](const std::string& why) { failure_ = why; }};
  failure_.clear();
  tasks_ = std::make_unique<net::TaskGroup>(scheduler_->executor());
  broker_ = std::make_unique<broker::Broker>(std::move(seams), std::move(loaded.config));
  state_ = State::starting;
  tasks_->spawn(starting());
}

net::Awaitable<void> SimNode::starting() {
  auto failure = co_await broker_->start();
  if (failure) failure_ = std::move(failure->message);
  state_ = failure ? State::failed : State::serving;
}

void SimNode::stop() {
  ENSURE(state_ == State::serving);
  state_ = State::stopping;
  tasks_->spawn(stopping());
}

net::Awaitable<void> SimNode::stopping() {
  co_await broker_->stop();
  state_ = State::stopped;
}

void SimNode::cut_power() {
  disk_->crash(world_.rng());
  end_life();
}

void SimNode::kill() {
  disk_->kill_process();
  end_life();
}

void SimNode::wipe() {
  if (state_ != State::off) kill();
  disk_ = std::make_unique<MemoryFiles>();
}

/// The disk has been dealt with, so whatever dies here can write nothing any more.
void SimNode::end_life() {
  if (host_->alive()) host_->crash();  // a failed run has crashed them all
  broker_.reset();
  tasks_.reset();
  host_ = nullptr;
  scheduler_ = nullptr;
  state_ = State::off;
}

SimCluster::SimCluster(SimWorld& world, std::int32_t count, SimNode::Settings settings)
    : world_{world} {
  for (std::int32_t id = 1; id <= count; ++id)
    nodes_.push_back(std::make_unique<SimNode>(world, id, settings));
}

bool SimCluster::form(std::chrono::nanoseconds limit) {
  for (const auto& node : nodes_) {
    const auto& first = *nodes_.front();
    node->start(node->id() == first.id() ? "" : fmt::format("{}:{}", first.name(), SimNode::kPort));
    if (!world_.run_until([&] { return node->serving(); }, limit)) return false;
  }
  return world_.run_until(
      [&] {
        auto* const first = leader();
        return first != nullptr &&
               first->broker().quorum().core().log().configuration().voters.size() == nodes_.size();
      },
      limit);
}

SimNode* SimCluster::leader() {
  SimNode* found = nullptr;
  for (const auto& node : nodes_) {
    if (!node->serving() || !node->broker().quorum().running()) continue;
    if (node->broker().quorum().core().role() != consensus::Role::leader) continue;
    if (found != nullptr) return nullptr;
    found = node.get();
  }
  return found;
}

SimNode& SimCluster::wait_for_leader(std::chrono::nanoseconds limit) {
  if (!world_.run_until([this] { return leader() != nullptr; }, limit))
    throw std::runtime_error{fmt::format("seed {}: nobody leads the quorum", world_.seed())};
  return *leader();
}

}  // namespace millrace::sim
