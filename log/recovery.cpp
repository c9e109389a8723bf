#include "log/recovery.hpp"

#include <algorithm>
#include <array>

#include "log/compaction/swap.hpp"
#include "log/file_names.hpp"
#include "log/segment.hpp"
#include "log/segment_restore.hpp"
#include "log/tail_cache.hpp"

namespace millrace::log {

/// Whether the record before the one at `base` may be missing. What was synced has its gaps on
/// purpose. Further on a gap is what writes left behind that the disk let overtake others.
/// Compaction stays below the recovery point.
bool LogRecovery::gap_allowed_before(Offset base) const {
  if (log_.has_gaps_ && base < synced_) return true;
  if (log_.compacted_ && base <= log_.gaps_below_) return true;
  return point_ && (log_.compacted_ || log_.config_.compact) && base <= point_->offset;
}

void LogRecovery::report(Damage damage) {
  ++report_.damages;
  read_only_ = read_only_ || damage.acknowledged;
  sink_.damaged(damage);
}

Result<RecoveryReport> LogRecovery::run() {
  if (const auto done = prepare_folder(); !done) return done.error();
  if (const auto done = read_points(); !done) return done.error();
  if (const auto done = read_journal(); !done) return done.error();
  if (const auto done = drop_obsolete(); !done) return done.error();
  if (const auto done = read_segments(); !done) return done.error();
  if (const auto done = finish_segments(); !done) return done.error();
  if (const auto done = replay(); !done) return done.error();
  if (const auto done = settle(); !done) return done.error();
  if (const auto done = replay_journal(); !done) return done.error();
  return report_;
}

Result<void> LogRecovery::prepare_folder() {
  Files& files = log_.files_;
  const auto there = files.exists(log_.dir_);
  if (!there) return there.error();
  if (!*there)
    if (const auto made = files.create_directories(log_.dir_); !made) return made.error();
  if (*there)
    if (const auto done = carry_out_swap(); !done) return done;
  const auto entries = files.list(log_.dir_);
  if (!entries) return entries.error();
  for (const DirectoryEntry& entry : *entries) {
    const std::string_view name = entry.name;
    if (const auto base = parse_file_name(name, kLogSuffix)) bases_.push_back(*base);
    if (const auto offset = parse_file_name(name, kSnapshotSuffix)) log_.snapshots_.add(*offset);
    const bool cleaned = name.ends_with(kCleanedSuffix) && !log_.swap_left_;
    if (!name.ends_with(kDeletedSuffix) && !name.ends_with(kUnfinishedSuffix) && !cleaned) continue;
    if (const auto removed = files.remove(log_.dir_ / name); !removed) return removed.error();
    changed_ = true;
  }
  return {};
}

/// Compaction had decided to replace segments when the log ended: that is done now, whatever of it
/// had been done.
Result<void> LogRecovery::carry_out_swap() {
  const Path path = log_.dir_ / kSwapListFile;
  const auto bytes = log_.files_.read_if_there(path);
  if (!bytes) return bytes.error();
  if (!*bytes) return {};
  const auto list = SwapList::decode(**bytes);
  auto done = list ? redo_swap(log_.files_, log_.dir_, *list) : Result<void>{list.error()};
  changed_ = true;
  if (done || done.error() != make_error_code(Errc::corrupt_file)) return done;
  log_.swap_left_ = true;
  report({path, 0, Offset{0}, (*bytes)->size(), true,
          "segments that compaction was about to put in place of others are missing or damaged"});
  return {};
}

Result<void> LogRecovery::read_points() {
  Files& files = log_.files_;
  const auto start = files.read_if_there(log_.dir_ / kLogStartFile);
  if (!start) return start.error();
  log_.log_start_ = bases_.empty() ? Offset{0} : bases_.front();
  log_start_missing_ = !*start;
  if (*start) {
    const auto decoded = LogStart::decode(**start);
    if (decoded) {
      log_.log_start_ = decoded->start;
      log_.has_gaps_ = decoded->has_gaps;
    } else {
      log_start_missing_ = true;
      report({log_.dir_ / kLogStartFile, 0, log_.log_start_, (*start)->size(), bases_.empty(),
              "the log's start is not readable; it is taken to be that of the first segment"});
    }
  } else if (const auto used = files.exists(log_.dir_ / kSyncPointFile); !used) {
    return used.error();
  } else if (*used || !bases_.empty()) {
    // It is durable before anything else of a log can be.
    // Without segments it is the only one to know which offsets were given already.
    report({log_.dir_ / kLogStartFile, 0, log_.log_start_, 0, bases_.empty(),
            "the log's start is missing; it is taken to be that of the first segment"});
  }
  const auto cleaned = files.read_if_there(log_.dir_ / kCleanerPointFile);
  if (!cleaned) return cleaned.error();
  if (*cleaned) {
    log_.compacted_ = true;
    const auto decoded = CleanerPoint::decode(**cleaned);
    log_.first_dirty_ = decoded ? decoded->first_dirty : Offset{0};
    log_.gaps_below_ = decoded ? decoded->gaps_below : Offset{0};
    gap_point_lost_ = !decoded;
  }
  const auto point = files.read_if_there(log_.dir_ / kRecoveryPointFile);
  if (!point) return point.error();
  if (*point)
    if (const auto decoded = RecoveryPoint::decode(**point)) point_ = *decoded;
  const auto synced = files.read_if_there(log_.dir_ / kSyncPointFile);
  if (!synced) return synced.error();
  synced_ = point_ ? point_->offset : Offset{0};
  if (*synced)
    if (const auto decoded = SyncPoint::decode(**synced))
      synced_ = std::max(synced_, decoded->offset);
  const auto gaps = files.read_if_there(log_.dir_ / kGapPointFile);
  if (!gaps) return gaps.error();
  log_.has_gaps_ = log_.has_gaps_ || gaps->has_value();
  const auto decoded = GapPoint::decode(*gaps ? Bytes{**gaps} : Bytes{});
  if (decoded) synced_ = std::max(synced_, decoded->offset);
  gap_point_lost_ = gap_point_lost_ || (log_.has_gaps_ && !decoded);
  return {};
}

/// Retention makes the log's start durable and then renames files; a crash may undo any of the
/// renames, so what is left below the start may have holes and says nothing.
Result<void> LogRecovery::drop_obsolete() {
  if (log_start_missing_) return {};
  const auto entries = log_.files_.list(log_.dir_);
  if (!entries) return entries.error();
  while (bases_.size() > 1 && bases_[1] <= log_.log_start_) bases_.erase(bases_.begin());
  if (bases_.empty()) return {};
  for (const DirectoryEntry& entry : *entries) {
    for (const std::string_view suffix : {kLogSuffix, kIndexSuffix, kTimeIndexSuffix}) {
      const auto base = parse_file_name(entry.name, suffix);
      if (!base || *base >= bases_.front()) continue;
      const auto removed = log_.files_.remove(log_.dir_ / entry.name);
      if (!removed) return removed.error();
      changed_ = true;
    }
  }
  return {};
}

Result<void> LogRecovery::read_segments() {
  end_ = log_.log_start_;
  if (bases_.empty()) {
    if (end_ < synced_ && journal_reaches(end_) < synced_)
      report({log_.dir_, 0, end_, 0, true, "the segments are missing"});
    return {};
  }
  if (bases_.front() < end_) end_ = bases_.front();
  for (std::size_t i = 0; i < bases_.size(); ++i) {
    const Offset base = bases_[i];
    auto segment = std::make_unique<Segment>(log_.dir_, base);
    const Path path = segment->path(kLogSuffix);
    if (base < end_ || (base > end_ && !gap_allowed_before(base))) {
      const Bad bad{0,
                    base < end_ ? "a segment begins below the end of the one before"
                                : "records between two segments are missing",
                    true};
      return missing_from(i, path, 0, bad);
    }
    const auto file = segment->open_log(log_.files_, OpenMode::read_write);
    if (!file) return file.error();
    const auto file_bytes = (*file)->size();
    if (!file_bytes) return file_bytes.error();
    std::optional<Offset> following;
    if (i + 1 < bases_.size()) following = bases_[i + 1];
    log_.segments_.push_back(std::move(segment));
    const auto bad = read_segment(*log_.segments_.back(), following);
    if (!bad) return bad.error();
    end_ = std::max(base, log_.segments_.back()->next());
    if (*bad) return missing_from(i, path, *file_bytes, **bad);
  }
  if (end_ < synced_)
    return missing_from(bases_.size() - 1, log_.active().path(kLogSuffix),
                        log_.active().size_bytes(),
                        {log_.active().size_bytes(), "the log ends too early", false});
  return {};
}

Result<bool> LogRecovery::restore(Segment& segment, const TrustedPart& trusted) {
  const std::uint32_t interval = log_.config_.index_interval_bytes;
  // A time index alone does not tell the largest timestamp: it may have lost its last entries.
  if (!trusted.newest && trusted.bytes > 0) {
    times_unknown_ = true;
    return restore_from_headers(segment, trusted, interval);
  }
  const auto restored = restore_from_indexes(segment, log_.files_, trusted, interval);
  if (!restored || *restored) return restored;
  const auto from_headers = restore_from_headers(segment, trusted, interval);
  if (from_headers && *from_headers && trusted.bytes > 0) ++report_.indexes_rebuilt;
  return from_headers;
}

std::optional<Segment::Newest> LogRecovery::newest_of(Offset base, std::uint64_t bytes) const {
  const auto* const known = point_ ? point_->time_of(base, bytes) : nullptr;
  if (known == nullptr) return std::nullopt;
  return Segment::Newest{known->newest, known->newest_batch};
}

Result<std::optional<LogRecovery::Bad>> LogRecovery::read_segment(Segment& segment,
                                                                  std::optional<Offset> following) {
  const auto size = segment.log_file()->size();
  if (!size) return size.error();
  const bool is_below = point_ && segment.base() < point_->segment_base;
  const bool is_at = point_ && segment.base() == point_->segment_base;
  if (is_below) {
    const TrustedPart trusted{.bytes = *size,
                              .end = following.value_or(point_->offset),
                              .exact = !gap_allowed_before(following.value_or(point_->offset)),
                              .active = false,
                              .newest = newest_of(segment.base(), *size)};
    const auto restored = restore(segment, trusted);
    if (!restored) return restored.error();
    if (*restored) return std::optional<Bad>{};
  } else if (is_at && point_->position <= *size) {
    const TrustedPart trusted{.bytes = point_->position,
                              .end = point_->offset,
                              .exact = true,
                              .active = true,
                              .newest = newest_of(segment.base(), point_->position)};
    const auto restored = restore(segment, trusted);
    if (!restored) return restored.error();
  }
  if (segment.size_bytes() < *size) unsynced_.push_back({segment.log_file()});
  return verify(segment, *size);
}

Result<std::optional<LogRecovery::Bad>> LogRecovery::verify(Segment& segment,
                                                            std::uint64_t file_bytes) {
  BatchScan scan{
      *segment.log_file(), {segment.size_bytes(), file_bytes}, BatchScan::kBodyBlockBytes};
  for (;;) {
    const auto batch = scan.next();
    if (!batch) return batch.error();
    if (!*batch) break;
    const auto view = scan.view();
    if (!view) return view.error();
    const std::uint64_t at = (*batch)->position;
    if (!*view || !(*view)->crc_ok())
      return std::optional{Bad{at, "the checksum of a batch is wrong", false}};
    if ((*batch)->base < segment.next()) return std::optional{Bad{at, "offsets go back", true}};
    if ((*batch)->base > segment.next() && !gap_allowed_before((*batch)->base))
      return std::optional{Bad{at, "records are missing between two batches", true}};
    if (segment.offset_out_of_reach((*batch)->last))
      return std::optional{Bad{at, "an offset is too far from its segment's", true}};
    segment.append(**batch, log_.config_.index_interval_bytes);
    segment.set_written();
    if ((*batch)->next() > synced_ && !unsynced_.back().rewrite_from)
      unsynced_.back().rewrite_from = at;
    report_.scanned_bytes += (*batch)->size_bytes;
    sink_.verified((*batch)->size_bytes);
  }
  if (scan.stopped().empty()) return std::optional<Bad>{};
  return std::optional{Bad{scan.position(), std::string{scan.stopped()}, false}};
}

Result<bool> LogRecovery::sound_batch_behind(std::size_t index, std::uint64_t position) {
  for (std::size_t i = index; i < bases_.size(); ++i) {
    const auto file =
        log_.files_.open(log_.dir_ / file_name(bases_[i], kLogSuffix), OpenMode::read_only);
    if (!file) return {boost::system::in_place_error, file.error()};
    const auto size = (*file)->size();
    if (!size) return {boost::system::in_place_error, size.error()};
    const auto found = find_sound_batch(**file, {i == index ? position : 0, *size}, end_);
    if (!found) return {boost::system::in_place_error, found.error()};
    if (*found) return true;
  }
  return false;
}

/// The log does not go on at `end_`, which should be byte `bad.position` of segment `index`.
Result<void> LogRecovery::missing_from(std::size_t index, const Path& file,
                                       std::uint64_t file_bytes, const Bad& bad) {
  // Below the log's start nothing is missed: a deletion that a crash undid in part leaves holes.
  const Offset start = log_start_missing_ ? end_ : log_.log_start_;
  if (end_ < start && journal_reaches(start) >= synced_ && !gap_point_lost_)
    return cut(index, bad.position);
  const std::uint64_t lost = file_bytes - std::min(file_bytes, bad.position);
  if (const Offset reach = journal_reaches(end_); reach > end_ && reach >= synced_) {
    report_.torn_bytes += lost;
    return cut(index, bad.position);
  }
  // Without its note a gap on purpose looks like lost writes: nobody may decide that by cutting.
  if (end_ < synced_ || (gap_point_lost_ && bad.out_of_place)) {
    report({file, bad.position, end_, lost, true, bad.what});
    return {};
  }
  const auto behind = sound_batch_behind(index, bad.position);
  if (!behind) return behind.error();
  if (*behind || bad.out_of_place)
    report({file, bad.position, end_, lost, false, bad.what});
  else
    report_.torn_bytes += lost;
  return cut(index, bad.position);
}

Result<void> LogRecovery::cut(std::size_t index, std::uint64_t position) {
  changed_ = true;
  // A segment that was not taken into the log begins in the wrong place, and goes as a whole.
  const bool keep = index < log_.segments_.size();
  const Offset last_kept = keep ? bases_[index] : index == 0 ? Offset{-1} : bases_[index - 1];
  for (std::size_t i = index + 1; i < bases_.size(); ++i) {
    const auto size =
        log_.files_.open(log_.dir_ / file_name(bases_[i], kLogSuffix), OpenMode::read_only);
    if (!size) return size.error();
    const auto bytes = (*size)->size();
    if (!bytes) return bytes.error();
    report_.torn_bytes += *bytes;
  }
  if (const auto removed = log_.remove_files_behind(last_kept); !removed) return removed.error();
  if (!keep) return {};
  const auto& file = log_.segments_[index]->log_file();
  if (const auto done = file->truncate(position); !done) return done.error();
  if (std::ranges::find(unsynced_, file, &Unsynced::file) == unsynced_.end())
    unsynced_.push_back({file});
  return {};
}

Result<void> LogRecovery::finish_segments() {
  auto& segments = log_.segments_;
  if (!read_only_ && log_.log_start_ > end_) {
    // What was deleted on request reached further than what survived, and none of it was promised.
    if (const auto removed = log_.remove_files_behind(Offset{-1}); !removed) return removed.error();
    changed_ = true;
    segments.clear();
    unsynced_.clear();
    end_ = log_.log_start_;
  }
  if (segments.empty()) segments.push_back(std::make_unique<Segment>(log_.dir_, end_));
  for (std::size_t i = 0; i + 1 < segments.size(); ++i) segments[i]->close();
  Segment& active = *segments.back();
  if (active.written_bytes() > 0) {
    BatchScan scan{*active.log_file(), {0, active.written_bytes()}, protocol::kBatchHeaderBytes};
    const auto first = scan.next();
    if (!first) return first.error();
    if (*first && (*first)->max_timestamp >= Timestamp{0})
      active.set_first_timestamp((*first)->max_timestamp);
  }
  log_.log_start_ = std::min(log_.log_start_, end_);
  // Compaction stays below what is durable, so a point past the end is none.
  if (log_.first_dirty_ > end_) log_.first_dirty_ = Offset{0};
  return {};
}

Result<void> LogRecovery::replay() {
  const auto snapshot = load_producers();
  if (!snapshot) return snapshot.error();
  const Offset producers_from = snapshot->value_or(log_.segments_.front()->base());
  report_.producers_rebuilt = !*snapshot && log_.size_bytes() > 0;
  Offset epochs_from = log_.segments_.front()->base();
  const auto epochs = log_.files_.read_if_there(log_.dir_ / kLeaderEpochFile);
  if (!epochs) return epochs.error();
  if (*epochs && point_) {
    if (auto decoded = LeaderEpochs::decode(**epochs)) {
      log_.epochs_ = std::move(*decoded);
      epochs_from = std::max(epochs_from, std::min(point_->offset, end_));
      log_.epochs_.truncate_to(epochs_from);
    }
  }
  const auto visit = [&](const ScannedBatch& batch, BatchScan& scan) -> Result<void> {
    if (batch.base >= epochs_from && batch.leader_epoch >= LeaderEpoch{0})
      log_.epochs_.assign(batch.leader_epoch, batch.base);
    if (batch.base < producers_from || !batch.has_producer) return {};
    const auto view = scan.view();
    if (!view) return view.error();
    if (*view) log_.producers_.apply(**view, log_.now_);
    return {};
  };
  const auto done =
      for_each_batch(log_.segments_, log_.files_, std::min(producers_from, epochs_from), visit);
  log_.epochs_.trim_front(log_.log_start_);
  log_.producers_.aborted().forget_below(std::max(log_.log_start_, log_.first_dirty_));
  if (done || done.error() != make_error_code(Errc::corrupt_file)) return done;
  // Below the recovery point nothing is verified, so this is where rot there shows first.
  report({log_.dir_, 0, log_.log_start_, 0, true, "a batch below the recovery point is damaged"});
  return {};
}

/// The last process may have died of a sync that failed. The system then has the bytes, and takes
/// them for clean: another sync says yes and writes nothing. So what lies behind the sync point is
/// written once more, as it is, and the file's length as well. Its pages are let go first: to ext4
/// they have a place on the disk that was written to, and what is written to such a page again
/// never turns that place into one that can be read.
Result<void> LogRecovery::write_again(const Unsynced& part) {
  constexpr std::uint64_t kPageBytes = 4096;
  constexpr std::uint64_t kBlockBytes = 64 * kPageBytes;
  const auto end = part.file->size();
  if (!end) return end.error();
  if (const auto cut = part.file->truncate(*end); !cut) return cut.error();
  if (!part.rewrite_from) return {};
  const auto pages = pinned(part.file);
  std::vector<std::byte> block;
  for (std::uint64_t at = *part.rewrite_from / kPageBytes * kPageBytes; at < *end;
       at += block.size()) {
    block.resize(std::min(kBlockBytes, *end - at));
    const auto read = part.file->read_at(block, at);
    if (!read) return read.error();
    if (*read != block.size()) return Errc::corrupt_file;
    pages->let_go(at, block.size());
    const std::array pieces{Bytes{block}};
    if (const auto written = part.file->write_at(pieces, at); !written) return written.error();
  }
  return {};
}

Result<void> LogRecovery::settle() {
  Files& files = log_.files_;
  log_.log_end_ = log_.written_end_ = log_.synced_end_ = end_;
  log_.files_synced_end_ = log_.journal_next_ = end_;
  const Offset front = log_.segments_.front()->base();
  log_.recovery_point_ = point_.value_or(RecoveryPoint{front, front, 0});
  report_.clean = point_ && point_->offset == end_ && !changed_ && report_.damages == 0;
  for (const auto& part : unsynced_)
    if (const auto written = write_again(part); !written) return written.error();
  if (read_only_) {
    log_.state_ = LogState::read_only;
    // A truncation makes promises about what it leaves, so it is to sync that first.
    for (const auto& part : unsynced_) log_.dirty_.push_back(part.file);
    const auto sync_point = files.open(log_.dir_ / kSyncPointFile, OpenMode::create);
    if (!sync_point) return sync_point.error();
    log_.sync_point_ = *sync_point;
    log_.sync_point_->bear_losses();  // an old one only makes the next recovery less sure
    return {};
  }
  // What survived was only written, for all we know: from here on it counts as synced.
  for (const auto& part : unsynced_)
    if (const auto synced = part.file->sync(); !synced) return synced.error();
  const auto stale = log_.snapshots_.remove_behind(files, end_);
  if (!stale) return stale.error();
  if (log_start_missing_) {
    // A new log, or one whose creation was interrupted: the folder itself may not be durable yet.
    if (const auto synced = files.sync_directory(log_.dir_.parent_path()); !synced)
      return synced.error();
    const auto saved = log_.save_log_start(log_.log_start_, log_.has_gaps_);
    if (!saved) return saved.error();
  } else if (changed_ || *stale || !report_.clean) {
    if (const auto synced = files.sync_directory(log_.dir_); !synced) return synced.error();
  }
  if (gap_point_lost_)  // does nothing if it is the cleaner point that is lost
    if (const auto saved = log_.save_gap_point(end_); !saved) return saved.error();
  // Made once the log's start is durable: without a start it tells that one is lost.
  const auto sync_point = files.open(log_.dir_ / kSyncPointFile, OpenMode::create);
  if (!sync_point) return sync_point.error();
  log_.sync_point_ = *sync_point;
  log_.sync_point_->bear_losses();  // an old one only makes the next recovery less sure
  // What was rebuilt is to be written down by the next checkpoint, which is due at once.
  log_.rolled_ =
      !report_.clean || report_.indexes_rebuilt > 0 || report_.producers_rebuilt || times_unknown_;
  if (report_.clean) return {};
  const auto noted = SyncPoint{end_}.encode();
  const std::array pieces{Bytes{noted}};
  return log_.sync_point_->write_at(pieces, 0);
}

}  // namespace millrace::log
