#include "log/journal/journal.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "protocol/base/ensure.hpp"

namespace millrace::log {

Result<void> JournalWrite::run() const {
  const std::array pieces{Bytes{buffer_.data(), size_bytes_}};
  return file_->write_at(pieces, position_);
}

Journal::Journal(std::vector<std::shared_ptr<File>> files, std::uint64_t file_bytes,
                 std::uint64_t life)
    : file_bytes_{file_bytes},
      group_bytes_max_{std::min<std::size_t>(kGroupBytesMax, file_bytes)},
      life_{life} {
  ENSURE(files.size() >= 2 && file_bytes % kJournalBlockBytes == 0 && file_bytes > 0);
  for (auto& file : files) slots_.push_back({.file = std::move(file), .ends = {}});
  start_group();
}

void Journal::start_group() {
  if (!idle_.empty()) {
    building_ = std::move(idle_.back());
    idle_.pop_back();
  }
  building_bytes_ = kGroupHeaderBytes;
}

std::optional<JournalPosition> Journal::add(const Entry& entry, const BytesChain& batches) {
  ENSURE(entry.base < entry.end);
  const std::size_t bytes = building_bytes_ + kEntryHeaderBytes + batches.size();
  if (failed_ || closing_ || batches.size() > kEntryBytesMax || bytes > group_bytes_max_)
    return std::nullopt;
  building_.reserve(bytes, building_bytes_);
  std::byte* to = building_.data() + building_bytes_;
  put_entry_header(to, entry.key, entry.base, entry.end, batches.size());
  to += kEntryHeaderBytes;
  for (const auto& link : batches.links()) {
    const auto& piece = std::get<SharedBytes>(link);
    std::memcpy(to, piece.data(), piece.size());
    to += piece.size();
  }
  building_bytes_ = bytes;
  building_entries_.push_back(entry);
  const auto index = static_cast<std::uint32_t>(building_entries_.size() - 1);
  return JournalPosition{life_, building_sequence_, index};
}

/// Makes the current slot one with room for a group. A full one is closed: its partitions are to be
/// synced, and the next must have been let go of by all of its own.
bool Journal::make_room(std::size_t bytes) {
  if (!closing_ && position_ + bytes <= file_bytes_) return true;
  if (!closing_) {
    for (const auto& [key, end] : slots_[current_].ends) unsettled_.push_back(key);
    closing_ = true;
  }
  const std::size_t next = (current_ + 1) % slots_.size();
  if (!slots_[next].ends.empty() || slots_[next].writes_out > 0) return false;
  current_ = next;
  position_ = 0;
  closing_ = false;
  return true;
}

std::optional<JournalWrite> Journal::take_write() {
  // Those that are written and wait for one before them count, too: recovery takes for durable what
  // lies so many groups behind the newest.
  if (failed_ || building_entries_.empty() || out_.size() >= kInFlightMax) return std::nullopt;
  const std::size_t bytes = whole_blocks(building_bytes_);
  if (!make_room(bytes)) return std::nullopt;
  Slot& slot = slots_[current_];
  building_.reserve(bytes, building_bytes_);
  std::memset(building_.data() + building_bytes_, 0, bytes - building_bytes_);
  put_group_header(building_.data(), building_bytes_, building_entries_.size(), life_,
                   building_sequence_);
  for (const Entry& entry : building_entries_) {
    auto& end = slot.ends[entry.key];
    end = std::max(end, entry.end);
  }
  JournalWrite work;
  work.file_ = slot.file;
  work.position_ = std::exchange(position_, position_ + bytes);
  work.buffer_ = std::move(building_);
  work.size_bytes_ = bytes;
  work.sequence_ = building_sequence_++;
  out_.push_back({.entries = std::exchange(building_entries_, {}), .slot = current_});
  ++slot.writes_out;
  ++writes_out_;
  start_group();
  return work;
}

Journal::Outcome Journal::written(JournalWrite work, const Result<void>& result) {
  ENSURE(writes_out_ > 0);
  --writes_out_;
  Outcome outcome;
  if (failed_) return outcome;  // it was given up with the one that failed
  ENSURE(work.sequence_ >= first_out_ && work.sequence_ - first_out_ < out_.size());
  Group& group = out_[work.sequence_ - first_out_];
  --slots_[group.slot].writes_out;
  idle_.push_back(std::move(work.buffer_));
  if (!result) {
    failed_ = true;
    out_.push_back({.entries = std::exchange(building_entries_, {})});
    for (const Group& rest : out_)
      outcome.lost.insert(outcome.lost.end(), rest.entries.begin(), rest.entries.end());
    out_.clear();
    return outcome;
  }
  group.done = true;
  while (!out_.empty() && out_.front().done) {
    const auto& entries = out_.front().entries;
    outcome.durable.insert(outcome.durable.end(), entries.begin(), entries.end());
    out_.pop_front();
    ++first_out_;
  }
  return outcome;
}

std::vector<JournalKey> Journal::take_unsettled() {
  return std::exchange(unsettled_, {});
}

void Journal::settled(const JournalKey& key, Offset end) {
  for (Slot& slot : slots_) {
    const auto found = slot.ends.find(key);
    if (found != slot.ends.end() && found->second <= end) slot.ends.erase(found);
  }
}

void Journal::forget(const JournalKey& key) {
  for (Slot& slot : slots_) slot.ends.erase(key);
}

}  // namespace millrace::log
