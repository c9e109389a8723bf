#include "tests/sim/log/run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "tests/sim/log/broken_files.hpp"
#include "tests/sim/log/owner.hpp"
#include "tests/sim/log/plan.hpp"
#include "tests/sim/log/setting.hpp"

namespace millrace::log_sim {
namespace {

constexpr int kOpenTriesMax = 20;
/// How deep work of others may nest inside of one call.
constexpr int kDepthMax = 2;

class Run {
 public:
  Run(std::uint64_t seed, Mutant mutant, bool tracing)
      : plan_{seed},
        skips_{disk_},
        setting_{disk_,
                 mutant == Mutant::skips_directory_syncs ? static_cast<log::Files&>(skips_) : disk_,
                 seed, tracing} {
    // What is created before the world breaks is there.
    static_cast<void>(disk_.create_directories("/data"));
    static_cast<void>(disk_.sync_directory("/"));
    disk_.lie_on_sync(mutant == Mutant::lying_disk);
    disk_.forget_on_failed_sync(plan_.forgetful);
    disk_.on_call([this](sim::FileCall, const log::Files::Path&) { let_others_in(); });
    for (std::size_t i = 0; i < plan_.partitions.size(); ++i)
      owners_.push_back(
          std::make_unique<Owner>(setting_, fmt::format("p-{}", i), plan_, plan_.partitions[i]));
  }
  ~Run() { disk_.on_call({}); }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  void play() {
    open_all(false);
    for (const LifePlan& life : plan_.lives) {
      live(life);
      if (setting_.broken()) return;
      end(life);
      for (std::uint64_t i = 0; i < life.rots; ++i)
        owners_[setting_.rng.below(owners_.size())]->rot_at_rest();
      open_all(setting_.rng.chance(1, 3));
      if (setting_.broken()) return;
    }
    cut_power();
    open_all(false);
  }

  [[nodiscard]] const Setting& setting() const { return setting_; }
  [[nodiscard]] const Plan& plan() const { return plan_; }
  [[nodiscard]] std::uint64_t calls() const { return disk_.calls(); }

 private:
  void live(const LifePlan& life) {
    if (life.power_at_call > 0) disk_.lose_power_at_call(life.power_at_call);
    if (life.fail_at_call > 0)
      disk_.fail_call(life.fail_at_call,
                      life.fail_only_syncs ? std::optional{sim::FileCall::sync} : std::nullopt,
                      life.fail_with);
    disk_.set_space(life.space);
    setting_.faults = life.power_at_call > 0 || life.fail_at_call > 0 || life.space;
    nesting_ = plan_.nested;
    for (std::uint64_t i = 0; i < life.steps && !setting_.broken(); ++i) {
      pass_time();
      owners_[setting_.rng.below(owners_.size())]->step();
      if (disk_.power_lost()) break;
    }
    nesting_ = 0;
  }

  void pass_time() {
    const auto dice = setting_.rng.below(40);
    if (dice == 0)
      setting_.now.value += static_cast<std::int64_t>(setting_.rng.below(10'000));
    else if (dice == 1)
      setting_.now.value -= static_cast<std::int64_t>(setting_.rng.below(2'000));
    else
      setting_.now.value += static_cast<std::int64_t>(setting_.rng.below(20));
    setting_.clock_went_back = setting_.clock_went_back || dice == 1;
  }

  void end(const LifePlan& life) {
    switch (life.end) {
      case End::power_cut:
      case End::power_call:
        return cut_power();
      case End::kill:
        return kill();
      case End::stop:
        for (const auto& owner : owners_) owner->stop();
        if (setting_.rng.chance(1, 2))
          cut_power();
        else
          kill();
    }
  }

  void calm() {
    disk_.fail_nothing();
    disk_.set_space(std::nullopt);
    setting_.faults = false;
  }
  void cut_power() {
    setting_.note("power cut");
    for (const auto& owner : owners_) owner->die(true);
    calm();
    disk_.crash(setting_.rng);
    ++setting_.crashes;
  }
  void kill() {
    setting_.note("kill");
    for (const auto& owner : owners_) owner->die(false);
    calm();
    disk_.kill_process();
  }

  /// Opens every log; the power may be cut again and again while they are recovered.
  void open_all(bool with_cuts) {
    for (int tries = 0; tries < kOpenTriesMax && !setting_.broken(); ++tries) {
      if (with_cuts && tries < 2) {
        disk_.lose_power_at_call(1 + setting_.rng.below(60));
        setting_.faults = true;
      }
      bool all = setting_.files.sync_all("/data").has_value();
      for (const auto& owner : owners_) all = all && (owner->is_open() || owner->open());
      if (all && !disk_.power_lost()) {
        disk_.lose_power_at_call(0);
        setting_.faults = false;
        return;
      }
      if (setting_.broken()) return;
      cut_power();
    }
  }

  void let_others_in() {
    if (nesting_ == 0 || depth_ >= kDepthMax || disk_.power_lost()) return;
    if (!setting_.rng.chance(nesting_, 64)) return;
    ++depth_;
    owners_[setting_.rng.below(owners_.size())]->step_beside();
    --depth_;
  }

  Plan plan_;
  sim::MemoryFiles disk_;
  SkipsDirectorySyncs skips_;
  Setting setting_;
  std::vector<std::unique_ptr<Owner>> owners_;
  std::uint64_t nesting_ = 0;
  int depth_ = 0;
};

}  // namespace

void RunReport::add(const RunReport& other) {
  appended += other.appended;
  crashes += other.crashes;
  cuts += other.cuts;
  rots += other.rots;
  reported += other.reported;
  unknowable += other.unknowable;
  reads += other.reads;
  truncations += other.truncations;
  retentions += other.retentions;
  clean_opens += other.clean_opens;
  compactions += other.compactions;
  digest = digest * 31 + other.digest;
}

RunReport run(std::uint64_t seed, Mutant mutant, Trace trace) {
  Run one{seed, mutant, trace == Trace::all};
  one.play();
  const Setting& met = one.setting();
  RunReport report{.seed = seed,
                   .violation = met.violation,
                   .text = {},
                   .digest = one.calls() * 1'000'003 + met.appended,
                   .appended = met.appended,
                   .crashes = met.crashes,
                   .cuts = met.cuts,
                   .rots = met.rots,
                   .reported = met.reported,
                   .unknowable = met.unknowable,
                   .reads = met.reads,
                   .truncations = met.truncations,
                   .retentions = met.retentions,
                   .clean_opens = met.clean_opens,
                   .compactions = met.compactions};
  if (trace == Trace::none && report.ok()) return report;
  if (trace == Trace::none) return run(seed, mutant, Trace::all);
  report.text = fmt::format("seed {}: {}\n{}", seed, report.ok() ? "fine" : report.violation,
                            one.plan().to_string());
  for (const auto& line : met.trace) report.text += "  " + line + '\n';
  return report;
}

}  // namespace millrace::log_sim
