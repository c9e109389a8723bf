#include <algorithm>

#include "log/file_names.hpp"
#include "log/inspection.hpp"
#include "protocol/record/compression.hpp"

namespace millrace::log {
namespace {

std::string offsets(Offset from, Offset end) {
  const auto last = Offset{end.value - 1};
  return from == last
             ? "offset " + std::to_string(from.value)
             : "offsets " + std::to_string(from.value) + " to " + std::to_string(last.value);
}

constexpr std::string_view kIsRebuilt = "no record is lost: the next start builds it anew";

}  // namespace

Result<void> Inspection::inspect_segment(Offset base, bool alone) {
  const Path path = dir_ / file_name(base, kLogSuffix);
  const auto file = open(path);
  if (!file) return file.error();
  if (!*file) {  // retention has taken it meanwhile
    next_.reset();
    unbroken_ = false;
    return {};
  }
  const auto size = (*file)->size();
  if (!size) return size.error();
  Open opened{*this, path, FileKind::segment, *size};
  if (!alone) {
    join(opened, base);
    missing_files(opened, base);
  }
  at_end_ = is_last(base);
  next_ = std::max(next_.value_or(base), base);
  return walk_segment(opened, **file, *size);
}

/// Whether the segment begins where the one before ended.
void Inspection::join(Open& open, Offset base) {
  if (!next_) {
    if (!log_start_) return;
    next_ = log_start_->start;
  }
  if (base == *next_) return;
  // Retention moves the start before it takes a file, and may have done so since it was read.
  if (base > *next_)
    if (const auto start = read_point<LogStart>(kLogStartFile); start && *start)
      log_start_ = *start;
  // What retention was about to delete has nothing to say.
  if (log_start_ && base <= log_start_->start) return;
  if (base < *next_) {
    open.found({.offset = base,
                .what = "the segment begins below the end of the one before",
                .meaning = meaning_of_loss(base)});
    unbroken_ = false;
  } else if (!gap_allowed_before(base)) {
    open.found({.offset = *next_,
                .what = offsets(*next_, base) + " are missing in front of the segment",
                .meaning = meaning_of_loss(*next_)});
    unbroken_ = false;
  }
}

void Inspection::missing_files(Open& open, Offset base) {
  if (base == bases_.front() && !has(kLogStartFile))
    open.found({.what = std::string{kLogStartFile} + " is missing",
                .meaning = "the next start takes the first segment's beginning, so that deleted "
                           "records may come back"});
  // Both exist from the first checkpoint on that reaches the segment.
  if (!recovery_point_ || recovery_point_->offset <= base) return;
  for (const std::string_view suffix : {kIndexSuffix, kTimeIndexSuffix}) {
    const auto name = file_name(base, suffix);
    if (has(name)) continue;
    const auto there = files_.exists(dir_ / name);
    if (there && *there) continue;
    open.found({.what = name + " is missing", .meaning = std::string{kIsRebuilt}});
  }
}

Result<void> Inspection::walk_segment(Open& open, const File& file, std::uint64_t size) {
  std::uint64_t position = 0;
  while (position < size && sink_.wants_more()) {
    BatchScan scan{file, {position, size}, BatchScan::kBodyBlockBytes};
    std::string wrong;
    for (;;) {
      position = scan.position();
      const auto batch = scan.next();
      if (!batch) return batch.error();
      if (!*batch) {
        wrong = scan.stopped();
        break;
      }
      const auto view = scan.view();
      if (!view) return view.error();
      if (!*view) {
        wrong = "the file ends too early";
        break;
      }
      const InspectedBatch inspected{position, (*view)->crc_ok(), **view};
      look_at(open, **batch, inspected);
      if (!sink_.wants_more()) return {};
      if (!inspected.checksum_ok) {
        wrong = "the checksum of a batch is wrong";
        break;
      }
    }
    if (wrong.empty()) return {};
    const auto found = pass_damage(open, file, position, size, std::move(wrong));
    if (!found) return found.error();
    position = *found;
  }
  return {};
}

/// Tells of what begins at `position` and gives where the file goes on, its end if nowhere.
Result<std::uint64_t> Inspection::pass_damage(Open& open, const File& file, std::uint64_t position,
                                              std::uint64_t size, std::string what) {
  const Offset expected = next_.value_or(Offset{0});
  const auto behind = find_sound_batch(file, {position + 1, size}, expected);
  if (!behind) return behind.error();
  Finding finding{.position = position,
                  .bytes = behind->value_or(size) - position,
                  .offset = expected,
                  .what = std::move(what)};
  unbroken_ = false;
  if (*behind) {
    BatchScan scan{file, {**behind, size}, BatchScan::kHeaderBlockBytes};
    const auto batch = scan.next();
    if (!batch) return batch.error();
    if (*batch && (*batch)->base > expected)
      finding.what += "; " + offsets(expected, (*batch)->base) + " cannot be read";
    if (*batch) next_ = (*batch)->base;
    finding.meaning = meaning_of_loss(expected);
    open.found(finding);
    return **behind;
  }
  finding.damage = !at_end_ || expected < acknowledged();
  finding.meaning = finding.damage
                        ? meaning_of_loss(expected)
                        : "a torn tail: a crash left it, or a broker is writing it now; none of it "
                          "was acknowledged, and the next start cuts it off";
  open.found(finding);
  return size;
}

void Inspection::look_at(Open& open, const ScannedBatch& where, const InspectedBatch& batch) {
  open.count();
  sink_.batch(batch);
  if (!batch.checksum_ok) return;  // its offsets may be as wrong
  const Offset expected = next_.value_or(where.base);
  if (where.base < expected) {
    unbroken_ = false;
    open.found({.position = where.position,
                .bytes = where.size_bytes,
                .offset = expected,
                .what = "offsets go back",
                .meaning = meaning_of_loss(expected)});
  } else if (where.base > expected && !gap_allowed_before(where.base)) {
    unbroken_ = false;
    open.found({.position = where.position,
                .offset = expected,
                .what = offsets(expected, where.base) + " are missing between two batches",
                .meaning = meaning_of_loss(expected) +
                           "; in a compacted topic (--compacted) it is no damage"});
  }
  while (snapshots_compared_ < snapshots_.size() && snapshots_[snapshots_compared_] <= where.base)
    compare_snapshot(snapshots_[snapshots_compared_++]);
  learn(batch.view);
  next_ = std::max(expected, where.next());
  if (options_.records) read_records(open, batch);
}

/// Takes in what the files beside the segments are held against.
void Inspection::learn(const protocol::BatchView& batch) {
  if (!whole_) return;
  producers_.apply(batch, Timestamp{0});
  if (!epochs_ || epoch_finding_ || !recovery_point_) return;
  if (batch.base_offset() >= recovery_point_->offset) return;
  const auto known = epochs_->at(batch.base_offset());
  const auto written = batch.leader_epoch();
  if (!known || !written || *known == *written) return;
  epoch_finding_ =
      Finding{.offset = batch.base_offset(),
              .what = "says that epoch " + std::to_string(known->value) + " wrote offset " +
                      std::to_string(batch.base_offset().value) +
                      ", and the batch there is of epoch " + std::to_string(written->value),
              .meaning = "no record is lost; replicas may be told a wrong place to cut their logs"};
}

/// The segments have been walked up to `offset`: the snapshot taken there must agree with them
/// about every producer whose newest batch they hold. Producers that expired may be absent.
void Inspection::compare_snapshot(Offset offset) {
  if (!whole_ || !unbroken_ || bases_.empty()) return;
  const auto bytes = read_small(dir_ / file_name(offset, kSnapshotSuffix));
  if (!bytes || !*bytes) return;
  const auto state = ProducerState::decode(**bytes);
  if (!state) return;
  for (const auto& [id, entry] : state->entries()) {
    const auto* const newest = entry.newest();
    if (newest == nullptr || newest->last_offset < bases_.front()) continue;
    const auto* const replayed = producers_.find(id);
    const auto* const written = replayed == nullptr ? nullptr : replayed->newest();
    if (written != nullptr && written->last_offset == newest->last_offset &&
        written->last_sequence == newest->last_sequence && replayed->epoch == entry.epoch)
      continue;
    snapshot_findings_.emplace(
        offset,
        Finding{.offset = newest->last_offset,
                .what = "what it says of producer " + std::to_string(id.value) +
                        " is not what the batches say",
                .meaning = "batches of that producer may be taken twice or refused; without the "
                           "file the next start reads the batches instead"});
    return;
  }
}

void Inspection::read_records(Open& open, const InspectedBatch& batch) {
  const auto unreadable = [&](const ErrorInfo& error) {
    open.found({.position = batch.position,
                .bytes = batch.view.size_bytes(),
                .offset = batch.view.base_offset(),
                .what = "the records of a batch cannot be read: " + error.message(),
                .meaning = "the checksum is right, so it was written like that; consumers stop "
                           "there"});
  };
  const auto section = protocol::decompress(batch.view.codec(), batch.view.records_section(),
                                            options_.decompressed_bytes_max);
  if (!section) return unreadable(section.error());
  protocol::RecordReader reader{*section, batch.view.record_count()};
  while (sink_.wants_more()) {
    const auto record = reader.next();
    if (!record) {
      if (record.error() != protocol::Errc::end_of_stream) unreadable(record.error());
      return;
    }
    sink_.record(batch.view, *record);
  }
}

}  // namespace millrace::log
