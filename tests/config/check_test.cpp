#include "config/check.hpp"

#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>

#include "config/broker_config.hpp"
#include "config/properties.hpp"

namespace millrace::config {

namespace {

const std::string kFolder = MILLRACE_SOURCE_DIR "/config/";

std::string read_file(const std::string& path) {
  std::ifstream in{path, std::ios::binary};
  REQUIRE(in);
  return {std::istreambuf_iterator<char>{in}, {}};
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

}  // namespace

TEST_CASE("check: server.properties is in step with the catalogue", "[config][check]") {
  INFO("after a change of the catalogue run: config_tests '[regenerate]'");
  CHECK(read_file(kFolder + "server.properties") == sample_properties());
}

TEST_CASE("check: writes server.properties anew", "[.][regenerate]") {
  std::ofstream{kFolder + "server.properties", std::ios::binary} << sample_properties();
}

TEST_CASE("check: server.properties has every setting that is used, and they are the defaults",
          "[config][check]") {
  std::string text = read_file(kFolder + "server.properties");
  CHECK(check_file(text).empty());
  // With the comment signs before `name=value` gone, every default must be accepted as it stands.
  std::string uncommented;
  std::size_t line_start = 0;
  while (line_start < text.size()) {
    const auto line_end = text.find('\n', line_start);
    auto line = text.substr(line_start, line_end - line_start);
    if (line.starts_with('#') && !line.starts_with("# ") && !line.starts_with("##"))
      line.erase(0, 1);
    uncommented += line + '\n';
    line_start = line_end + 1;
  }
  const Properties properties = parse_properties(uncommented);
  CHECK(properties.errors.empty());
  std::size_t used = 0;
  for (const Setting& setting : broker_settings()) used += setting.used() ? 1 : 0;
  CHECK(properties.entries.size() == used);
  for (const Property& property : properties.entries) {
    INFO(property.key);
    const Setting* setting = find_broker_setting(property.key);
    REQUIRE(setting != nullptr);
    CHECK(setting->used());
    CHECK(property.value == setting->default_value.value_or(""));
  }
}

TEST_CASE("check: dev.properties has no problems and means what it says", "[config][check]") {
  Inputs inputs;
  inputs.file_text = read_file(kFolder + "dev.properties");
  const auto [config, problems] = BrokerConfig::load(inputs);
  CHECK(problems.empty());
  CHECK(config.get_bool("auto.create.topics.enable"));
  CHECK(config.listeners() == std::vector<Endpoint>{{"PLAINTEXT", "127.0.0.1", 9092}});
}

TEST_CASE("check: problems of all layers come in their order", "[config][check]") {
  const auto problems =
      check_file("a=1\nshards=x\n", {{"KAFKA_B", "1"}}, {"shards=y"}, "my.properties");
  std::vector<std::string> places;
  for (const Problem& problem : problems) places.push_back(problem.where);
  CHECK(places ==
        std::vector<std::string>{"my.properties:1", "my.properties:2", "KAFKA_B", "--set shards"});
}

TEST_CASE("check: explain tells a broker setting", "[config][check]") {
  CHECK(explain("log.retention.ms") ==
        "log.retention.ms (broker setting)\n"
        "  Records older than this may be deleted; -1 keeps them for ever.\n"
        "  type      long\n"
        "  takes     a whole number of ms from 1 on, or -1, also like 7d 12h or 250ms\n"
        "  default   none; log.retention.minutes, then log.retention.hours counts instead\n"
        "  changes   at the start of the broker\n"
        "  topics    default of retention.ms\n"
        "  effect    used\n");
}

TEST_CASE("check: explain tells both scopes of a name that both have", "[config][check]") {
  const std::string text = explain("compression.type");
  CHECK(contains(text, "compression.type (broker setting)"));
  CHECK(contains(text, "\n\ncompression.type (topic setting)"));
  CHECK(contains(text, "default from compression.type"));
}

TEST_CASE("check: explain helps with names that are not there", "[config][check]") {
  CHECK(explain("retention.mss") ==
        "retention.mss is not a setting that is known; did you mean retention.ms?\n");
  CHECK(explain("num.partition") ==
        "num.partition is not a setting that is known; did you mean num.partitions?\n");
  CHECK(explain("zookeeper.connect") == "zookeeper.connect has no effect: ZooKeeper is not used\n");
  CHECK(explain("xyzzy") == "xyzzy is not a setting that is known\n");
}

TEST_CASE("check: explain has an answer for every setting", "[config][check]") {
  for (const Setting& setting : broker_settings()) {
    INFO(setting.name);
    const std::string text = explain(setting.name);
    CHECK(contains(text, setting.doc));
    CHECK(contains(text, setting.used() ? "effect    used" : "effect    none: "));
  }
  for (const Setting& setting : topic_settings())
    CHECK(contains(explain(setting.name), "(topic setting)"));
}

}  // namespace millrace::config
