#include "tests/sim/run.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "tests/sim/machine.hpp"
#include "tests/support/memory_files.hpp"
#include "tests/support/sim_network.hpp"

namespace millrace::sim {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

constexpr auto kStopPatience = 30s;
/// Many times what the slowest rebalance takes: a pause of a member, the classic rebalance timeout,
/// and sessions that end.
constexpr auto kSettlePatience = 60s;

class Run {
 public:
  Run(std::uint64_t seed, Mutant mutant)
      : plan_{seed},
        world_{seed},
        stage_{.world = world_, .history = history_, .plan = plan_, .mutant = mutant},
        machine_{world_, disk_, history_, plan_} {}
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;
  ~Run() { end_actors(); }

  RunReport play() {
    try {
      play_all();
    } catch (const std::exception& e) {
      fail("stuck", e.what());
    }
    return report();
  }
  [[nodiscard]] const History& history() const { return history_; }

 private:
  void play_all() {
    const auto delays = plan_.network_delay_max;
    world_.network().set_delays(std::min<nanoseconds>(50us, delays), delays);
    if (!serve()) return;
    auto& here = world_.make_host("judge").make_scheduler();
    world_.run(here, create_topic(stage_, here));
    world_.run(here, create_ledger(stage_, here));
    disk_.lie_on_sync(stage_.mutant == Mutant::lying_disk);
    send_actors();
    for (const Strike& strike : plan_.strikes) {
      steps_.emplace(stage_.in(strike.at), [this, &strike] { hit(strike); });
    }
    for (const Strike& strike : plan_.member_strikes) {
      steps_.emplace(stage_.in(strike.at), [this, &strike] { hit(strike); });
    }

    const auto written = [this] { return stage_.writers_left == 0 && steps_.empty(); };
    if (!work_until(written, 20min)) fail("stuck", "the writers do not end");
    ambush_.reset();
    world_.network().heal_all();
    if (plan_.group_members > 0) settle_group();
    stage_.closing = true;
    if (!work_until([this] { return stage_.others_left == 0; }, 10min)) {
      fail("stuck", "the readers do not end");
    }
    end_actors();

    // Alive once more, and what that life acknowledged has to survive too.
    steps_.clear();
    if (machine_.state() != Machine::State::off) machine_.cut_power();
    if (!serve()) return;
    world_.run(here, write_probes(stage_, here));
    machine_.cut_power();
    if (!serve()) return;
    world_.run(here, read_everything(stage_, here));
    world_.run(here, read_ledger(stage_, here));
  }

  /// From here on all members live and want the same: the group comes to rest.
  void settle_group() {
    stage_.settling = true;
    note("the group may come to rest");
    work_until([this] { return stage_.group_has_settled(); }, kSettlePatience);
    stage_.add(MustBeShared{kGroup, stage_.group_logs()});
  }

  bool serve() {
    machine_.start();
    const auto serving = [this] { return machine_.state() == Machine::State::serving; };
    if (work_until(serving, 60s)) return true;
    fail("stuck", "the broker does not come to serve");
    return false;
  }

  struct Actor {
    SimHost* host;
    std::unique_ptr<net::TaskGroup> tasks;
  };

  /// A power cut that waits for its moment.
  struct Ambush {
    const Strike* strike;
    std::uint64_t writes;  // of the disk, in all
  };

  template <class Work>
  void send_actor(const std::string& name, std::size_t& left, Work work) {
    SimHost& host = world_.make_host(name);
    auto& here = host.make_scheduler();
    auto& actor = actors_.emplace_back(&host, std::make_unique<net::TaskGroup>(here.executor()));
    ++left;
    actor.tasks->spawn(work(here));
  }

  void send_actors() {
    for (std::size_t i = 0; i < plan_.writers.size(); ++i) {
      send_actor(fmt::format("writer{}", i), stage_.writers_left,
                 [&](SimScheduler& here) { return write_records(stage_, here, i); });
    }
    for (std::size_t i = 0; i < plan_.readers; ++i) {
      send_actor(fmt::format("reader{}", i), stage_.others_left,
                 [&](SimScheduler& here) { return read_records(stage_, here, i); });
    }
    first_member_ = actors_.size();
    for (std::size_t i = 0; i < plan_.group_members; ++i) {
      send_actor(fmt::format("member{}", i), stage_.others_left,
                 [&](SimScheduler& here) { return be_group_member(stage_, here, i); });
    }
    if (plan_.fleeting_topic) {
      send_actor("fleeting", stage_.others_left,
                 [&](SimScheduler& here) { return recreate_topic(stage_, here); });
    }
    for (std::size_t i = 0; i < plan_.transactors.size(); ++i) {
      send_actor(fmt::format("transactor{}", i), stage_.writers_left,
                 [&](SimScheduler& here) { return transact(stage_, here, i); });
    }
    if (!plan_.transactors.empty()) {
      send_actor("auditor", stage_.others_left,
                 [&](SimScheduler& here) { return read_committed(stage_, here); });
    }
  }

