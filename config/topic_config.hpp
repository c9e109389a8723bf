#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>

#include "config/broker_config.hpp"
#include "config/value.hpp"

namespace millrace::config {

enum class CompressionType : std::uint8_t { producer, uncompressed, gzip, snappy, lz4, zstd };
enum class TimestampType : std::uint8_t { create_time, log_append_time };
enum class FlushMode : std::uint8_t {
  sync,   // a batch counts once it is on the disk
  async,  // a batch counts once the kernel has it
};

/// What a topic's own settings say, by name; each value as it was given.
using TopicOverrides = std::map<std::string, std::string, std::less<>>;

/// The settings that hold for one topic: its overrides over the broker's settings. A plain value.
/// An unset optional means "no limit" throughout; times of a hundred years and more count as no
/// limit, so that a time added to any clock stays in range.
struct TopicConfig {
  using Ms = std::chrono::milliseconds;

  friend bool operator==(const TopicConfig&, const TopicConfig&) = default;

  bool delete_old = true;  // neither of the two: everything is kept
  bool compact = false;

  CompressionType compression = CompressionType::producer;
  int gzip_level = -1;  // -1: the library's default, else 1..9
  int lz4_level = 9;    // 1..17
  int zstd_level = 3;   // -131072..22

  std::optional<Ms> retention;
  std::optional<std::int64_t> retention_bytes;

  std::int32_t segment_bytes = 0;        // at least 1 MiB
  std::optional<Ms> segment_age_max;     // from the first record of the segment on
  Ms segment_jitter{0};                  // taken off segment_age_max at random
  std::int32_t segment_index_bytes = 0;  // of each index file
  std::int32_t index_interval_bytes = 0;
  Ms file_delete_delay{0};
  bool preallocate = false;

  std::int32_t max_message_bytes = 0;  // of a record batch, its first 12 bytes counted
  TimestampType timestamp_type = TimestampType::create_time;
  std::optional<Ms> timestamp_before_max;  // behind the broker's clock
  std::optional<Ms> timestamp_after_max;   // ahead of the broker's clock

  std::int32_t min_insync_replicas = 1;
  /// Somebody gave that number, for the topic or the broker. If not, the broker may ask for more
  /// where there are three replicas.
  bool min_insync_replicas_given = false;
  bool unclean_leader_election = false;

  FlushMode flush_mode = FlushMode::sync;
  std::optional<std::int64_t> flush_messages;  // async only
  std::optional<Ms> flush_interval;            // async only

  Ms delete_retention{0};  // of tombstones
  Ms min_compaction_lag{0};
  std::optional<Ms> max_compaction_lag;
  double min_cleanable_dirty_ratio = 0.5;

  /// Overrides that `canonical_override` refuses are passed over: they were accepted by another
  /// version of this program, and a topic must stay readable whatever its record says.
  static TopicConfig of(const TopicOverrides& overrides, const BrokerConfig& broker);
};

/// One value of a topic, as text.
struct TopicValue {
  friend bool operator==(const TopicValue&, const TopicValue&) = default;
  std::string text;  // as Kafka prints it
  Source source = Source::default_value;
};

/// The value of a topic setting that holds, and which level gave it. `setting` is of the topic
/// scope.
TopicValue topic_value(const Setting& setting, const TopicOverrides& overrides,
                       const BrokerConfig& broker);

/// The value as it is to be stored (`7d` becomes `604800000`), or why it is refused: the name is no
/// topic setting, or the value is not allowed. Settings without effect are accepted, as long as
/// ignoring them does not change what a client gets.
Checked<std::string> canonical_override(std::string_view name, std::string_view value);

/// Nothing when the override is fine, else the reason, for the message field of the answer.
std::optional<std::string> validate_override(std::string_view name, std::string_view value);

/// All overrides of a topic, alone and together; the first reason found, or nothing.
std::optional<std::string> validate_overrides(const TopicOverrides& overrides,
                                              const BrokerConfig& broker);

std::ostream& operator<<(std::ostream& out, CompressionType type);
std::ostream& operator<<(std::ostream& out, TimestampType type);
std::ostream& operator<<(std::ostream& out, FlushMode mode);

}  // namespace millrace::config
