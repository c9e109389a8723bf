#include "log/inspect.hpp"

#include <algorithm>
#include <array>
#include <set>

#include "log/errc.hpp"
#include "log/file_names.hpp"
#include "log/inspection.hpp"

namespace millrace::log {
namespace {

struct NamedKind {
  std::string_view suffix;
  FileKind kind;
};
constexpr std::array kBySuffix{NamedKind{kLogSuffix, FileKind::segment},
                               NamedKind{kIndexSuffix, FileKind::index},
                               NamedKind{kTimeIndexSuffix, FileKind::time_index},
                               NamedKind{kSnapshotSuffix, FileKind::producer_snapshot}};
constexpr std::array kByName{NamedKind{kLeaderEpochFile, FileKind::leader_epochs},
                             NamedKind{kCleanerPointFile, FileKind::cleaner_point},
                             NamedKind{kSwapListFile, FileKind::swap_list},
                             NamedKind{kLogStartFile, FileKind::log_start},
                             NamedKind{kRecoveryPointFile, FileKind::recovery_point},
                             NamedKind{kSyncPointFile, FileKind::sync_point}};

bool is_missing(const ErrorInfo& error) {
  return error == boost::system::errc::no_such_file_or_directory;
}

}  // namespace

std::string_view to_string(FileKind kind) {
  switch (kind) {
    case FileKind::segment:
      return "segment";
    case FileKind::index:
      return "index";
    case FileKind::time_index:
      return "time index";
    case FileKind::producer_snapshot:
      return "producer snapshot";
    case FileKind::leader_epochs:
      return "leader epochs";
    case FileKind::recovery_point:
      return "recovery point";
    case FileKind::log_start:
      return "log start";
    case FileKind::sync_point:
      return "sync point";
    case FileKind::cleaner_point:
      return "cleaner point";
    case FileKind::swap_list:
      return "compaction swap";
  }
  return "file";
}

std::optional<FileKind> file_kind(std::string_view name) {
  for (const auto& [suffix, kind] : kBySuffix)
    if (parse_file_name(name, suffix)) return kind;
  for (const auto& [whole, kind] : kByName)
    if (name == whole) return kind;
  return std::nullopt;
}

std::ostream& operator<<(std::ostream& out, const Finding& finding) {
  out << (finding.damage ? "damage" : "note") << " at byte " << finding.position << ", "
      << finding.bytes << " bytes";
  if (finding.offset) out << ", offset " << *finding.offset;
  return out << ": " << finding.what << " (" << finding.meaning << ')';
}

Result<std::shared_ptr<File>> Inspection::open(const Path& path) {
  auto file = files_.open(path, OpenMode::read_only);
  if (!file && is_missing(file.error())) return std::shared_ptr<File>{};
  return file;
}

bool Inspection::gap_allowed_before(Offset base) {
  if (options_.gaps_allowed && base < acknowledged()) return true;
  if (has(kCleanerPointFile) && (!recovery_point_ || base <= recovery_point_->offset)) return true;
  if (!log_start_ || !log_start_->has_gaps) return false;
  // What is synced has its gaps on purpose; a broker may have synced more since.
  if (base >= acknowledged())
    if (const auto point = read_point<SyncPoint>(kSyncPointFile); point && *point)
      sync_point_ = *point;
  return base < acknowledged();
}

bool Inspection::has(std::string_view name) const {
  return std::ranges::find(names_, name) != names_.end();
}

bool Inspection::is_last(Offset base) const {
  return !bases_.empty() && bases_.back() == base;
}

Offset Inspection::acknowledged() const {
  Offset end{0};
  if (recovery_point_) end = std::max(end, recovery_point_->offset);
  if (sync_point_) end = std::max(end, sync_point_->offset);
  return end;
}

std::string Inspection::meaning_of_loss(Offset offset) const {
  if (offset < acknowledged())
    return "acknowledged records are missing: the log cannot be read from offset " +
           std::to_string(offset.value) +
           " on, and a start that finds it opens the partition read-only; restore the file from "
           "a copy, or delete the topic";
  return "nothing acknowledged is missing, as far as the sync point tells; the next start after a "
         "crash cuts the log at offset " +
         std::to_string(offset.value) + ", with all that lies behind";
}

Result<void> Inspection::read_folder() {
  const auto take = [&](std::string_view name, auto& into) -> Result<void> {
    auto point = read_point<typename std::remove_reference_t<decltype(into)>::value_type>(name);
    if (!point) return point.error();
    into = *std::move(point);
    return {};
  };
  // In this order a broker at work only adds to what was read before.
  if (const auto done = take(kSyncPointFile, sync_point_); !done) return done;
  if (const auto done = take(kRecoveryPointFile, recovery_point_); !done) return done;
  const auto entries = files_.list(dir_);
  if (!entries) return entries.error();
  for (const DirectoryEntry& entry : *entries) {
    if (entry.is_directory) continue;
    names_.push_back(entry.name);
    if (const auto base = parse_file_name(entry.name, kLogSuffix)) bases_.push_back(*base);
    if (const auto offset = parse_file_name(entry.name, kSnapshotSuffix))
      snapshots_.push_back(*offset);
  }
  std::ranges::sort(bases_);
  std::ranges::sort(snapshots_);
  if (const auto done = take(kLogStartFile, log_start_); !done) return done;
  return take(kLeaderEpochFile, epochs_);
}

Result<void> Inspection::inspect_all() {
  whole_ = !options_.indexes_only;
  // An index whose segment is gone has a turn of its own.
  std::set<Offset> bases{bases_.begin(), bases_.end()};
  for (const std::string& name : names_)
    for (const std::string_view suffix : {kIndexSuffix, kTimeIndexSuffix})
      if (const auto base = parse_file_name(name, suffix)) bases.insert(*base);
  for (const Offset base : bases) {
    if (!sink_.wants_more()) return {};
    const bool has_log = std::ranges::binary_search(bases_, base);
    if (has_log && !options_.indexes_only)
      if (const auto done = inspect_segment(base, false); !done) return done;
    if (const auto done = inspect_index(base); !done) return done;
    if (const auto done = inspect_time_index(base); !done) return done;
  }
  if (options_.indexes_only) return {};
  snapshots_behind_the_end();
  for (const Offset offset : snapshots_) {
    if (!sink_.wants_more()) return {};
    if (const auto done = inspect_snapshot(offset); !done) return done;
  }
  if (const auto done = inspect_leader_epochs(); !done) return done;
  if (const auto done = inspect_cleaner_point(); !done) return done;
  if (const auto done = inspect_swap_list(); !done) return done;
  if (const auto done = inspect_log_start(); !done) return done;
  if (const auto done = inspect_recovery_point(); !done) return done;
  return inspect_sync_point();
}

void Inspection::snapshots_behind_the_end() {
  const Offset end = next_.value_or(Offset{0});
  for (; snapshots_compared_ < snapshots_.size(); ++snapshots_compared_) {
    const Offset offset = snapshots_[snapshots_compared_];
    if (offset <= end) {
      compare_snapshot(offset);
    } else if (unbroken_ && !bases_.empty()) {
      snapshot_findings_.emplace(
          offset, Finding{.offset = end,
                          .what = "is of a longer log than this one, which ends at offset " +
                                  std::to_string(end.value),
                          .meaning = "no record is lost: the next start removes it"});
    }
  }
}

Result<void> Inspection::inspect_one(std::string_view name, FileKind kind) {
  const auto offset_in = [&](std::string_view suffix) {
    return parse_file_name(name, suffix).value_or(Offset{0});
  };
  switch (kind) {
    case FileKind::segment:
      return inspect_segment(offset_in(kLogSuffix), true);
    case FileKind::index:
      return inspect_index(offset_in(kIndexSuffix));
    case FileKind::time_index:
      return inspect_time_index(offset_in(kTimeIndexSuffix));
    case FileKind::producer_snapshot:
      return inspect_snapshot(offset_in(kSnapshotSuffix));
    case FileKind::leader_epochs:
      return inspect_leader_epochs();
    case FileKind::recovery_point:
      return inspect_recovery_point();
    case FileKind::log_start:
      return inspect_log_start();
    case FileKind::sync_point:
      return inspect_sync_point();
    case FileKind::cleaner_point:
      return inspect_cleaner_point();
    case FileKind::swap_list:
      return inspect_swap_list();
  }
  return {};
}

Result<InspectSummary> inspect_folder(Files& files, const std::filesystem::path& folder,
                                      const InspectOptions& options, InspectSink& sink) {
  Inspection inspection{files, folder, options, sink};
  if (const auto read = inspection.read_folder(); !read) return read.error();
  if (const auto done = inspection.inspect_all(); !done) return done.error();
  return inspection.summary();
}

Result<InspectSummary> inspect_file(Files& files, const std::filesystem::path& file,
                                    const InspectOptions& options, InspectSink& sink) {
  const auto name = file.filename().string();
  const auto kind = file_kind(name);
  if (!kind) return Errc::corrupt_file;
  const auto there = files.open(file, OpenMode::read_only);
  if (!there) return there.error();
  auto folder = file.parent_path();
  if (folder.empty()) folder = ".";
  Inspection inspection{files, folder, options, sink};
  if (const auto read = inspection.read_folder(); !read) return read.error();
  if (const auto done = inspection.inspect_one(name, *kind); !done) return done.error();
  return inspection.summary();
}

Result<std::vector<std::filesystem::path>> log_folders(Files& files,
                                                       const std::filesystem::path& directory) {
  const auto entries = files.list(directory);
  if (!entries) return entries.error();
  std::vector<std::filesystem::path> folders;
  for (const DirectoryEntry& entry : *entries) {
    if (!entry.is_directory) continue;
    const auto inside = files.list(directory / entry.name);
    if (!inside) continue;  // deleted meanwhile, or not for us to read
    if (std::ranges::any_of(*inside,
                            [](const auto& file) { return file_kind(file.name).has_value(); }))
      folders.push_back(directory / entry.name);
  }
  return folders;
}

}  // namespace millrace::log
