#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "log/compaction/work.hpp"
#include "log/config.hpp"
#include "log/damage.hpp"
#include "log/errc.hpp"
#include "log/files.hpp"
#include "log/journal/journal_recovery.hpp"
#include "log/leader_epochs.hpp"
#include "log/points.hpp"
#include "log/producer_snapshots.hpp"
#include "log/producer_state.hpp"
#include "log/read_work.hpp"
#include "log/retention_work.hpp"
#include "log/sync_work.hpp"
#include "protocol/base/bytes.hpp"
#include "protocol/base/result.hpp"
#include "protocol/base/types.hpp"
#include "protocol/record/batch.hpp"

namespace millrace::log {

class Segment;
class TailCache;
class PartitionLog;

enum class LogState : std::uint8_t {
  writable,
  read_only,  ///< damage took acknowledged records; what is below it can be read
  full,       ///< a write found no space; `retract` makes the log writable again
  failed,     ///< a write or sync failed; what is synced can be read
  closed,
};
[[nodiscard]] std::string_view to_string(LogState state);
std::ostream& operator<<(std::ostream& out, LogState state);

struct AppendInfo {
  friend bool operator==(const AppendInfo&, const AppendInfo&) = default;
  friend std::ostream& operator<<(std::ostream& out, const AppendInfo& info);
  Offset base;
  Offset last;
  Timestamp max_timestamp;  ///< of the batch as it is in the log now; -1 none
};

/// What opening a log had to do.
struct RecoveryReport {
  friend bool operator==(const RecoveryReport&, const RecoveryReport&) = default;
  bool clean = false;               ///< nothing was behind the recovery point
  std::uint64_t scanned_bytes = 0;  ///< batches verified behind the recovery point
  std::uint64_t torn_bytes = 0;     ///< cut off the tail: writes that a crash left unfinished
  std::uint32_t damages = 0;        ///< calls to the sink
  std::uint32_t indexes_rebuilt = 0;
  bool producers_rebuilt = false;   ///< no snapshot could be used; the whole log was read
  std::uint64_t journal_bytes = 0;  ///< appended from the journal, which had more than the segments
  bool journal_needed = false;      ///< it has more of a damaged log, and must not be written over
};

struct OpenedLog {
  std::unique_ptr<PartitionLog> log;
  RecoveryReport report;
};

/// Batches that are written to a segment and that neither a journal nor a sync has made durable.
struct Unjournaled {
  Offset base;  ///< the log up to here is durable, or in the journal and on its way
  Offset end;
  std::uint64_t generation = 0;  ///< for `PartitionLog::journaled`
  BytesChain batches;
};

/// The log of one partition: a folder of segments that hold record batches as they travel, with
/// sparse indexes, producer state and leader epochs. README.md in this folder draws the files.
///
/// Owned by one broker shard, which makes all calls on its thread. None of them waits for a disk
/// sync except where said; `SyncWork`, `CheckpointWork`, `FileRead` and `TimeLookup` objects are
/// handed out to be run on pool threads. `Files` must outlive the log and all of these.
///
/// One turn of the owner's loop:
///
///   log.append(...)            any number of times; the batch is in memory, readable, not written
///   log.write()                once, one gathered write
///   if (auto work = log.take_sync())     at most one is out at a time, the next group builds up
///     on a pool thread: result = work->run();
///     back on the owner: log.synced(*work, result);      acknowledge what is below synced_end()
///   if (auto work = log.take_checkpoint())               likewise, but nobody waits for it
///     on a pool thread: result = work->run();
///     back on the owner: log.checkpointed(*work, result);
///
/// A small append is made durable faster by a journal that many logs share (journal/journal.hpp):
///
///   log.write_and_keep()
///   if (auto batches = log.unjournaled())                instead of take_sync; nothing: sync
///     position = journal.add(batches); log.journal_took(batches->end, position)
///   once that is durable: log.journaled(end, generation)
///   log.trim_cache()
///
/// and its segments are synced later, by take_sync, at the latest when the journal wants its space
/// back.
///
/// Four ends are never mixed: log_end() >= written_end() >= synced_end() >= files_synced_end(). A
/// failed write or sync makes the log `failed` for good: `synced_end()` never moves again, so
/// nothing later is ever acknowledged, and nothing is retried. The one exception is a write that
/// finds no space: what it did not write was promised to nobody, so the owner may take it back and
/// go on (`retract`).
class PartitionLog {
 public:
  using Path = std::filesystem::path;

