#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <ostream>
#include <unordered_map>
#include <vector>

#include "log/batch_scan.hpp"
#include "log/compaction/batch_filter.hpp"
#include "log/compaction/key_map.hpp"
#include "log/compaction/output.hpp"
#include "log/compaction/plan.hpp"
#include "log/compaction/transactions.hpp"
#include "log/config.hpp"
#include "log/files.hpp"
#include "log/producer_state.hpp"
#include "protocol/base/result.hpp"
#include "protocol/base/types.hpp"

namespace millrace::log {

/// Lets a truncation overtake a pass that is on a pool thread, as `WorkFence` does for syncs. Held
/// while a step runs, so whoever raises the generation waits for the end of one step.
struct CompactionFence {
  std::mutex mutex;
  std::uint64_t generation = 0;
};

/// What the owner gives a pass. Sizes in bytes.
struct CompactionRequest {
  Timestamp now;           ///< wall clock: lags and delete horizons count from here
  Offset high_watermark;   ///< nothing at or above it is touched
  HashSecret hash_secret;  ///< fresh random bits
  std::uint64_t key_map_bytes = 128U << 20;  ///< `log.cleaner.dedupe.buffer.size`
  double key_map_load = 0.9;                 ///< `log.cleaner.io.buffer.load.factor`
  std::uint64_t buffer_bytes = 512U << 10;   ///< `log.cleaner.io.buffer.size`, half for each way
};

/// What one step did.
struct CompactionStep {
  friend bool operator==(const CompactionStep&, const CompactionStep&) = default;
  std::uint64_t read_bytes = 0;
  std::uint64_t written_bytes = 0;
  bool swap_due = false;  ///< the owner is to put cleaned segments in their place
  bool done = false;      ///< there is no next step
};

/// What a pass did so far.
struct CompactionStats {
  friend bool operator==(const CompactionStats&, const CompactionStats&) = default;
  std::uint64_t read_bytes = 0;
  std::uint64_t written_bytes = 0;
  std::uint64_t bytes_before = 0;  ///< of the segments replaced
  std::uint64_t bytes_after = 0;   ///< of those that took their place
  std::int64_t records_dropped = 0;
  std::uint64_t keys = 0;
};

/// One pass of compaction over a log, handed out by `PartitionLog::take_compaction`. It runs in
/// steps of a few buffers of reading and writing each, on any thread, one at a time; in between the
/// owner may pause as long as it likes (that is the throttle) or `stop` it:
///
///   auto work = log.take_compaction(request);
///   do step = work->step();                  // on a pool thread; blocks on files
///   while (log.compacted(*work, step));      // on the owner's
///
/// The pass first reads the dirty part and notes the latest offset of every key, as far as the map
/// reaches; then it copies the log from its front to there, segment by segment, without what is
/// obsolete, and lets as many of the shrunken segments as fit share one file. Each such file takes
/// the place of its sources at once, so the pass needs the disk space of one segment.
class CompactionWork {
 public:
  CompactionWork(const CompactionWork&) = delete;
  CompactionWork& operator=(const CompactionWork&) = delete;
  ~CompactionWork();

  /// The next piece of work. An error ends the pass; the log is as the last swap left it, and what
  /// was begun is removed. `corrupt_file`: a batch does not verify; `superseded`: the log was
  /// truncated or closed.
  [[nodiscard]] Result<CompactionStep> step();
  /// Asks for the end: the next step tidies up and is the last. From any thread.
  void stop() { stopped_ = true; }
  /// Not while a step runs.
  [[nodiscard]] const CompactionStats& stats() const { return stats_; }
  [[nodiscard]] const CompactionPlan& plan() const { return plan_; }

 private:
  friend class PartitionLog;
  struct Source {
    SegmentFacts facts;
    std::shared_ptr<const File> file;
  };
  /// The last trace of a producer in the part of the log that is safe from truncation.
  struct LastOfProducer {
    std::optional<Offset> data;  // last offset of its newest batch; nothing: a marker is all
    ProducerEpoch epoch;
  };
  using LastOfProducers = std::unordered_map<ProducerId, LastOfProducer>;
  enum class Phase : std::uint8_t { map, outcomes, clean, swap, done };
  /// Where a walk over the sources stands.
  struct Walk {
    std::size_t source = 0;
    std::unique_ptr<BatchScan> scan;
  };

  CompactionWork(Files& files, std::filesystem::path dir, const LogConfig& config,
                 const CompactionRequest& request);

  Result<void> run();
  [[nodiscard]] bool step_is_full() const;
  Result<std::optional<ScannedBatch>> next_of(Walk& walk, Offset from, Offset end,
                                              std::size_t block_bytes);
  Result<protocol::BatchView> sound_view(BatchScan& scan);

  void begin_map();
  void load_producers();
  Result<void> read_keys();
  Result<void> begin_clean();
  Result<bool> add_keys(const protocol::BatchView& batch);
  Result<void> read_outcomes();

  Result<void> clean();
  Result<void> clean_batch(const protocol::BatchView& batch);
  [[nodiscard]] BatchRole role_of(const protocol::BatchView& batch);
  Result<void> put(Bytes batch);
  Result<void> end_group();
  Result<void> decide_swap();
  Result<void> prepare_first_swap();
  Result<void> complete();
  Result<void> give_up();

  // Set when it is taken.
  Files& files_;
  const std::filesystem::path dir_;
  const LogConfig config_;
  const CompactionRequest request_;
  std::shared_ptr<CompactionFence> fence_;
  std::uint64_t generation_ = 0;
  CompactionPlan plan_;
  std::vector<Source> sources_;
  // The producers at the recovery point: nothing below it can get lost any more, so who has a later
  // batch may lose that, but not what this says.
  std::filesystem::path producers_at_;
  std::vector<std::filesystem::path> snapshots_;  // of the part that is compacted
  bool must_mark_gaps_ = false;
  Offset gaps_below_;  // this pass and those before make gaps below it

  Phase phase_ = Phase::map;
  std::atomic<bool> stopped_ = false;
  CompactionStep step_;
  CompactionStats stats_;
  Walk walk_;
  protocol::DecompressionBuffer buffer_;
  std::optional<KeyMap> keys_;
  std::optional<TransactionOutcomes> outcomes_;
  std::optional<LastOfProducers> producers_;  // nothing: unknown, so every batch may be a last one
  Offset map_end_;                            // the map is to reach so far
  Offset covered_end_;                        // it reaches so far

  // The segments that are merged at present.
  MarkerNeed markers_;
  std::vector<std::size_t> group_;  // sources
  std::vector<std::unique_ptr<CleanedOutput>> outputs_;
  std::optional<protocol::BatchHeader> last_dropped_;  // nothing behind it was kept
  bool group_changed_ = false;
  bool prepared_ = false;
  bool swapped_ = false;      // by the owner
  bool undo_failed_ = false;  // a swap list may be on the disk that nobody stands by
  bool completed_ = false;
};

}  // namespace millrace::log
