#include "config/describe.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

namespace millrace::config {

namespace {

ConfigEntry entry(const std::vector<ConfigEntry>& entries, std::string_view name) {
  const auto at = std::ranges::find(entries, name, &ConfigEntry::name);
  REQUIRE(at != entries.end());
  return *at;
}

using Synonyms = std::vector<ConfigSynonym>;

}  // namespace

TEST_CASE("describe: a topic lists every setting with its value and the levels behind it",
          "[config][describe]") {
  const auto broker = BrokerConfig::with({{"log.retention.hours", "2"}, {"broker.rack", "r"}});
  const auto entries = describe_topic({{"segment.bytes", "2MiB"}}, broker);
  CHECK(entries.size() == topic_settings().size());

  const auto segment = entry(entries, "segment.bytes");
  CHECK(segment.value == "2097152");
  CHECK(segment.source == Source::dynamic_topic);
  CHECK(segment.type == ConfigType::int32);
  CHECK_FALSE(segment.read_only);
  CHECK(segment.synonyms == Synonyms{{"segment.bytes", "2097152", Source::dynamic_topic},
                                     {"log.segment.bytes", "1073741824", Source::default_value}});

  const auto retention = entry(entries, "retention.ms");
  CHECK(retention.value == "7200000");
  CHECK(retention.source == Source::static_broker);
  CHECK(retention.synonyms == Synonyms{{"log.retention.hours", "2", Source::static_broker},
                                       {"log.retention.hours", "168", Source::default_value}});

  const auto remote = entry(entries, "remote.storage.enable");
  CHECK(remote.value == "false");
  CHECK(remote.source == Source::default_value);
  CHECK(remote.synonyms.empty());
  CHECK(remote.doc.ends_with("It has no effect: tiered storage is not served by this version."));
}

TEST_CASE("describe: the first synonym is the value that counts", "[config][describe]") {
  const auto broker =
      BrokerConfig::with({{"log.roll.ms", "5"}, {"log.flush.scheduler.interval.ms", "9"}});
  for (const ConfigEntry& e : describe_topic({{"retention.ms", "1"}}, broker)) {
    if (e.synonyms.empty()) continue;
    INFO(e.name);
    CHECK(e.source == e.synonyms.front().source);
    if (e.name != "segment.jitter.ms") CHECK(e.value == e.synonyms.front().value);
  }
}

TEST_CASE("describe: a broker lists every setting and hides passwords", "[config][describe]") {
  const auto broker =
      BrokerConfig::with({{"ssl.key.password", "hunter2"}, {"num.partitions", "3"}});
  const auto entries = describe_broker(broker);
  CHECK(entries.size() == broker_settings().size());

  const auto partitions = entry(entries, "num.partitions");
  CHECK(partitions.value == "3");
  CHECK(partitions.source == Source::static_broker);
  CHECK(partitions.read_only);
  CHECK(partitions.synonyms == Synonyms{{"num.partitions", "3", Source::static_broker},
                                        {"num.partitions", "1", Source::default_value}});

  const auto password = entry(entries, "ssl.key.password");
  CHECK(password.sensitive);
  CHECK(password.value == std::nullopt);
  CHECK(password.source == Source::static_broker);
  CHECK(password.synonyms == Synonyms{{"ssl.key.password", std::nullopt, Source::static_broker}});

  const auto retention = entry(entries, "log.retention.ms");
  CHECK(retention.value == std::nullopt);
  CHECK(retention.synonyms == Synonyms{{"log.retention.hours", "168", Source::default_value}});
  CHECK(retention.read_only);  // no broker setting can be changed while it runs
  CHECK(std::ranges::is_sorted(entries, {}, &ConfigEntry::name));
}

}  // namespace millrace::config
