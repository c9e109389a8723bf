#include "config/topic_config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "config/unknown_key.hpp"
#include "protocol/base/ensure.hpp"

namespace millrace::config {

namespace {

using Ms = std::chrono::milliseconds;

constexpr std::string_view kRemoteStorage = "remote.storage.enable";

/// Reads the values of one topic, each with its type.
class Reader {
 public:
  Reader(const TopicOverrides& overrides, const BrokerConfig& broker)
      : overrides_{overrides}, broker_{broker} {}

  template <class T>
  [[nodiscard]] T get(std::string_view name) const {
    const Setting* setting = find_topic_setting(name);
    ENSURE(setting != nullptr);
    // The text has passed the check of this setting, or of the broker's, whose range is no wider.
    auto value = parse_value(*setting, topic_value(*setting, overrides_, broker_).text);
    ENSURE(value.has_value());
    T* typed = std::get_if<T>(&*value);
    ENSURE(typed != nullptr);
    return std::move(*typed);
  }

  [[nodiscard]] std::int64_t number(std::string_view name) const { return get<std::int64_t>(name); }
  [[nodiscard]] std::int32_t number32(std::string_view name) const {
    return static_cast<std::int32_t>(number(name));
  }
  [[nodiscard]] Ms time(std::string_view name) const {
    return std::min(Ms{number(name)}, kForever);
  }
  /// Nothing for negative values and for more than anybody waits.
  [[nodiscard]] std::optional<Ms> time_limit(std::string_view name) const {
    const Ms value{number(name)};
    if (value < Ms{0} || value >= kForever) return std::nullopt;
    return value;
  }
  [[nodiscard]] std::optional<std::int64_t> limit(std::string_view name) const {
    const auto value = number(name);
    if (value < 0 || value == std::numeric_limits<std::int64_t>::max()) return std::nullopt;
    return value;
  }

 private:
  static constexpr Ms kForever = std::chrono::hours{24} * 36'525;  // a hundred years

