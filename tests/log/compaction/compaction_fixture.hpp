#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "protocol/record/compression.hpp"
#include "tests/log/log_fixture.hpp"

namespace millrace::log {

/// One record as a test writes it; no value: a tombstone.
struct KeyValue {
  friend bool operator==(const KeyValue&, const KeyValue&) = default;
  std::optional<std::string> key;
  std::optional<std::string> value;
};

struct KeyedBatch {
  std::vector<KeyValue> records;
  Timestamp first_timestamp = kNow;
  std::optional<BatchBuilder::Producer> producer = std::nullopt;
  bool transactional = false;
  protocol::Codec codec = protocol::Codec::none;
};

inline std::vector<std::byte> keyed_batch(const KeyedBatch& spec) {
  BatchBuilder builder{
      {.codec = spec.codec, .producer = spec.producer, .transactional = spec.transactional}};
  std::int64_t at = spec.first_timestamp.value;
  for (const KeyValue& record : spec.records) {
    const auto bytes = [](const std::optional<std::string>& text) {
      return text ? std::optional{as_bytes(*text)} : std::nullopt;
    };
    builder.add(Timestamp{at++}, bytes(record.key), bytes(record.value));
  }
  return builder.build().value();
}

/// A record as a reader finds it.
struct FoundRecord {
  friend bool operator==(const FoundRecord&, const FoundRecord&) = default;
  Offset offset;
  Timestamp timestamp;
  KeyValue record;
};

inline std::vector<FoundRecord> records_of(const BatchView& batch) {
  std::vector<FoundRecord> found;
  const auto section =
      protocol::decompress(batch.codec(), batch.records_section(), 1U << 24).value();
  protocol::RecordReader reader{section, batch.record_count()};
  const auto text = [](const std::optional<Bytes>& bytes) {
    return bytes ? std::optional{std::string{as_text(*bytes)}} : std::nullopt;
  };
  while (reader.left() > 0) {
    const auto record = reader.next().value();
    found.push_back({batch.offset_of(record.offset_delta),
                     batch.timestamp_of(record.timestamp_delta),
                     {text(record.key), text(record.value)}});
  }
  return found;
}

/// Every batch of a run of them.
inline std::vector<BatchView> batches_of(const std::vector<std::byte>& run) {
  std::vector<BatchView> batches;
  protocol::BatchRun walk{run};
  for (const BatchView batch : walk) batches.push_back(batch);
  REQUIRE_FALSE(walk.error());
  return batches;
}

inline CompactionRequest request_for(const PartitionLog& log, Timestamp now = kNow) {
  return {.now = now,
          .high_watermark = log.synced_end(),
          .hash_secret = {1, 2},
          .key_map_bytes = 1U << 20,
          .buffer_bytes = 4096};
}

/// Runs a pass to its end; false when there was none to run.
inline bool run_pass(PartitionLog& log, const CompactionRequest& request) {
  const auto work = log.take_compaction(request);
  if (!work) return false;
  for (;;) {
    const auto step = work->step();
    const bool more = log.compacted(*work, step);
    REQUIRE(step.has_value());
    if (!more) return true;
  }
}

/// Files of the log's folder whose names end like this.
inline std::vector<std::string> names_with(MemoryFiles& files, std::string_view suffix) {
  std::vector<std::string> names;
  const auto entries = files.list(kDir);
  REQUIRE(entries.has_value());
  for (const auto& entry : *entries)
    if (entry.name.ends_with(suffix)) names.push_back(entry.name);
  return names;
}

/// A compacted topic's log with what its owner does around it.
class CompactionFixture : public LogFixture {
 public:
  static LogConfig compact_config() {
    LogConfig config = small_config();
    config.segment_bytes = 600;
    config.compact = true;
    config.delete_old = false;
    config.delete_retention = std::chrono::milliseconds{1000};
    return config;
  }
  explicit CompactionFixture(LogConfig settings = compact_config()) : LogFixture{settings} {}

  AppendInfo put(const KeyedBatch& batch) {
    const auto info = log->append(keyed_batch(batch), LeaderEpoch{epoch}, std::nullopt);
    REQUIRE(info.has_value());
    return *info;
  }
  AppendInfo put(const std::string& key, std::optional<std::string> value) {
    return put({.records = {{key, std::move(value)}}, .first_timestamp = Timestamp{time += 10}});
  }
  AppendInfo marker(protocol::ControlType type, ProducerId producer, ProducerEpoch producer_epoch) {
    const auto batch = protocol::build_control_batch({.type = type,
                                                      .producer_id = producer,
                                                      .producer_epoch = producer_epoch,
                                                      .timestamp = Timestamp{time += 10}});
    const auto info = log->append(batch, LeaderEpoch{epoch}, std::nullopt);
    REQUIRE(info.has_value());
    return *info;
  }
  /// Closes the active segment, by a record that does not fit into it, and makes everything before
  /// compactable.
  void roll() {
    put("~filler", std::string(500, 'f'));
    settle();
  }
  /// Syncs and writes a checkpoint.
  void settle() {
    REQUIRE(log->sync_now());
    checkpoint();
  }
  bool compact(Timestamp now = kNow) { return run_pass(*log, request_for(*log, now)); }

  [[nodiscard]] std::vector<FoundRecord> records() const {
    const auto run = read_all(log->log_start(), 1 << 20);
    std::vector<FoundRecord> all;
    for (const BatchView& batch : batches_of(run))
      if (!batch.is_control())
        for (auto& record : records_of(batch)) all.push_back(std::move(record));
    return all;
  }
  /// The newest value of each key; a tombstone has none.
  [[nodiscard]] std::map<std::string, std::optional<std::string>> table() const {
    std::map<std::string, std::optional<std::string>> latest;
    for (const auto& found : records())
      if (found.record.key != "~filler") latest[*found.record.key] = found.record.value;
    return latest;
  }
};

}  // namespace millrace::log