  /// Opens the log in `dir`, creating it when missing, and recovers it: everything below the last
  /// recovery point is taken as it is, what follows is verified batch by batch. A torn tail is cut.
  /// Other damage goes to `sink`; if acknowledged records may be missing the log is `read_only` and
  /// ends at the damage, and the files are left as they are. Missing or stale indexes and producer
  /// snapshots are rebuilt. After the death of a process `files.sync_all` comes first, once for all
  /// logs: what a log is recovered from counts as durable. What `journal` has for this log and the
  /// segments lack is appended and synced. Blocks; may run on a pool thread before the owner takes
  /// the log. Fails when the file system does.
  static Result<OpenedLog> open(Files& files, Path dir, LogConfig config, Timestamp now,
                                DamageSink& sink, std::span<const JournalRun> journal = {});
  ~PartitionLog();
  PartitionLog(const PartitionLog&) = delete;
  PartitionLog& operator=(const PartitionLog&) = delete;

  // -- Appending ---------------------------------------------------------------------------------

  /// Leader: copies one batch (whole, validated by the caller, CRC and all) behind the end and
  /// stamps it with base offset, epoch and, if given, append time. In memory only until `write()`.
  /// An error changes nothing.
  Result<AppendInfo> append(Bytes batch, LeaderEpoch epoch, std::optional<Timestamp> append_time);
  /// Follower: copies a run of whole batches that keep their offsets and epochs. They must not
  /// begin before `log_end()` (`offsets_not_ahead`); gaps are kept, as compaction leaves them. The
  /// CRCs are verified (`batch_malformed`). All or nothing.
  Result<AppendInfo> append_as_is(Bytes run);
  /// Writes everything appended since the last call, with one gathered write per segment touched.
  /// Without space (`is_no_space`) the log is `full`: `written_end()` says what of it is in the
  /// file, and nothing is appended until `retract`.
  Result<void> write();
  /// Forgets what was appended and not written, so that `log_end()` is `written_end()`: for a log
  /// that is `full`, which is writable then; on others it does nothing. Nothing of it may have been
  /// acknowledged or shown to readers, so the owner must not count unwritten records as committed.
  /// Durable when it returns: blocks for a sync, for reads, and for a checkpoint that is under way.
  /// An error makes the log `failed`.
  Result<void> retract();
  /// The same, but what was written stays in the tail cache until `trim_cache`, for a journal to
  /// copy.
  Result<void> write_and_keep();
  /// Brings the tail cache back to its bound.
  void trim_cache();

  /// What a journal may make durable now. Nothing when there is none, when a sync that is out is
  /// needed first, or when it is not in memory any more: then `take_sync` is the way.
  [[nodiscard]] std::optional<Unjournaled> unjournaled() const;
  /// A journal has taken everything below `end`; it is not durable yet.
  void journal_took(Offset end, JournalPosition at);
  /// A journal made everything below `end` durable. Of an older generation: changes nothing.
  void journaled(Offset end, std::uint64_t generation);
  /// A journal could not write what it had taken: the log is `failed`.
  void journal_failed(ErrorInfo error);

  /// All files written since the last take. Nothing when there is none, or while one is out.
  std::optional<SyncWork> take_sync();
  /// Ends a `SyncWork`: advances `synced_end()`, or fails the log.
  void synced(const SyncWork& work, Result<void> result);
  /// Due when a segment was closed or enough was synced. Nothing otherwise, or while one is out.
  std::optional<CheckpointWork> take_checkpoint();
  /// To be called once in a while: a log that nothing was appended to since the last call gets a
  /// checkpoint at its end, so that recovery finds nothing to verify there.
  void checkpoint_if_idle();
  /// Ends a `CheckpointWork`. A failure costs a longer recovery and nothing else.
  void checkpointed(const CheckpointWork& work, Result<void> result);
  /// `write`, `take_sync`, `run` and `synced` in one, for callers that may block.
  Result<void> sync_now();

  // -- Reading -----------------------------------------------------------------------------------

