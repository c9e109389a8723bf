#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "log/partition_log.hpp"
#include "tests/sim/log/model.hpp"
#include "tests/sim/log/plan.hpp"
#include "tests/sim/log/rot.hpp"
#include "tests/sim/log/setting.hpp"

namespace millrace::log_sim {

/// For people.
std::string told(const log::ProducerVerdict& verdict);

/// One partition at work: the shipped log, the model beside it, and the work that is out on pool
/// threads. Does what a shard does, at random, and notes every answer that is not what the model
/// says. One thread; what runs at once in a broker runs nested here, inside of calls of files.
class Owner {
 public:
  Owner(Setting& setting, std::string name, const Plan& plan, const log::LogConfig& config);
  ~Owner();
  Owner(const Owner&) = delete;
  Owner& operator=(const Owner&) = delete;

  /// Opens the log and judges what is there. False when the file system failed, which only an
  /// injected fault excuses: then try again in the next life.
  bool open();
  /// One order of the owner, or one job of the pool.
  void step();
  /// The same in the middle of a call of files, as far as two threads could do it.
  void step_beside();
  /// Closes the log if it can be closed.
  void stop();
  /// Forgets the log as a dead process does; `power`: the machine died with it.
  void die(bool power);
  /// Does something to one of the files while no process looks; false when there is none.
  bool rot_at_rest();

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::filesystem::path& directory() const { return dir_; }
  [[nodiscard]] bool is_open() const { return log_ != nullptr; }

 private:
  struct SyncJob {
    log::SyncWork work;
    std::optional<Result<void>> result;
    bool running = false;
  };
  struct CheckpointJob {
    log::CheckpointWork work;
    std::optional<Result<void>> result;
    bool running = false;
  };
  struct CompactionJob {
    std::unique_ptr<log::CompactionWork> work;
    std::optional<Result<log::CompactionStep>> result;
    bool running = false;
    bool reporting = false;
    [[nodiscard]] bool waits() const { return !running && !reporting && !result; }
  };
  struct ReadJob {
    log::FileRead work;
    Offset written;
    std::uint64_t cuts = 0;
  };
  struct LookupJob {
    log::TimeLookup work;
    Model::Found expected;  // as long as nothing is compacted away
    std::optional<Timestamp> time;
    Offset start;
    Offset limit;  // of what was written, too
    std::uint64_t cuts = 0;
    std::string what;
  };
  /// What was begun and may or may not have happened when the process died.
  struct Pending {
    std::optional<Offset> cut;
    std::optional<Offset> restart;
    [[nodiscard]] bool end_unknown() const { return cut || restart; }
    Offset start_max;  // the log's start may have moved up to here
    bool write_failed = false;
  };

  // -- orders (owner.cpp)
  void order(bool may_block_on_fence);
  void append_as_leader();
  void append_as_follower();
  void note_append(std::vector<std::byte> bytes, const log::AppendInfo& info);
  void write();
  void retract();
  void take_sync();
  void take_checkpoint();
  void report_sync();
  void report_checkpoint();
  void take_compaction();
  void report_compaction();
  void truncate();
  void restart();
  void retention();
  void advance_start();
  void purge();
  void change_config();
  void expire();
  void resend();
  /// After every order: the ends, and what was acknowledged.
  void observe();
  /// An error that nothing excuses is a violation. True when `result` is fine.
  template <class R>
  bool fine(const R& result, std::string_view what) {
    if (!result) failed(result.error(), what);
    return result.has_value();
  }
  void failed(ErrorInfo error, std::string_view what);
  void expect(bool holds, std::string_view what) { setting_.expect(holds, name_, what); }

  // -- jobs of the pool and reads (pool.cpp)
  bool run_a_job();
  [[nodiscard]] bool job_is_running() const;
  void run_sync();
  void run_checkpoint();
  void run_compaction();
  void read();
  void look_up();
  void finish(const ReadJob& job);
  void finish(const LookupJob& job);
  void check_read(const log::ReadRequest& request, const log::ReadResult& got, Offset written);

  // -- what compaction leaves (compacted.cpp)
  [[nodiscard]] bool required(const ModelBatch& batch, const ModelRecord& record) const;
  /// Whether every record from `begin` to `end` may be gone.
  [[nodiscard]] bool may_be_gone(Offset begin, Offset end) const;
  void check_compacted(const log::ReadRequest& request, const log::ReadResult& got, Offset written);
  void check_compacted(const LookupJob& job, const Model::Found& found);

  // -- judgement (judge.cpp)
  template <class Point>
  [[nodiscard]] Offset point_on_disk(std::string_view file) const;
  void judge(const log::RecoveryReport& report, const std::vector<log::Damage>& damages);
  void judge_report(const log::RecoveryReport& report, const std::vector<log::Damage>& damages);
  void judge_start(bool reported);
  void judge_end(bool reported);
  [[nodiscard]] bool any_rot(std::string_view file) const;
  void adopt();
  void compare_all();
  void compare_producers();
  void compare_epochs();
  void heal();
  void begin_anew();

  Setting& setting_;
  std::string name_;
  std::filesystem::path dir_;
  log::LogConfig config_;
  bool followers_;
  bool compressed_;
  bool compact_;            // records have keys, and may be compacted away
  bool forgets_producers_;  // some of the settings so far let producers expire

  std::unique_ptr<log::PartitionLog> log_;
  Model model_;
  Pending pending_;
  std::optional<SyncJob> sync_;
  std::optional<CheckpointJob> checkpoint_;
  std::optional<CompactionJob> compaction_;
  std::vector<ReadJob> reads_;
  std::vector<LookupJob> lookups_;
  bool in_order_ = false;
  std::uint64_t cuts_ = 0;  // of the log's end: late reads may find something else then
  std::uint64_t salt_ = 0;
  std::int32_t epoch_ = 0;
  Timestamp latest_now_;                       // the clock goes back, too
  std::chrono::milliseconds tombstones_stay_;  // the shortest time of all settings so far
  bool gaps_ = false;                          // the log was given gaps

  bool closed_ = true;        // since then nothing was done to it
  bool told_before_ = false;  // of damage, by an opening that failed then
  bool faults_ = false;       // calls could fail since the log was open
  bool power_ = false;        // was cut since the log was open
  Offset written_;            // at the end of the last life
  Offset sure_start_;         // from here on the epochs are known
  Offset known_;           // how far the points on the disk promised something before it was opened
  std::vector<Rot> rots_;  // since the last open
  std::vector<Rot> live_rots_;  // while open, in index files only
};

}  // namespace millrace::log_sim