  /// What the actors hold is destroyed with their coroutines; then the groups are empty.
  void end_actors() {
    for (const auto& actor : actors_) {
      if (actor.host->alive()) actor.host->crash();
    }
    actors_.clear();
  }

  /// Runs the world and, between its steps, what is done to it.
  bool work_until(const std::function<bool()>& done, nanoseconds limit) {
    const Instant deadline = stage_.in(limit);
    const auto failed = [this] { return machine_.state() == Machine::State::failed; };
    while (!done() && stage_.now() < deadline) {
      const Instant next = steps_.empty() ? deadline : std::min(deadline, steps_.begin()->first);
      world_.run_until([&] { return done() || failed() || ambushed(); }, next - stage_.now());
      if (ambushed()) {
        const auto ambush = *std::exchange(ambush_, std::nullopt);
        cut_power_for(ambush.strike->lasting);
      }
      if (failed()) {
        if (!disk_ill_) {
          fail("stuck", "the broker does not start: " + machine_.failure());
          return false;
        }
        machine_.cut_power();
        start_in(100ms);
      }
      while (!steps_.empty() && steps_.begin()->first <= stage_.now()) {
        const auto step = steps_.extract(steps_.begin());
        step.mapped()();
      }
    }
    return done();
  }

  [[nodiscard]] bool ambushed() const {
    return ambush_ && disk_.calls(FileCall::write) >= ambush_->writes;
  }

  void cut_power_for(nanoseconds time) {
    if (machine_.state() == Machine::State::off) return;
    machine_.cut_power();
    start_in(time);
  }

  void start_in(nanoseconds delay) {
    steps_.emplace(stage_.in(delay), [this] {
      if (machine_.state() == Machine::State::off) machine_.start();
    });
  }

  void hit(const Strike& strike) {
    switch (strike.blow) {
      case Blow::power_cut:
        if (strike.after_writes == 0) return cut_power_for(strike.lasting);
        ambush_ = Ambush{&strike, disk_.calls(FileCall::write) + strike.after_writes};
        return;
      case Blow::kill:
        if (machine_.state() == Machine::State::off) return;
        // After a failed sync the operating system may show what it never wrote.
        if (disk_ill_) return cut_power_for(strike.lasting);
        machine_.kill();
        return start_in(strike.lasting);
      case Blow::stop:
        if (machine_.state() != Machine::State::serving) return;
        machine_.stop();
        return await_stop(strike.lasting, stage_.in(kStopPatience), machine_.lives());
      case Blow::reset:
        note(fmt::format("the connections of {} are reset", victim(strike).name()));
        return world_.network().reset(victim(strike).name(), kBrokerHost);
      case Blow::silence:
        note(fmt::format("{} is cut off", victim(strike).name()));
        world_.network().cut(victim(strike).name(), kBrokerHost);
        steps_.emplace(stage_.in(strike.lasting), [this, &strike] {
          note(fmt::format("{} is reached again", victim(strike).name()));
          world_.network().heal(victim(strike).name(), kBrokerHost);
        });
        return;
      case Blow::disk_full:
        disk_.set_space(strike.pick % 3000);
        return make_ill(strike, "the disk is full");
      case Blow::sync_fails:
        disk_.fail_call(1 + strike.pick % 6, FileCall::sync);
        return make_ill(strike, "a sync will fail");
      case Blow::write_fails:
        disk_.fail_call(1 + strike.pick % 6, FileCall::write);
        return make_ill(strike, "a write will fail");
      case Blow::member_dies:
        return kill_member(strike.pick % plan_.group_members, strike.lasting);
    }
  }

