#include <algorithm>

#include "log/errc.hpp"
#include "log/file_names.hpp"
#include "log/inspection.hpp"

namespace millrace::log {
namespace {

constexpr std::uint64_t kSmallBytesMax = std::uint64_t{256} << 20;

Finding unreadable(std::uint64_t bytes, std::string meaning) {
  return {.bytes = bytes,
          .what = "tag, checksum or contents are not those of such a file",
          .meaning = std::move(meaning)};
}

}  // namespace

Result<std::optional<std::vector<std::byte>>> Inspection::read_small(const Path& path) {
  using Contents = std::optional<std::vector<std::byte>>;
  const auto file = open(path);
  if (!file) return file.error();
  if (!*file) return Contents{};
  const auto size = (*file)->size();
  if (!size) return size.error();
  std::vector<std::byte> bytes(static_cast<std::size_t>(std::min(*size, kSmallBytesMax)));
  const auto got = (*file)->read_at(bytes, 0);
  if (!got) return got.error();
  bytes.resize(*got);
  return Contents{std::move(bytes)};
}

Result<void> Inspection::inspect_snapshot(Offset offset) {
  const Path path = dir_ / file_name(offset, kSnapshotSuffix);
  const auto bytes = read_small(path);
  if (!bytes) return bytes.error();
  if (!*bytes) return {};
  Open opened{*this, path, FileKind::producer_snapshot, (*bytes)->size()};
  const auto state = ProducerState::decode(**bytes);
  if (!state) {
    opened.found(unreadable((*bytes)->size(),
                            "no record is lost: the next start takes an older one or reads the "
                            "batches"));
    return {};
  }
  std::vector<ProducerId> ids;
  for (const auto& [id, entry] : state->entries()) ids.push_back(id);
  std::ranges::sort(ids);
  for (const ProducerId id : ids) {
    const ProducerEntry& entry = state->entries().at(id);
    opened.count();
    sink_.producer(id, entry);
    const auto* const newest = entry.newest();
    const bool behind = (newest != nullptr && newest->last_offset >= offset) ||
                        (entry.transaction_start && *entry.transaction_start >= offset);
    if (behind)
      opened.found({.offset = offset,
                    .what = "producer " + std::to_string(id.value) +
                            " has batches behind the offset in the file's name",
                    .meaning = "its next batches may be taken for repetitions"});
  }
  const auto finding = snapshot_findings_.find(offset);
  if (finding != snapshot_findings_.end()) opened.found(finding->second);
  return {};
}

Result<void> Inspection::inspect_leader_epochs() {
  const Path path = dir_ / kLeaderEpochFile;
  const auto bytes = read_small(path);
  if (!bytes) return bytes.error();
  if (!*bytes) return {};
  Open opened{*this, path, FileKind::leader_epochs, (*bytes)->size()};
  const auto epochs = LeaderEpochs::decode(**bytes);
  if (!epochs) {
    opened.found(unreadable((*bytes)->size(),
                            "no record is lost: the next start reads the batches instead"));
    return {};
  }
  for (const auto& entry : epochs->entries()) {
    opened.count();
    sink_.epoch(entry);
  }
  if (epoch_finding_) opened.found(*epoch_finding_);
  return {};
}

Result<void> Inspection::inspect_recovery_point() {
  const Path path = dir_ / kRecoveryPointFile;
  const auto bytes = read_small(path);
  if (!bytes) return bytes.error();
  if (!*bytes) return {};
  Open opened{*this, path, FileKind::recovery_point, (*bytes)->size()};
  const auto point = RecoveryPoint::decode(**bytes);
  if (!point) {
    opened.found(unreadable((*bytes)->size(), "the next start reads the whole log"));
    return {};
  }
  opened.count();
  sink_.point(*point);
  recovery_point_fits(opened, *point);
  return {};
}

void Inspection::recovery_point_fits(Open& open, const RecoveryPoint& point) {
  const auto name = file_name(point.segment_base, kLogSuffix);
  const auto wrong = [&](std::string what) {
    open.found({.position = point.position,
                .offset = point.offset,
                .what = std::move(what),
                .meaning = meaning_of_loss(point.offset)});
  };
  const auto file = this->open(dir_ / name);
  if (!file) return wrong("its segment " + name + " cannot be opened: " + file.error().message());
  if (!*file) {
    // A log that was written to never is a point before the first byte.
    if (point.position == 0) return;
    return wrong("its segment " + name + " is missing");
  }
  const auto size = (*file)->size();
  if (!size || *size < point.position) return wrong("it lies behind the end of " + name);
  if (*size == point.position) return;
  BatchScan scan{**file, {point.position, *size}, protocol::kBatchHeaderBytes};
  const auto batch = scan.next();
  // What is behind may be torn; that is the segment's affair.
  if (!batch || !*batch) return;
  if ((*batch)->base < point.offset)
    wrong("at its place in " + name + " begins a batch of offset " +
          std::to_string((*batch)->base.value));
}

Result<void> Inspection::inspect_log_start() {
  const Path path = dir_ / kLogStartFile;
  const auto bytes = read_small(path);
  if (!bytes) return bytes.error();
  if (!*bytes) return {};
  Open opened{*this, path, FileKind::log_start, (*bytes)->size()};
  const auto point = LogStart::decode(**bytes);
  if (!point) {
    opened.found(unreadable((*bytes)->size(),
                            "the next start takes the first segment's beginning, so that deleted "
                            "records may come back"));
    return {};
  }
  opened.count();
  sink_.point(*point);
  return {};
}

Result<void> Inspection::inspect_cleaner_point() {
  const Path path = dir_ / kCleanerPointFile;
  const auto bytes = read_small(path);
  if (!bytes) return bytes.error();
  if (!*bytes) return {};
  Open opened{*this, path, FileKind::cleaner_point, (*bytes)->size()};
  const auto point = CleanerPoint::decode(**bytes);
  if (!point) {
    opened.found(
        unreadable((*bytes)->size(), "no record is lost: the whole log is compacted once more"));
    return {};
  }
  opened.count();
  sink_.point(*point);
  return {};
}

Result<void> Inspection::inspect_swap_list() {
  const Path path = dir_ / kSwapListFile;
  const auto bytes = read_small(path);
  if (!bytes) return bytes.error();
  if (!*bytes) return {};
  Open opened{*this, path, FileKind::swap_list, (*bytes)->size()};
  const auto list = SwapList::decode(**bytes);
  if (!list) {
    opened.found(unreadable((*bytes)->size(),
                            "what compaction had decided is unknown; segments may be there twice"));
    return {};
  }
  opened.count();
  sink_.point(*list);
  opened.found({.damage = false,
                .what = "compacted segments take the place of others",
                .meaning = "a broker does it now, or the next start does; until then segments may "
                           "be there twice"});
  return {};
}

Result<void> Inspection::inspect_sync_point() {
  const Path path = dir_ / kSyncPointFile;
  const auto bytes = read_small(path);
  if (!bytes) return bytes.error();
  if (!*bytes) return {};
  Open opened{*this, path, FileKind::sync_point, (*bytes)->size()};
  if ((*bytes)->empty()) {
    opened.found({.damage = false,
                  .what = "is empty",
                  .meaning = "so it is until the first sync; the recovery point counts"});
    return {};
  }
  const auto point = SyncPoint::decode(**bytes);
  if (!point) {
    opened.found(unreadable((*bytes)->size(),
                            "the recovery point counts instead, and damage behind it would pass "
                            "for records that were never acknowledged"));
    return {};
  }
  opened.count();
  sink_.point(*point);
  // Held against the walk is what was read before it: the file may have moved on since.
  if (!whole_ || !sync_point_ || bases_.empty()) return {};
  const Offset end = next_.value_or(bases_.front());
  if (end < sync_point_->offset)
    opened.found({.offset = end,
                  .what = "records up to offset " + std::to_string(sync_point_->offset.value) +
                          " were acknowledged, and the log ends at " + std::to_string(end.value),
                  .meaning = meaning_of_loss(end)});
  return {};
}

}  // namespace millrace::log