  const TopicOverrides& overrides_;
  const BrokerConfig& broker_;
};

CompressionType compression_of(std::string_view name) {
  if (name == "uncompressed") return CompressionType::uncompressed;
  if (name == "gzip") return CompressionType::gzip;
  if (name == "snappy") return CompressionType::snappy;
  if (name == "lz4") return CompressionType::lz4;
  if (name == "zstd") return CompressionType::zstd;
  return CompressionType::producer;
}

}  // namespace

TopicConfig TopicConfig::of(const TopicOverrides& overrides, const BrokerConfig& broker) {
  const Reader read{overrides, broker};
  const auto policies = read.get<std::vector<std::string>>("cleanup.policy");
  TopicConfig config;
  config.delete_old = std::ranges::find(policies, "delete") != policies.end();
  config.compact = std::ranges::find(policies, "compact") != policies.end();
  config.compression = compression_of(read.get<std::string>("compression.type"));
  config.gzip_level = read.number32("compression.gzip.level");
  config.lz4_level = read.number32("compression.lz4.level");
  config.zstd_level = read.number32("compression.zstd.level");
  config.retention = read.time_limit("retention.ms");
  config.retention_bytes = read.limit("retention.bytes");
  config.segment_bytes = read.number32("segment.bytes");
  config.segment_age_max = read.time_limit("segment.ms");
  config.segment_jitter = read.time("segment.jitter.ms");
  config.segment_index_bytes = read.number32("segment.index.bytes");
  config.index_interval_bytes = read.number32("index.interval.bytes");
  config.file_delete_delay = read.time("file.delete.delay.ms");
  config.preallocate = read.get<bool>("preallocate");
  config.max_message_bytes = read.number32("max.message.bytes");
  config.timestamp_type = read.get<std::string>("message.timestamp.type") == "LogAppendTime"
                              ? TimestampType::log_append_time
                              : TimestampType::create_time;
  config.timestamp_before_max = read.time_limit("message.timestamp.before.max.ms");
  config.timestamp_after_max = read.time_limit("message.timestamp.after.max.ms");
  config.min_insync_replicas = read.number32("min.insync.replicas");
  config.min_insync_replicas_given =
      topic_value(*find_topic_setting("min.insync.replicas"), overrides, broker).source !=
      Source::default_value;
  config.unclean_leader_election = read.get<bool>("unclean.leader.election.enable");
  config.flush_mode =
      read.get<std::string>("flush.mode") == "async" ? FlushMode::async : FlushMode::sync;
  config.flush_messages = read.limit("flush.messages");
  config.flush_interval = read.time_limit("flush.ms");
  config.delete_retention = read.time("delete.retention.ms");
  config.min_compaction_lag = read.time("min.compaction.lag.ms");
  config.max_compaction_lag = read.time_limit("max.compaction.lag.ms");
  config.min_cleanable_dirty_ratio = read.get<double>("min.cleanable.dirty.ratio");
  return config;
}

TopicValue topic_value(const Setting& setting, const TopicOverrides& overrides,
                       const BrokerConfig& broker) {
  ENSURE(setting.scope == Scope::topic);
  if (const auto at = overrides.find(setting.name); at != overrides.end())
    if (auto text = canonical_override(setting.name, at->second))
      return {*std::move(text), Source::dynamic_topic};
  for (const std::string_view name : setting.broker_synonyms) {
    if (name.empty()) break;
    if (!broker.text(name)) continue;
    // The first synonym turns hours and minutes into the unit of the topic setting.
    auto text = broker.effective_text(setting.broker_synonyms.front());
    return {*std::move(text), broker.source(name)};
  }
  ENSURE(setting.default_value.has_value());
  return {std::string{*setting.default_value}, Source::default_value};
}

Checked<std::string> canonical_override(std::string_view name, std::string_view value) {
  const Setting* setting = find_topic_setting(name);
  if (setting == nullptr) {
    if (const RetiredSetting* retired = find_retired_setting(Scope::topic, name))
      return Refusal::because(
          fmt::format("{} is no setting of a topic any more: {}", name, retired->reason));
    const std::string hint = did_you_mean(Scope::topic, name);
    return Refusal::because(
        fmt::format("{} is not a setting of a topic{}{}", name, hint.empty() ? "" : "; ", hint));
  }
  auto text = canonical_text(*setting, value);
  if (text && name == kRemoteStorage && *text == "true")
    return Refusal::because(fmt::format("{} cannot be true: {}", name, setting->effect.reason));
  return text;
}

std::optional<std::string> validate_override(std::string_view name, std::string_view value) {
  const auto text = canonical_override(name, value);
  if (text) return std::nullopt;
  return text.error().text;
}

std::optional<std::string> validate_overrides(const TopicOverrides& overrides,
                                              const BrokerConfig& broker) {
  for (const auto& [name, value] : overrides)
    if (auto reason = validate_override(name, value)) return reason;
  const Reader read{overrides, broker};
  const auto min_lag = read.number("min.compaction.lag.ms");
  const auto max_lag = read.number("max.compaction.lag.ms");
  if (min_lag > max_lag)
    return fmt::format("min.compaction.lag.ms is {}, more than max.compaction.lag.ms with {}",
                       min_lag, max_lag);
  return std::nullopt;
}

std::ostream& operator<<(std::ostream& out, CompressionType type) {
  switch (type) {
    case CompressionType::producer:
      return out << "producer";
    case CompressionType::uncompressed:
      return out << "uncompressed";
    case CompressionType::gzip:
      return out << "gzip";
    case CompressionType::snappy:
      return out << "snappy";
    case CompressionType::lz4:
      return out << "lz4";
    case CompressionType::zstd:
      return out << "zstd";
  }
  return out;
}

std::ostream& operator<<(std::ostream& out, TimestampType type) {
  return out << (type == TimestampType::create_time ? "CreateTime" : "LogAppendTime");
}

std::ostream& operator<<(std::ostream& out, FlushMode mode) {
  return out << (mode == FlushMode::sync ? "sync" : "async");
}

}  // namespace millrace::config
