#include <algorithm>
#include <vector>

#include "log/producer_state.hpp"
#include "log/small_file.hpp"

// Body of a producer snapshot, `<offset>.snapshot` (frame: small_file.hpp): the state as it was
// when the log ended at that offset. By rising producer id:
//
//   count                uint32
//   per producer
//     producer id        int64
//     epoch              int16
//     coordinator epoch  int32   of the last marker, -1 none
//     transaction start  int64   first offset of the open transaction, -1 none
//     last seen          int64   wall clock in ms
//     batch count        uint8   0 to 5, oldest first
//     per batch
//       last sequence    int32
//       last offset      int64
//       offset delta     int32
//       timestamp        int64
//   aborted              uint8   1; only there if transactions were aborted: another file tells
//   which
namespace millrace::log {
namespace {

constexpr std::uint32_t kTag = 0x4d505331;  // "MPS1"

void put_entry(SmallFileWriter& file, ProducerId id, const ProducerEntry& entry) {
  file.put(id.value);
  file.put(entry.epoch.value);
  file.put(entry.coordinator_epoch.value_or(-1));
  file.put(entry.transaction_start ? entry.transaction_start->value : std::int64_t{-1});
  file.put(entry.last_seen.value);
  file.put(entry.batch_count);
  for (std::size_t i = 0; i < entry.batch_count; ++i) {
    const ProducerBatch& batch = entry.batches[i];
    file.put(batch.last_sequence.value);
    file.put(batch.last_offset.value);
    file.put(batch.offset_delta);
    file.put(batch.timestamp.value);
  }
}

bool take_batch(SmallFileReader& file, ProducerBatch& batch) {
  const bool whole = file.take(batch.last_sequence.value) && file.take(batch.last_offset.value) &&
                     file.take(batch.offset_delta) && file.take(batch.timestamp.value);
  return whole && batch.last_sequence.value >= 0 && batch.offset_delta >= 0 &&
         batch.last_offset.value >= batch.offset_delta;
}

bool take_entry(SmallFileReader& file, ProducerId& id, ProducerEntry& entry) {
  std::int32_t coordinator_epoch = 0;
  std::int64_t start = 0;
  if (!file.take(id.value) || !file.take(entry.epoch.value) || !file.take(coordinator_epoch) ||
      !file.take(start) || !file.take(entry.last_seen.value) || !file.take(entry.batch_count))
    return false;
  if (id < ProducerId{0} || entry.last_seen < Timestamp{0}) return false;
  if (entry.batch_count > kProducerBatchesMax) return false;
  if (coordinator_epoch >= 0) entry.coordinator_epoch = coordinator_epoch;
  if (start >= 0) entry.transaction_start = Offset{start};
  for (std::size_t i = 0; i < entry.batch_count; ++i)
    if (!take_batch(file, entry.batches[i])) return false;
  return true;
}

}  // namespace

std::vector<std::byte> ProducerState::encode() const {
  std::vector<ProducerId> ids;
  ids.reserve(entries_.size());
  for (const auto& [id, entry] : entries_) ids.push_back(id);
  std::ranges::sort(ids);
  SmallFileWriter file{kTag};
  file.put(static_cast<std::uint32_t>(ids.size()));
  for (const ProducerId id : ids) put_entry(file, id, entries_.at(id));
  if (!aborted_.empty() || lacks_aborted_) file.put(std::uint8_t{1});
  return std::move(file).finish();
}

Result<ProducerState> ProducerState::decode(Bytes snapshot) {
  auto file = SmallFileReader::open(snapshot, kTag);
  if (!file) return file.error();
  std::uint32_t count = 0;
  if (!file->take(count)) return Errc::corrupt_file;
  ProducerState state;
  for (std::uint32_t i = 0; i < count; ++i) {
    ProducerId id;
    ProducerEntry entry;
    if (!take_entry(*file, id, entry)) return Errc::corrupt_file;
    if (entry.transaction_start) state.open_.insert(*entry.transaction_start);
    if (!state.entries_.emplace(id, entry).second) return Errc::corrupt_file;
  }
  if (file->left() == 0) return state;
  std::uint8_t aborted = 0;
  if (!file->take(aborted) || aborted != 1 || file->left() != 0) return Errc::corrupt_file;
  state.lacks_aborted_ = true;
  return state;
}

}  // namespace millrace::log
