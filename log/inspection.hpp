#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "log/batch_scan.hpp"
#include "log/inspect.hpp"

namespace millrace::log {

/// One look at the files of a log (inspect.hpp): what is known of the folder, and what was learned
/// on the way through it. The segments are walked in order, so that what lies beside them can be
/// held against them.
class Inspection {
 public:
  using Path = Files::Path;

  Inspection(Files& files, Path dir, const InspectOptions& options, InspectSink& sink)
      : files_{files}, dir_{std::move(dir)}, options_{options}, sink_{sink} {}

  /// Learns which files there are and what the small ones say.
  Result<void> read_folder();
  Result<void> inspect_all();
  Result<void> inspect_one(std::string_view name, FileKind kind);
  [[nodiscard]] const InspectSummary& summary() const { return summary_; }

 private:
  /// One file under inspection: counts what is found in it, and ends with the verdict.
  class Open;

  // inspect_segment.cpp
  Result<void> inspect_segment(Offset base, bool alone);
  Result<void> walk_segment(Open& open, const File& file, std::uint64_t size);
  Result<std::uint64_t> pass_damage(Open& open, const File& file, std::uint64_t position,
                                    std::uint64_t size, std::string what);
  void join(Open& open, Offset base);
  void missing_files(Open& open, Offset base);
  void look_at(Open& open, const ScannedBatch& where, const InspectedBatch& batch);
  void read_records(Open& open, const InspectedBatch& batch);
  void learn(const protocol::BatchView& batch);
  void compare_snapshot(Offset offset);
  void snapshots_behind_the_end();

  // inspect_index.cpp
  Result<void> inspect_index(Offset base);
  Result<void> inspect_time_index(Offset base);

  // inspect_small.cpp
  Result<void> inspect_snapshot(Offset offset);
  Result<void> inspect_leader_epochs();
  Result<void> inspect_recovery_point();
  Result<void> inspect_log_start();
  Result<void> inspect_sync_point();
  Result<void> inspect_cleaner_point();
  Result<void> inspect_swap_list();
  /// The contents of a small file; nothing when it is gone or has no such size.
  Result<std::optional<std::vector<std::byte>>> read_small(const Path& path);
  /// What a small file says; nothing when it is gone or damaged.
  template <class Point>
  Result<std::optional<Point>> read_point(std::string_view name) {
    const auto bytes = read_small(dir_ / name);
    if (!bytes) return bytes.error();
    if (!*bytes) return std::optional<Point>{};
    auto decoded = Point::decode(**bytes);
    return decoded ? std::optional<Point>{*std::move(decoded)} : std::nullopt;
  }
  void recovery_point_fits(Open& open, const RecoveryPoint& point);

  [[nodiscard]] bool gap_allowed_before(Offset base);
  [[nodiscard]] bool has(std::string_view name) const;
  [[nodiscard]] bool is_last(Offset base) const;
  [[nodiscard]] Offset acknowledged() const;
  /// What it means that the log does not go on at `offset`.
  [[nodiscard]] std::string meaning_of_loss(Offset offset) const;
  Result<std::shared_ptr<File>> open(const Path& path);

  Files& files_;
  Path dir_;
  InspectOptions options_;
  InspectSink& sink_;
  InspectSummary summary_;

  std::vector<std::string> names_;
  std::vector<Offset> bases_;      // of the segments, rising
  std::vector<Offset> snapshots_;  // rising
  // As they were before the first segment was looked at: a broker at work only moves them on.
  std::optional<RecoveryPoint> recovery_point_;
  std::optional<LogStart> log_start_;
  std::optional<SyncPoint> sync_point_;
  std::optional<LeaderEpochs> epochs_;

  // What the walk has learned so far.
  std::optional<Offset> next_;  // where the next batch should begin; nothing: not known
  bool at_end_ = false;         // in the last segment
  bool whole_ = false;          // all segments are walked, front to back
  bool unbroken_ = true;        // nothing was passed over
  ProducerState producers_;     // of the batches so far
  std::size_t snapshots_compared_ = 0;
  std::map<Offset, Finding> snapshot_findings_;
  std::optional<Finding> epoch_finding_;
};

class Inspection::Open {
 public:
  Open(Inspection& owner, const Path& path, FileKind kind, std::uint64_t bytes) : owner_{owner} {
    verdict_.bytes = bytes;
    ++owner_.summary_.files;
    owner_.sink_.begin(path, kind, bytes);
  }
  Open(const Open&) = delete;
  Open& operator=(const Open&) = delete;
  ~Open() {
    if (!verdict_.sound()) ++owner_.summary_.damaged_files;
    owner_.summary_.damages += verdict_.damages;
    owner_.sink_.end(verdict_);
  }
  void found(const Finding& finding) {
    if (finding.damage) ++verdict_.damages;
    owner_.sink_.found(finding);
  }
  void count(std::uint64_t items = 1) { verdict_.items += items; }
  [[nodiscard]] InspectSink& sink() const { return owner_.sink_; }

 private:
  Inspection& owner_;
  FileVerdict verdict_;
};

}  // namespace millrace::log