  /// Whole batches from the one that contains `request.from`. `offset_out_of_range` below
  /// `log_start()` or past `log_end()`; at the end or at the limit there is nothing, without error.
  /// Reads no file (it may open one); cached batches are shared with the cache, not copied.
  [[nodiscard]] Result<ReadPlan> plan_read(const ReadRequest& request) const;
  /// `plan_read` and `FileRead::run` in one, for callers that may block.
  [[nodiscard]] Result<ReadResult> read(const ReadRequest& request) const;
  /// First record with a timestamp of at least `time`, among those written and below `limit`.
  [[nodiscard]] TimeLookup plan_find_by_time(Timestamp time, Offset limit) const;
  /// First of the records with the largest timestamp, among those written and below `limit`.
  [[nodiscard]] TimeLookup plan_max_timestamp(Offset limit) const;
  [[nodiscard]] Result<std::optional<TimestampOffset>> find_by_time(Timestamp time,
                                                                    Offset limit) const;
  [[nodiscard]] Result<std::optional<TimestampOffset>> max_timestamp(Offset limit) const;

  // -- State -------------------------------------------------------------------------------------

  [[nodiscard]] LogState state() const { return state_; }
  [[nodiscard]] const LogConfig& config() const { return config_; }
  /// New settings hold from the next append, roll and retention on.
  void set_config(LogConfig config);
  [[nodiscard]] const Path& directory() const { return dir_; }
  /// First offset that may be read; may lie inside a batch.
  [[nodiscard]] Offset log_start() const { return log_start_; }
  /// Next offset to be given, what is only buffered included.
  [[nodiscard]] Offset log_end() const { return log_end_; }
  [[nodiscard]] Offset written_end() const { return written_end_; }
  /// Everything below is on stable storage, in the segments or in a journal.
  [[nodiscard]] Offset synced_end() const { return synced_end_; }
  /// Everything below is on stable storage in the segments.
  [[nodiscard]] Offset files_synced_end() const { return files_synced_end_; }
  /// There is something that neither a sync nor a journal that is under way makes durable.
  [[nodiscard]] bool needs_sync() const;
  /// Segments were written and not synced since.
  [[nodiscard]] bool has_unsynced_files() const { return !dirty_.empty() || sync_out_; }
  /// Where recovery would begin to scan.
  [[nodiscard]] Offset recovery_point() const { return recovery_point_.offset; }
  /// Bytes appended that `write()` has not written yet.
  [[nodiscard]] std::uint64_t buffered_bytes() const;
  /// Of all segments, buffered bytes included.
  [[nodiscard]] std::uint64_t size_bytes() const;
  /// Bytes of the tail cache's memory, for the broker's bound over all partitions.
  [[nodiscard]] std::uint64_t cache_bytes() const;
  /// Bytes of index entries that are in memory.
  [[nodiscard]] std::uint64_t index_bytes() const;
  [[nodiscard]] std::size_t segments() const { return segments_.size(); }
  /// Base offset of the segment that is appended to.
  [[nodiscard]] Offset active_segment_base() const;
  /// Largest record timestamp in the log; nothing when no record has one.
  [[nodiscard]] std::optional<Timestamp> max_timestamp_so_far() const;

  // -- Producers and transactions ----------------------------------------------------------------

  /// Whether a client's batch is new, a repetition or out of order. Ask right before `append`.
  /// `starts_at_zero`: see `ProducerState::check`.
  [[nodiscard]] ProducerVerdict check_producer(const protocol::BatchView& batch, Timestamp now,
                                               bool starts_at_zero = false);
  [[nodiscard]] const ProducerState& producers() const { return producers_; }
  std::size_t expire_producers(Timestamp now);
  /// How far committed data reaches; see `ProducerState::last_stable`.
  [[nodiscard]] Offset last_stable_offset(Offset high_watermark);
  /// What who reads the committed data of [from, limit) must leave out.
  [[nodiscard]] std::vector<AbortedTransaction> aborted_transactions(Offset from,
                                                                     Offset limit) const;

  // -- Leader epochs and truncation --------------------------------------------------------------

  /// A new leader says so before its first append, so that `epoch_end` knows the epoch at once.
  void begin_epoch(LeaderEpoch epoch);
  /// See `LeaderEpochs::end_of`.
  [[nodiscard]] std::optional<EpochEnd> epoch_end(LeaderEpoch epoch) const;
  [[nodiscard]] std::optional<LeaderEpoch> epoch_at(Offset offset) const;
  [[nodiscard]] std::optional<LeaderEpoch> latest_epoch() const { return epochs_.latest(); }
  /// Drops every batch that reaches past `end`, with all that was known of it, so `log_end()` is
  /// `end` or, when a batch or a gap reached over it, where the batch before ended. Durable when it
  /// returns: blocks for several syncs. Work that is out is superseded: end it as usual, it changes
  /// nothing. Makes a read-only log writable, because the caller takes it on itself to bring what
  /// is missing. An `end` past the log's end does nothing else. Errors make the log `failed`.
  Result<void> truncate_to(Offset end);
  /// Empties the log; it begins and ends at `start` then. Otherwise like `truncate_to`.
  Result<void> restart_at(Offset start);

