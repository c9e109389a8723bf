#include "config/catalogue.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

#include "config/value.hpp"

namespace millrace::config {

namespace {

std::vector<Setting> all_settings() {
  std::vector<Setting> all = broker_settings();
  all.insert(all.end(), topic_settings().begin(), topic_settings().end());
  return all;
}

}  // namespace

TEST_CASE("catalogue: every default passes the check of its own setting", "[config][catalogue]") {
  for (const Setting& setting : all_settings()) {
    if (!setting.default_value) continue;
    INFO(setting.name);
    const auto text = canonical_text(setting, *setting.default_value);
    REQUIRE(text.has_value());
    CHECK(*text == *setting.default_value);  // it is already as Kafka prints it
  }
}

TEST_CASE("catalogue: every setting has a doc sentence, and a reason if it has no effect",
          "[config][catalogue]") {
  for (const Setting& setting : all_settings()) {
    INFO(setting.name);
    CHECK(setting.doc.ends_with('.'));
    CHECK(setting.doc.size() > 10);
    CHECK(setting.used() == setting.effect.reason.empty());
    CHECK_FALSE(setting.effect.reason.ends_with('.'));
  }
}

TEST_CASE("catalogue: names and counts of both scopes", "[config][catalogue]") {
  // Kafka 4.4 has 352 broker settings and 36 of topics; ours come on top.
  CHECK(broker_settings().size() == 352 + 14);
  CHECK(topic_settings().size() == 36 + 1);
  for (const std::string_view own :
       {"log.flush.mode", "shards", "disk.threads", "disk.read.threads", "read.ahead.bytes",
        "log.open.files.max", "tail.cache.bytes", "response.queue.bytes.per.connection"}) {
    INFO(own);
    REQUIRE(find_broker_setting(own) != nullptr);
    CHECK(find_broker_setting(own)->used());
  }
  CHECK(find_topic_setting("flush.mode") != nullptr);
  CHECK(find_broker_setting("flush.mode") == nullptr);
  CHECK(find_broker_setting("") == nullptr);
}

TEST_CASE("catalogue: the defaults that differ from Kafka's on purpose", "[config][catalogue]") {
  const auto fallback = [](std::string_view name) {
    return std::string{find_broker_setting(name)->default_value.value_or("null")};
  };
  CHECK(fallback("auto.create.topics.enable") == "false");
  CHECK(fallback("log.dirs") == "./data");
  CHECK(fallback("process.roles") == "broker,controller");
  CHECK(fallback("node.id") == "1");
  CHECK(fallback("min.insync.replicas") == "1");
  CHECK(fallback("message.max.bytes") == "1048588");
  CHECK(fallback("log.retention.ms") == "null");
}

TEST_CASE("catalogue: a topic setting and the broker settings behind it agree",
          "[config][catalogue]") {
  for (const Setting& topic : topic_settings()) {
    for (const std::string_view name : topic.broker_synonyms) {
      if (name.empty()) continue;
      INFO(topic.name << " from " << name);
      const Setting* broker = find_broker_setting(name);
      REQUIRE(broker != nullptr);
      CHECK(broker->used() == topic.used());
      CHECK(std::ranges::equal(broker->valid.one_of, topic.valid.one_of));
      // What the broker setting lets through must be allowed for the topic.
      if (topic.valid.min) {
        REQUIRE(broker->valid.min);
        CHECK(*broker->valid.min >= *topic.valid.min);
        CHECK(broker->valid.also.value_or(*topic.valid.min) >=
              topic.valid.also.value_or(*topic.valid.min));
      }
      CHECK(broker->valid.max == topic.valid.max);
      if (broker->unit == topic.unit && broker->default_value && topic.default_value)
        CHECK(*broker->default_value == *topic.default_value);
    }
  }
}

TEST_CASE("catalogue: minutes and hours stand in for milliseconds, nearest first",
          "[config][catalogue]") {
  const auto names = [](std::string_view of) {
    std::vector<std::string_view> found;
    for (const Setting* setting : stand_ins(*find_broker_setting(of)))
      found.push_back(setting->name);
    return found;
  };
  using Names = std::vector<std::string_view>;
  CHECK(names("log.retention.ms") == Names{"log.retention.minutes", "log.retention.hours"});
  CHECK(names("log.retention.minutes") == Names{"log.retention.hours"});
  CHECK(names("log.retention.hours").empty());
  CHECK(names("log.flush.interval.ms") == Names{"log.flush.scheduler.interval.ms"});
  CHECK(names("node.id").empty());
}

TEST_CASE("catalogue: the nearest name is found through slips, and only when it is near",
          "[config][catalogue]") {
  CHECK(nearest_name(Scope::broker, "num.partition") == "num.partitions");
  CHECK(nearest_name(Scope::broker, "num.partitoins") == "num.partitions");
  CHECK(nearest_name(Scope::broker, "log_dirs") == "log.dirs");
  CHECK(nearest_name(Scope::broker, "hsadrs") == "shards");  // two swaps, four changes
  CHECK(nearest_name(Scope::topic, "retention.sm") == "retention.ms");
  CHECK(nearest_name(Scope::broker, "colour") == std::nullopt);
  CHECK(nearest_name(Scope::broker, std::string(100'000, 'x')) == std::nullopt);
}

TEST_CASE("catalogue: settings behind a listener prefix are recognised", "[config][catalogue]") {
  const auto found = [](std::string_view name) {
    const Setting* setting = find_listener_setting(name);
    return setting == nullptr ? std::string_view{} : setting->name;
  };
  CHECK(found("listener.name.internal.ssl.keystore.location") == "ssl.keystore.location");
  CHECK(found("listener.name.internal.scram-sha-256.sasl.jaas.config") == "sasl.jaas.config");
  CHECK(found("listener.name.internal.plain.connections.max.reauth.ms") ==
        "connections.max.reauth.ms");
  CHECK(found("listener.name.internal.plain.num.partitions").empty());
  CHECK(found("listener.name.internal").empty());
  CHECK(found("listener.name..ssl.protocol").empty());
  CHECK(found("ssl.keystore.location").empty());
}

TEST_CASE("catalogue: retired names do not return as settings", "[config][catalogue]") {
  CHECK(find_retired_setting(Scope::broker, "zookeeper.connect") != nullptr);
  CHECK(find_retired_setting(Scope::broker, "zookeeperx") == nullptr);
  CHECK(find_retired_setting(Scope::broker, "message.downconversion.enable") == nullptr);
  CHECK(find_retired_setting(Scope::topic, "message.downconversion.enable") != nullptr);
  for (const Setting& setting : all_settings()) {
    INFO(setting.name);
    CHECK(find_retired_setting(setting.scope, setting.name) == nullptr);
  }
}

TEST_CASE("catalogue: no name is in two sections", "[config][catalogue]") {
  std::set<std::string_view> names;
  std::size_t count = 0;
  for (const Section& section : broker_sections()) {
    CHECK_FALSE(section.settings.empty());
    count += section.settings.size();
    for (const Setting& setting : section.settings) names.insert(setting.name);
  }
  CHECK(names.size() == count);
  CHECK(count == broker_settings().size());
}

}  // namespace millrace::config
