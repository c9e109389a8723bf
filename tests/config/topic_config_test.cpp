#include "config/topic_config.hpp"

#include <catch2/catch.hpp>

namespace millrace::config {

using namespace std::chrono_literals;

TEST_CASE("topic config: without overrides the broker's settings hold", "[config][topic]") {
  const auto config = TopicConfig::of({}, BrokerConfig{});
  CHECK(config.delete_old);
  CHECK_FALSE(config.compact);
  CHECK(config.compression == CompressionType::producer);
  CHECK(config.gzip_level == -1);
  CHECK(config.lz4_level == 9);
  CHECK(config.zstd_level == 3);
  CHECK(config.retention == 168h);
  CHECK(config.retention_bytes == std::nullopt);
  CHECK(config.segment_bytes == 1'073'741'824);
  CHECK(config.segment_age_max == 168h);
  CHECK(config.segment_jitter == 0ms);
  CHECK(config.segment_index_bytes == 10'485'760);
  CHECK(config.index_interval_bytes == 4096);
  CHECK(config.file_delete_delay == 60s);
  CHECK(config.max_message_bytes == 1'048'588);
  CHECK(config.timestamp_type == TimestampType::create_time);
  CHECK(config.timestamp_before_max == std::nullopt);
  CHECK(config.timestamp_after_max == 1h);
  CHECK(config.min_insync_replicas == 1);
  CHECK_FALSE(config.min_insync_replicas_given);
  CHECK(config.flush_mode == FlushMode::sync);
  CHECK(config.flush_messages == std::nullopt);
  CHECK(config.flush_interval == std::nullopt);
  CHECK(config.delete_retention == 24h);
  CHECK(config.min_compaction_lag == 0ms);
  CHECK(config.max_compaction_lag == std::nullopt);
  CHECK(config.min_cleanable_dirty_ratio == 0.5);
}

TEST_CASE("topic config: an override wins over the broker, the broker over its default",
          "[config][topic]") {
  const auto broker = BrokerConfig::with({{"log.retention.hours", "2"},
                                          {"log.segment.bytes", "2MiB"},
                                          {"log.flush.mode", "async"},
                                          {"log.flush.interval.ms", "1s"},
                                          {"message.max.bytes", "2000"},
                                          {"compression.type", "lz4"},
                                          {"log.message.timestamp.type", "LogAppendTime"}});
  const auto inherited = TopicConfig::of({}, broker);
  CHECK(inherited.retention == 2h);
  CHECK(inherited.segment_bytes == 2'097'152);
  CHECK(inherited.flush_mode == FlushMode::async);
  CHECK(inherited.flush_interval == 1s);
  CHECK(inherited.max_message_bytes == 2000);
  CHECK(inherited.compression == CompressionType::lz4);
  CHECK(inherited.timestamp_type == TimestampType::log_append_time);

  const TopicOverrides overrides{{"retention.ms", "-1"},       {"cleanup.policy", "compact"},
                                 {"segment.bytes", "3MiB"},    {"flush.mode", "sync"},
                                 {"flush.messages", "10"},     {"retention.bytes", "1GiB"},
                                 {"compression.type", "zstd"}, {"compression.zstd.level", "-5"},
                                 {"min.insync.replicas", "1"}, {"flush.ms", "2s"}};
  const auto own = TopicConfig::of(overrides, broker);
  CHECK(own.retention == std::nullopt);
  CHECK(own.compact);
  CHECK_FALSE(own.delete_old);
  CHECK(own.segment_bytes == 3'145'728);
  CHECK(own.flush_mode == FlushMode::sync);
  CHECK(own.flush_messages == 10);
  CHECK(own.flush_interval == 2s);
  CHECK(own.retention_bytes == 1'073'741'824);
  CHECK(own.compression == CompressionType::zstd);
  CHECK(own.zstd_level == -5);
  CHECK(own.min_insync_replicas_given);
}

TEST_CASE("topic config: a min.insync.replicas of the broker counts as given", "[config][topic]") {
  const auto broker = BrokerConfig::with({{"min.insync.replicas", "1"}});
  CHECK(TopicConfig::of({}, broker).min_insync_replicas_given);
}

TEST_CASE("topic config: both policies, or none", "[config][topic]") {
  const auto both = TopicConfig::of({{"cleanup.policy", "delete, compact"}}, BrokerConfig{});
  CHECK(both.delete_old);
  CHECK(both.compact);
  const auto none = TopicConfig::of({{"cleanup.policy", ""}}, BrokerConfig{});
  CHECK_FALSE(none.delete_old);
  CHECK_FALSE(none.compact);
}

TEST_CASE("topic config: times of a hundred years and more are no limit", "[config][topic]") {
  const auto with = [](std::string value) {
    return TopicConfig::of({{"retention.ms", value}, {"delete.retention.ms", value}},
                           BrokerConfig{});
  };
  CHECK(with("36524d").retention == 24h * 36'524);
  CHECK(with("36525d").retention == std::nullopt);
  CHECK(with("9223372036854775807").retention == std::nullopt);
  CHECK(with("9223372036854775807").delete_retention == 24h * 36'525);
}

TEST_CASE("topic config: a stored override that is not understood is passed over",
          "[config][topic]") {
  const TopicOverrides overrides{{"from.the.future", "1"}, {"segment.bytes", "tiny"}};
  CHECK(TopicConfig::of(overrides, BrokerConfig{}) == TopicConfig::of({}, BrokerConfig{}));
}

TEST_CASE("topic config: every default of a broker setting is readable at the end of its range",
          "[config][topic]") {
  // What the broker lets through must not break the invariant that a topic can read it.
  for (const Setting& topic : topic_settings()) {
    for (const std::string_view name : topic.broker_synonyms) {
      if (name.empty()) continue;
      const Setting& setting = *find_broker_setting(name);
      for (const std::string_view text :
           {"-131072", "-2", "-1", "0", "1", "4", "1048576", "2147483647", "9223372036854775807"}) {
        if (!parse_value(setting, text)) continue;
        INFO(name << '=' << text);
        Inputs inputs;
        inputs.sets = {std::string{name} + "=" + std::string{text}};
        const auto value = topic_value(topic, {}, BrokerConfig::load(inputs).config);
        CHECK(parse_value(topic, value.text).has_value());
      }
    }
  }
}

TEST_CASE("topic config: an override is checked by name and value", "[config][topic]") {
  CHECK(validate_override("retention.ms", "7d") == std::nullopt);
  CHECK(validate_override("preallocate", "true") == std::nullopt);  // no effect, no harm
  CHECK(validate_override("retention.msx", "1") ==
        "retention.msx is not a setting of a topic; did you mean retention.ms?");
  CHECK(validate_override("colour", "red") == "colour is not a setting of a topic");
  CHECK(validate_override("segment.bytes", "1") ==
        "segment.bytes cannot be '1': it takes a whole number of bytes from 1048576 to "
        "2147483647, also like 512MiB or 64kB");
  CHECK(validate_override("message.downconversion.enable", "true") ==
        "message.downconversion.enable is no setting of a topic any more: there is one record "
        "format, version 2");
  CHECK(validate_override("remote.storage.enable", "false") == std::nullopt);
  CHECK(validate_override("remote.storage.enable", "true") ==
        "remote.storage.enable cannot be true: tiered storage is not served by this version");
  CHECK(*canonical_override("retention.ms", "7d") == "604800000");
  CHECK(*canonical_override("cleanup.policy", "compact, delete") == "compact,delete");
}

TEST_CASE("topic config: overrides are checked together, with the broker's", "[config][topic]") {
  const BrokerConfig broker;
  CHECK(validate_overrides({}, broker) == std::nullopt);
  CHECK(validate_overrides({{"flush.mode", "no"}}, broker) ==
        "flush.mode cannot be 'no': it takes one of sync, async");
  CHECK(validate_overrides({{"min.compaction.lag.ms", "2"}, {"max.compaction.lag.ms", "1"}},
                           broker) ==
        "min.compaction.lag.ms is 2, more than max.compaction.lag.ms with 1");
  const auto slow = BrokerConfig::with({{"log.cleaner.min.compaction.lag.ms", "5"}});
  CHECK(validate_overrides({{"max.compaction.lag.ms", "4"}}, slow).has_value());
}

}  // namespace millrace::config