  // -- Compaction --------------------------------------------------------------------------------

  /// What a pass would do now; `due` and `dirty_ratio()` tell whether and how soon. Only closed
  /// segments below the recovery point count. Rolls the active segment when the topic is compacted
  /// and its first record has waited for longer than the maximum lag: after the next checkpoint
  /// that record can be compacted, too.
  [[nodiscard]] CompactionPlan plan_compaction(Timestamp now, Offset high_watermark);
  /// A pass over the log, whether due or not; null when there is nothing dirty to compact, the
  /// topic is not compacted, or a pass is out. Until it ends, `apply_retention` deletes nothing.
  [[nodiscard]] std::unique_ptr<CompactionWork> take_compaction(const CompactionRequest& request);
  /// Takes in what a step of `work` made: cleaned segments take the place of others here. True: run
  /// the next step; false: the pass has ended. Renames files, waits for no sync.
  bool compacted(CompactionWork& work, const Result<CompactionStep>& step);
  /// Below it the log was compacted, as far as this log's life and files tell.
  [[nodiscard]] Offset first_dirty() const { return first_dirty_; }

  // -- Deleting ----------------------------------------------------------------------------------

  /// Deletes whole segments below `high_watermark` that are too old, too many or below
  /// `log_start()`; rolls the active one first when its newest record is too old. A segment
  /// without any timestamp is as old as its file, where the file system knows. Nothing when there
  /// is nothing to delete, while one is out, and during a pass of compaction.
  Result<std::optional<RetentionWork>> take_retention(Timestamp now, Offset high_watermark);
  /// Ends a `RetentionWork`: the segments go aside. A failure to write the start fails the log.
  Result<RetentionReport> retained(const RetentionWork& work, Result<void> result);
  /// The three in one, for callers that may block.
  Result<RetentionReport> apply_retention(Timestamp now, Offset high_watermark);
  /// Records below `start` are gone. Durable when it returns: blocks for a sync. At or below
  /// `log_start()`: nothing to do. Past `log_end()`: `offset_out_of_range`.
  Result<void> advance_log_start(Offset start);
  /// The files that were deleted `file_delete_delay` ago, to be removed; nothing if there are none.
  std::optional<PurgeWork> take_purge(Timestamp now);
  /// Ends a `PurgeWork`: what it could not remove is tried again.
  void purged(const PurgeWork& work);
  /// The three in one, for callers that may block. Gives how many.
  Result<std::size_t> purge(Timestamp now);

  /// Writes, syncs and leaves a recovery point at the end, so that the next open has nothing to
  /// scan. Blocks. The log can only be destroyed afterwards. A log that is destroyed without is as
  /// after a crash.
  Result<void> close();

 private:
  friend class LogRecovery;  // fills in what it found on disk, in `open`

  /// What a checkpoint will say, prepared when the sync that makes it true was taken.
  struct Point {
    RecoveryPoint where;
    std::vector<std::byte> snapshot;
    std::optional<std::vector<std::byte>> aborted;  // when there are any
  };
  struct Deleted {
    Path path;
    Timestamp since;
  };

  PartitionLog(Files& files, Path dir, LogConfig config, Timestamp now);

  [[nodiscard]] Result<void> ready_to_append() const;
  ErrorInfo fail(ErrorInfo error);
  /// The same, but a log that only finds no space is left as it is.
  ErrorInfo fail_unless_full(ErrorInfo error);
  Segment& active() { return *segments_.back(); }
  [[nodiscard]] const Segment& active() const { return *segments_.back(); }
  [[nodiscard]] bool roll_due(std::uint64_t batch_bytes, Offset last,
                              Timestamp max_timestamp) const;
  void roll(Offset base);
  AppendInfo take_in(const protocol::BatchView& batch);
  Result<void> write_segment(Segment& segment);
  [[nodiscard]] bool checkpoint_due() const;
  [[nodiscard]] Point point_at_end() const;
  Result<void> add_index_writes(CheckpointWork& work);

