#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "log/damage.hpp"
#include "log/partition_log.hpp"
#include "log/segment_restore.hpp"
#include "protocol/base/result.hpp"
#include "protocol/base/types.hpp"

namespace millrace::log {

/// Opens a log: finds out from its files where it stands. Lives for one call of
/// `PartitionLog::open`.
///
/// Three offsets decide. Below the recovery point C everything is taken as it is, apart from a look
/// at how the segments join. From C on every batch is verified, up to the first place X where the
/// log does not go on. The sync point H says how far records were acknowledged at least (H >= C):
///
///   X <  H   acknowledged records are gone: damage; the log ends at X, is read-only, and its files
///            are left alone for whoever repairs them
///   X >= H   nothing that was promised is missing: the log is cut at X. Sound batches behind X
///   mean
///            that writes reached the disk out of order, which is reported; otherwise it is the
///            torn end of an interrupted write, which is normal
///
/// What a journal holds from X on, to H at least, is no damage in either case: the log is cut at X
/// and the journal's batches are appended, which is how a start after a power failure goes.
class LogRecovery {
 public:
  LogRecovery(PartitionLog& log, DamageSink& sink, std::span<const JournalRun> journal)
      : log_{log}, sink_{sink}, journal_{journal} {}
  Result<RecoveryReport> run();

 private:
  using Path = std::filesystem::path;
  struct Bad {
    std::uint64_t position = 0;
    std::string what;
    bool out_of_place = false;  // a batch is there, but not the one that should be
  };
  /// A file that holds verified bytes that may not be durable, and from where on they may not even
  /// be on their way to the disk.
  struct Unsynced {
    std::shared_ptr<File> file;
    std::optional<std::uint64_t> rewrite_from = std::nullopt;
  };

  Result<void> carry_out_swap();
  Result<void> prepare_folder();
  Result<void> read_points();
  Result<void> drop_obsolete();
  Result<void> read_segments();
  Result<std::optional<Bad>> read_segment(Segment& segment, std::optional<Offset> following);
  Result<bool> restore(Segment& segment, const TrustedPart& trusted);
  Result<std::optional<Bad>> verify(Segment& segment, std::uint64_t file_bytes);
  Result<void> missing_from(std::size_t index, const Path& file, std::uint64_t file_bytes,
                            const Bad& bad);
  Result<bool> sound_batch_behind(std::size_t index, std::uint64_t position);
  Result<void> cut(std::size_t index, std::uint64_t position);
  Result<void> finish_segments();
  /// Takes the producers from the newest snapshot that can be used, and gives where that ends;
  /// nothing when the log is to be read from its front.
  Result<std::optional<Offset>> load_producers();
  Result<void> replay();
  Result<void> settle();
  Result<void> write_again(const Unsynced& part);
  [[nodiscard]] std::optional<Segment::Newest> newest_of(Offset base, std::uint64_t bytes) const;
  [[nodiscard]] bool gap_allowed_before(Offset base) const;
  Result<void> read_journal();
  [[nodiscard]] Offset journal_reaches(Offset from) const;
  Result<void> replay_journal();
  [[nodiscard]] bool journal_reaches_past(Offset end) const;
  void report(Damage damage);

  PartitionLog& log_;
  DamageSink& sink_;
  std::span<const JournalRun> journal_;  // of this log, above its floor
  RecoveryReport report_;

  std::vector<Offset> bases_;           // of the .log files
  std::optional<RecoveryPoint> point_;  // C
  Offset synced_;                       // H
  Offset end_;                          // X, once known; before, how far the log was followed
  bool read_only_ = false;
  bool log_start_missing_ = false;
  bool gap_point_lost_ = false;  // or the cleaner point: there are gaps, nobody knows how far
  bool times_unknown_ =
      false;              // of segments that compaction put in place behind the last checkpoint
  bool changed_ = false;  // files were removed or cut
  std::vector<Unsynced> unsynced_;
};

}  // namespace millrace::log