  [[nodiscard]] SimHost& victim(const Strike& strike) const {
    if (strike.of_member) {
      return *actors_[first_member_ + strike.pick % plan_.group_members].host;
    }
    return *actors_[strike.pick % actors_.size()].host;
  }

  /// Another process takes its place after a while, which nobody is told.
  void kill_member(std::size_t number, nanoseconds absence) {
    Actor& actor = actors_[first_member_ + number];
    if (!actor.host->alive() || number >= stage_.members.size()) return;
    const auto& name = stage_.members[number];
    note(fmt::format("{} dies", name));
    stage_.add(Disowned{kGroup, name, std::nullopt});
    stage_.owned.erase(name);
    const std::string host = actor.host->name();
    actor.host->crash();
    actor.tasks.reset();
    steps_.emplace(stage_.in(absence), [this, &actor, host, number] {
      actor.host = &world_.make_host(host);
      auto& here = actor.host->make_scheduler();
      actor.tasks = std::make_unique<net::TaskGroup>(here.executor());
      actor.tasks->spawn(be_group_member(stage_, here, number));
    });
  }

  void await_stop(nanoseconds delay, Instant deadline, std::uint64_t life) {
    steps_.emplace(stage_.in(delay), [this, deadline, life] {
      if (machine_.lives() != life) return;
      if (machine_.state() == Machine::State::stopped) {
        machine_.cut_power();
        machine_.start();
      } else if (machine_.state() == Machine::State::stopping) {
        if (stage_.now() < deadline) return await_stop(50ms, deadline, life);
        fail("stuck", "the broker does not stop");
        machine_.cut_power();
        machine_.start();
      }
    });
  }

  /// What failed once stays failed until the broker is started again, on a disk that is well.
  void make_ill(const Strike& strike, const std::string& how) {
    note(how);
    disk_ill_ = true;
    steps_.emplace(stage_.in(strike.lasting), [this] {
      note("the disk is well again");
      disk_.set_space(std::nullopt);
      disk_.fail_nothing();
      disk_ill_ = false;
      if (machine_.state() != Machine::State::off) machine_.cut_power();
      machine_.start();
    });
  }

  void note(std::string text) { stage_.add(Note{std::move(text)}); }
  void fail(std::string rule, std::string text) {
    stage_.add(Failed{std::move(rule), std::move(text)});
  }

  RunReport report() {
    RunReport report{.seed = plan_.seed, .violations = check(history_)};
    world_.note(history_.digest());
    report.digest = world_.digest();
    report.lives = machine_.lives();
    for (const auto& event : history_.events()) {
      if (std::holds_alternative<Acked>(event.what)) ++report.acked;
      if (std::holds_alternative<GaveUp>(event.what)) ++report.given_up;
      if (std::holds_alternative<Read>(event.what)) ++report.read;
      if (const auto* committed = std::get_if<Committed>(&event.what)) {
        if (committed->acked) ++report.committed;
      }
      if (const auto* const txn = std::get_if<TransactionEvent>(&event.what)) {
        const auto* const ended = std::get_if<Ended>(txn);
        if (ended != nullptr && ended->told == Ended::Told::committed) ++report.transactions;
        if (ended != nullptr && ended->told == Ended::Told::dismissed) ++report.dismissed;
      }
    }
    if (report.ok()) return report;
    report.text = fmt::format("seed {} broke a promise; replay it: ./dev sim --seed {} --trace\n{}",
                              plan_.seed, plan_.seed, plan_.to_string());
    for (const auto& violation : report.violations) report.text += describe(history_, violation);
    return report;
  }

  Plan plan_;
  SimWorld world_;
  MemoryFiles disk_;
  History history_;
  Stage stage_;
  Machine machine_;
  std::vector<Actor> actors_;
  std::size_t first_member_ = 0;  // among them
  std::multimap<Instant, std::function<void()>> steps_;
  std::optional<Ambush> ambush_;
  bool disk_ill_ = false;
};

}  // namespace

bool RunReport::broke(std::string_view rule) const {
  return std::ranges::any_of(violations, [&](const auto& each) { return each.rule == rule; });
}

RunReport run(std::uint64_t seed, Mutant mutant, bool trace) {
  spdlog::set_level(trace ? spdlog::level::info : spdlog::level::off);
  Run run{seed, mutant};
  auto report = run.play();
  if (trace) {
    for (const auto& event : run.history().events()) std::puts(to_string(event).c_str());
  }
  return report;
}

}  // namespace millrace::sim