  /// The segment with the largest base at or below `offset`, or the first one.
  [[nodiscard]] std::size_t segment_of(Offset offset) const;

  [[nodiscard]] std::vector<RecoveryPoint::SegmentTime> times_of(std::size_t count) const;
  void supersede_work();
  Result<void> leave_journal();
  Result<RecoveryPoint> find_cut(Segment& segment, Offset end) const;
  Result<void> save_gap_point(Offset offset);
  Result<void> lower_points(const RecoveryPoint& to);
  Result<void> settle_compaction(Offset end);
  [[nodiscard]] std::vector<SegmentFacts> compactable();
  void roll_if_overdue(Timestamp now);
  Result<void> swap_segments(CompactionWork& work);
  Result<void> cut_readers_off(std::size_t first);
  Result<void> remove_files_behind(Offset last_base);
  Result<void> sync_all_dirty(Offset end);
  Result<void> restore_segment(Segment& segment, const RecoveryPoint& cut);
  Result<void> truncate_segment(Segment& segment, const RecoveryPoint& cut);
  Result<void> cut_unwritten();
  [[nodiscard]] bool unwritten_has_producers() const;
  Result<void> truncate_at(Offset end);
  Result<void> empty_at(Offset start);
  Result<void> rebuild_producers(Offset end);
  Result<void> cut_aborted(Offset end);
  void settle_at(Offset end);
  Result<void> save_log_start(Offset start, bool has_gaps);
  [[nodiscard]] bool too_old(const Segment& segment, Timestamp now) const;
  Result<void> delete_front(std::size_t count);

  Files& files_;
  Path dir_;
  LogConfig config_;
  LogState state_ = LogState::writable;
  Timestamp now_;  // the latest that the owner told

  // log_start_ <= log_end_;
  // recovery_point_.offset <= files_synced_end_ <= synced_end_ <= written_end_ <= log_end_
  Offset log_start_;
  Offset log_end_;
  Offset written_end_;
  Offset synced_end_;
  Offset files_synced_end_;
  Offset
      journal_next_;  // synced_end_ <= journal_next_: up to here a journal took it, or it is synced
  std::optional<JournalPosition> journal_mark_;  // newest entry of this log
  RecoveryPoint recovery_point_;
  bool has_gaps_ = false;  // batches were appended with gaps somewhere in this log's life
  // Behind the newest of the gaps that are not synced.
  std::optional<Offset> unsynced_gap_;

  std::vector<std::unique_ptr<Segment>> segments_;  // by base offset, never empty, last is active
  std::unique_ptr<TailCache> cache_;
  ProducerState producers_;
  LeaderEpochs epochs_;
  ProducerSnapshots snapshots_;

  std::shared_ptr<File> sync_point_;
  std::shared_ptr<WorkFence> fence_;
  bool sync_out_ = false;
  Offset sync_out_end_;
  bool checkpoint_out_ = false;
  // A checkpoint was handed out and not reported as done: the recovery point on disk may be its.
  bool point_may_be_ahead_ = false;
  bool new_files_ = false;  // created since the last take_sync
  bool rolled_ = false;     // since the last checkpoint
  Offset idle_end_;         // the end, when `checkpoint_if_idle` last looked
  std::uint64_t unsynced_bytes_ = 0;
  std::uint64_t synced_since_checkpoint_ = 0;
  std::vector<std::shared_ptr<File>> dirty_;    // written since the last take_sync
  std::vector<std::shared_ptr<File>> syncing_;  // in the work that is out
  std::optional<Point> point_in_sync_;
  std::optional<Point> point_ready_;
  std::vector<std::pair<Offset, std::vector<std::byte>>> roll_snapshots_;  // not on disk yet
  std::vector<Deleted> deleted_;  // under their `.deleted` names, oldest first
  std::shared_ptr<LogStartFence> log_start_fence_;
  bool retention_out_ = false;

  Offset first_dirty_;
  bool compacted_ = false;  // a pass may have left gaps, and a file says so
  Offset gaps_below_;       // all of those; and below the recovery point they are
  std::shared_ptr<CompactionFence> compaction_fence_;
  bool compaction_out_ = false;
  bool swap_left_ = false;  // a swap list is in the folder that recovery could not carry out
};

}  // namespace millrace::log
