#include "tests/sim/machine.hpp"

#include <fmt/format.h>

#include "protocol/base/ensure.hpp"

namespace millrace::sim {
namespace {

config::BrokerConfig config_for(const Plan& plan) {
  return config::BrokerConfig::with({
      {"log.dirs", "/data"},
      {"listeners", fmt::format("PLAINTEXT://{}:{}", kBrokerHost, kBrokerPort)},
      {"log.index.interval.bytes", fmt::format("{}", plan.index_interval_bytes)},
      {"log.index.size.max.bytes", fmt::format("{}", plan.segment_index_bytes)},
      {"log.roll.ms", fmt::format("{}", plan.segment_ms.count())},
      {"log.flush.offset.checkpoint.interval.ms",
       fmt::format("{}", plan.checkpoint_interval.count())},
      {"log.retention.check.interval.ms", "700"},
      {"journal.bytes", fmt::format("{}", plan.journal_bytes)},
      {"offsets.topic.num.partitions", fmt::format("{}", plan.offsets_partitions)},
      {"transaction.state.log.num.partitions", fmt::format("{}", plan.transaction_partitions)},
      {"transaction.abort.timed.out.transaction.cleanup.interval.ms",
       fmt::format("{}", plan.transaction_check.count())},
      {"storage.reserve.bytes", "4096"},
      {"group.min.session.timeout.ms", "500"},
      {"group.initial.rebalance.delay.ms", "50"},
      {"group.consumer.min.session.timeout.ms", "500"},
      {"group.consumer.session.timeout.ms", fmt::format("{}", kMemberSession.count())},
      {"group.consumer.min.heartbeat.interval.ms", "100"},
      {"group.consumer.heartbeat.interval.ms", fmt::format("{}", kMemberHeartbeat.count())},
      {"group.consumer.assignment.interval.ms",
       fmt::format("{}", plan.assignment_interval.count())},
  });
}

}  // namespace

Machine::Machine(SimWorld& world, MemoryFiles& disk, History& history, const Plan& plan)
    : world_{world}, disk_{disk}, history_{history}, plan_{plan} {}

Machine::~Machine() {
  if (state_ != State::off) end_life();
}

void Machine::start() {
  ENSURE(state_ == State::off);
  ++lives_;
  note(fmt::format("the broker starts its life {}", lives_));
  // Every other life finds the page cache empty, so its readers go by way of the pool.
  disk_.set_cold(lives_ % 2 == 0);
  host_ = &world_.make_host(kBrokerHost);
  auto& pool = host_->make_pool();
  pool.set_delays(std::chrono::microseconds{20},
                  std::max(plan_.disk_delay_max, std::chrono::microseconds{20}));
  broker::World seams{.clock = world_.clock(),
                      .rng = world_.rng(),
                      .files = disk_,
                      .pool = pool,
                      .read_pool = pool,
                      .journal_pool = pool,
                      .quorum_pool = pool,
                      .unsynced_files_max = plan_.unsynced_files_max,
                      .schedulers = {},
                      .host_name = kBrokerHost,
                      .give_up = {}};
  for (std::size_t i = 0; i < plan_.shards; ++i) {
    seams.schedulers.push_back(&host_->make_scheduler());
  }
  tasks_ = std::make_unique<net::TaskGroup>(seams.schedulers.front()->executor());
  broker_ = std::make_unique<broker::Broker>(std::move(seams), config_for(plan_));
  state_ = State::starting;
  tasks_->spawn(starting());
}

net::Awaitable<void> Machine::starting() {
  auto failure = co_await broker_->start();
  if (failure) {
    failure_ = std::move(failure->message);
    state_ = State::failed;
    note(fmt::format("the broker does not start: {}", failure_));
  } else {
    state_ = State::serving;
    note("the broker serves");
  }
}

void Machine::stop() {
  ENSURE(state_ == State::serving);
  note("the broker is asked to stop");
  state_ = State::stopping;
  tasks_->spawn(stopping());
}

net::Awaitable<void> Machine::stopping() {
  co_await broker_->stop();
  state_ = State::stopped;
  note("the broker has stopped");
}

void Machine::cut_power() {
  note("the power is cut");
  disk_.crash(world_.rng());
  end_life();
}

void Machine::kill() {
  note("the broker is killed");
  disk_.kill_process();
  end_life();
}

/// The disk has been dealt with, so whatever dies here can write nothing any more.
void Machine::end_life() {
  if (host_->alive()) host_->crash();  // a failed run has crashed them all
  broker_.reset();
  tasks_.reset();
  host_ = nullptr;
  state_ = State::off;
}

void Machine::note(std::string text) {
  history_.add(world_.clock().now(), Note{std::move(text)});
}

}  // namespace millrace::sim
