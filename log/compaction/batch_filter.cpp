#include "log/compaction/batch_filter.hpp"

#include <algorithm>
#include <limits>
#include <optional>

#include "log/errc.hpp"
#include "protocol/record/builder.hpp"
#include "protocol/record/record.hpp"

namespace millrace::log {
namespace {

using protocol::BatchHeader;
using protocol::BatchView;
using protocol::RecordReader;
using protocol::RecordView;

/// What one batch may decompress to before a pass gives up on it.
constexpr std::size_t kDecompressedBytesMax = 1U << 30;

/// Timestamps come from outside and may lie anywhere, so a difference may wrap; reading it adds it
/// up again in the same way.
std::int64_t wrapping_minus(Timestamp a, Timestamp b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a.value) -
                                   static_cast<std::uint64_t>(b.value));
}

Timestamp horizon_of(const FilterRules& rules) {
  constexpr std::int64_t kEver = std::numeric_limits<std::int64_t>::max();
  const std::int64_t wait = rules.delete_retention.count();
  return Timestamp{wait > kEver - rules.now.value ? kEver : rules.now.value + wait};
}

std::vector<std::byte> emptied(const BatchView& batch) {
  BatchHeader header = batch.header();
  header.codec = protocol::Codec::none;
  header.has_delete_horizon = false;
  header.base_timestamp.reset();
  header.record_count = 0;
  // The largest timestamp stays: it is what a producer who repeats the batch is answered.
  return assemble_batch(header, {});
}

FilteredBatch without_records(const BatchView& batch, const BatchRole& role) {
  if (!role.keeps_producer) return {BatchFate::dropped, {}, batch.record_count()};
  if (batch.record_count() == 0) return {};
  return {BatchFate::emptied, emptied(batch), batch.record_count()};
}

bool latest_of_key(const RecordView& record, Offset offset, const KeyMap& keys) {
  const auto latest = keys.find(*record.key);
  return !latest || offset >= *latest;
}

/// Which records of a batch stay.
class Retention {
 public:
  Retention(const BatchView& batch, const KeyMap& keys, const FilterRules& rules)
      : batch_{batch}, keys_{keys}, rules_{rules} {
    const auto horizon = batch.delete_horizon();
    tombstones_expired_ = horizon && *horizon <= rules.now;
  }
  [[nodiscard]] bool keeps(const RecordView& record) const {
    if (batch_.is_control()) return true;
    const Offset offset = batch_.offset_of(record.offset_delta);
    if (offset >= rules_.covered_end) return true;
    if (!record.key) return false;
    if (!record.value && tombstones_expired_) return false;
    return latest_of_key(record, offset, keys_);
  }

 private:
  const BatchView& batch_;
  const KeyMap& keys_;
  const FilterRules& rules_;
  bool tombstones_expired_ = false;
};

struct Survey {
  std::int32_t kept = 0;
  std::int32_t tombstones = 0;  // among the kept
  std::optional<Timestamp> first_timestamp;
  Timestamp max_timestamp{-1};
};

Result<Survey> survey(const BatchView& batch, Bytes section, const Retention& retention) {
  Survey found;
  RecordReader records{section, batch.record_count()};
  while (records.left() > 0) {
    const auto record = records.next();
    if (!record) return record.error();
    if (!retention.keeps(*record)) continue;
    ++found.kept;
    if (!record->value) ++found.tombstones;
    const Timestamp timestamp = batch.timestamp_of(record->timestamp_delta);
    if (!found.first_timestamp) found.first_timestamp = timestamp;
    found.max_timestamp = std::max(found.max_timestamp, timestamp);
  }
  return found;
}

Result<std::vector<std::byte>> rebuild(const BatchView& batch, Bytes section,
                                       const Retention& retention, const Survey& kept,
                                       std::optional<Timestamp> horizon) {
  BatchHeader header = batch.header();
  header.record_count = kept.kept;
  header.has_delete_horizon = horizon.has_value();
  const Timestamp base = horizon.value_or(kept.first_timestamp.value_or(Timestamp{-1}));
  header.base_timestamp = base;
  if (batch.timestamp_type() == protocol::TimestampType::create_time)
    header.max_timestamp = kept.max_timestamp;
  std::vector<std::byte> records_kept;
  records_kept.reserve(section.size());
  RecordReader records{section, batch.record_count()};
  while (records.left() > 0) {
    const auto record = records.next();
    if (!record) return record.error();
    if (!retention.keeps(*record)) continue;
    // Deltas count from the base timestamp's field, whatever it says.
    const Timestamp timestamp = batch.timestamp_of(record->timestamp_delta);
    append_record_with_delta(records_kept, *record, wrapping_minus(timestamp, base),
                             record->offset_delta);
  }
  if (header.codec == protocol::Codec::none) return assemble_batch(header, records_kept);
  const auto compressed = protocol::compress(header.codec, records_kept);
  if (!compressed) return compressed.error();
  return assemble_batch(header, *compressed);
}

}  // namespace

std::ostream& operator<<(std::ostream& out, BatchFate fate) {
  switch (fate) {
    case BatchFate::copied:
      return out << "copied";
    case BatchFate::rebuilt:
      return out << "rebuilt";
    case BatchFate::emptied:
      return out << "emptied";
    case BatchFate::dropped:
      return out << "dropped";
  }
  return out << "unknown";
}

Result<FilteredBatch> filter_batch(const BatchView& batch, const BatchRole& role,
                                   const KeyMap& keys, const FilterRules& rules,
                                   protocol::DecompressionBuffer& buffer) {
  if (batch.base_offset() >= rules.covered_end) return FilteredBatch{};
  if (batch.record_count() < 0) return Errc::batch_malformed;
  const auto horizon = batch.delete_horizon();
  const bool expired = horizon && *horizon <= rules.now;
  const bool nothing_stays = role.aborted || batch.record_count() == 0 ||
                             (batch.is_control() && role.marker_unneeded && expired);
  if (nothing_stays) return without_records(batch, role);
  if (batch.is_control() && (!role.marker_unneeded || horizon)) return FilteredBatch{};

  const auto section = protocol::decompress_into(buffer, batch.codec(), batch.records_section(),
                                                 kDecompressedBytesMax);
  if (!section) return section.error();
  const Retention retention{batch, keys, rules};
  const auto kept = survey(batch, *section, retention);
  if (!kept) return kept.error();
  if (kept->kept == 0) return without_records(batch, role);
  // Behind the end of the key map a tombstone may be anything, so its time does not run yet.
  const bool all_known = batch.last_offset() < rules.covered_end;
  const bool sets_horizon = !horizon && all_known && (kept->tombstones > 0 || batch.is_control());
  if (kept->kept == batch.record_count() && !sets_horizon) return FilteredBatch{};
  const auto new_horizon = sets_horizon ? std::optional{horizon_of(rules)} : horizon;
  auto rebuilt = rebuild(batch, *section, retention, *kept, new_horizon);
  if (!rebuilt) return rebuilt.error();
  return FilteredBatch{BatchFate::rebuilt, std::move(*rebuilt),
                       std::int64_t{batch.record_count()} - kept->kept};
}

std::vector<std::byte> placeholder_for(const BatchHeader& header) {
  return protocol::assemble_batch({.base_offset = header.base_offset,
                                   .leader_epoch = header.leader_epoch,
                                   .last_offset_delta = header.last_offset_delta},
                                  {});
}

}  // namespace millrace::log
