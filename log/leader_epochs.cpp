#include "log/leader_epochs.hpp"

#include <algorithm>

#include "log/small_file.hpp"

// Body of `leader-epoch-checkpoint` (frame: small_file.hpp), oldest first:
//   count uint32, then per epoch: epoch int32, start offset int64
namespace millrace::log {
namespace {

constexpr std::uint32_t kTag = 0x4d4c4531;  // "MLE1"
constexpr std::size_t kEntryBytes = 12;

}  // namespace

std::ostream& operator<<(std::ostream& out, const EpochEnd& end) {
  return out << "epoch " << end.epoch << " ends at " << end.end_offset;
}

bool LeaderEpochs::assign(LeaderEpoch epoch, Offset start) {
  const auto contradicted = [&](const Entry& entry) {
    if (entry.epoch == epoch) return entry.start > start;
    return entry.epoch > epoch || entry.start >= start;
  };
  bool changed = false;
  while (!entries_.empty() && contradicted(entries_.back())) {
    entries_.pop_back();
    changed = true;
  }
  if (!entries_.empty() && entries_.back().epoch == epoch) return changed;
  entries_.push_back({epoch, start});
  return true;
}

std::optional<EpochEnd> LeaderEpochs::end_of(LeaderEpoch asked, Offset log_end) const {
  if (entries_.empty() || asked > entries_.back().epoch) return std::nullopt;
  if (asked == entries_.back().epoch) return EpochEnd{asked, log_end};
  const auto higher = std::ranges::upper_bound(entries_, asked, {}, &Entry::epoch);
  if (higher == entries_.begin()) return EpochEnd{asked, higher->start};
  return EpochEnd{std::prev(higher)->epoch, higher->start};
}

std::optional<LeaderEpoch> LeaderEpochs::at(Offset offset) const {
  const auto behind = std::ranges::upper_bound(entries_, offset, {}, &Entry::start);
  if (behind == entries_.begin()) return std::nullopt;
  return std::prev(behind)->epoch;
}

std::optional<LeaderEpoch> LeaderEpochs::latest() const {
  if (entries_.empty()) return std::nullopt;
  return entries_.back().epoch;
}

void LeaderEpochs::truncate_to(Offset end) {
  while (!entries_.empty() && entries_.back().start >= end) entries_.pop_back();
}

void LeaderEpochs::trim_front(Offset start) {
  const auto behind = std::ranges::upper_bound(entries_, start, {}, &Entry::start);
  if (behind == entries_.begin()) return;
  entries_.erase(entries_.begin(), std::prev(behind));
  entries_.front().start = start;
}

std::vector<std::byte> LeaderEpochs::encode() const {
  SmallFileWriter file{kTag};
  file.put(static_cast<std::uint32_t>(entries_.size()));
  for (const Entry& entry : entries_) {
    file.put(entry.epoch.value);
    file.put(entry.start.value);
  }
  return std::move(file).finish();
}

Result<LeaderEpochs> LeaderEpochs::decode(Bytes file) {
  auto reader = SmallFileReader::open(file, kTag);
  if (!reader) return reader.error();
  std::uint32_t count = 0;
  if (!reader->take(count) || reader->left() != count * kEntryBytes) return Errc::corrupt_file;
  LeaderEpochs epochs;
  for (std::uint32_t i = 0; i < count; ++i) {
    Entry entry;
    if (!reader->take(entry.epoch.value) || !reader->take(entry.start.value))
      return Errc::corrupt_file;
    if (!epochs.entries_.empty()) {
      const Entry& last = epochs.entries_.back();
      if (entry.epoch <= last.epoch || entry.start <= last.start) return Errc::corrupt_file;
    }
    epochs.entries_.push_back(entry);
  }
  return epochs;
}

}  // namespace millrace::log
