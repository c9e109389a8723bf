#include "tools/report.hpp"

#include <catch2/catch.hpp>

#include "tools/completion.hpp"
#include "tools/options.hpp"
#include "tools/progress.hpp"
#include "tools/yaml.hpp"

namespace millrace::tools {
namespace {

namespace json = boost::json;

TEST_CASE("report: columns line up, numbers to the right, no blanks at the end",
          "[tools][report]") {
  const Table table{.title = "title",
                    .header = {"NAME", "COUNT", "NOTE"},
                    .rows = {{"long name", "1", "x"}, {"b", "1000", ""}, {"c", "-", "y"}}};
  CHECK(to_text(table) ==
        "title\n"
        "NAME       COUNT  NOTE\n"
        "long name      1  x\n"
        "b           1000\n"
        "c              -  y\n");
}

TEST_CASE("report: a header alone, rows alone, letters of two bytes", "[tools][report]") {
  CHECK(to_text(Table{.header = {"NAME", "COUNT"}}) == "NAME  COUNT\n");
  CHECK(to_text(Table{.rows = {{"created a"}, {"created b"}}}) == "created a\ncreated b\n");
  CHECK(to_text(Table{}).empty());
  CHECK(to_text(Table{.header = {"A", "B"}, .rows = {{"\xC3\xA4", "x"}, {"a", "y"}}}) ==
        "A  B\n\xC3\xA4  x\na  y\n");
}

TEST_CASE("report: tables stand apart, documents stand alone", "[tools][report]") {
  const Report report{.document = {{"a", 1}}, .tables = {{.rows = {{"one"}}}, {.rows = {{"two"}}}}};
  CHECK(to_text(report, OutputForm::table) == "one\n\ntwo\n");
  CHECK(to_text(report, OutputForm::json) == "{\"a\":1}\n");
  CHECK(to_text(report, OutputForm::yaml) == "a: 1\n");
}

TEST_CASE("yaml: nesting by indentation, empty things in brackets", "[tools][report]") {
  const json::value value = {
      {"name", "orders"},
      {"partitions", json::array{{{"leader", 1}, {"in_sync", json::array{1, 2}}},
                                 {{"leader", nullptr}, {"in_sync", json::array{}}}}},
      {"configs", json::object{}}};
  CHECK(to_yaml(value) ==
        "name: orders\n"
        "partitions:\n"
        "  - leader: 1\n"
        "    in_sync:\n"
        "      - 1\n"
        "      - 2\n"
        "  - leader: null\n"
        "    in_sync: []\n"
        "configs: {}\n");
  CHECK(to_yaml(json::array{}) == "[]\n");
  CHECK(to_yaml(json::array{json::array{1, 2}, "x"}) == "- - 1\n  - 2\n- x\n");
}

TEST_CASE("yaml: text that could be something else is quoted", "[tools][report]") {
  for (const auto* plain : {"a", "orders.v1", "a-b_c", "no1"}) {
    CAPTURE(plain);
    CHECK(to_yaml(json::value(plain)) == std::string{plain} + "\n");
  }
  for (const auto* other : {"", "true", "No", "null", "1", "1.5", "-", "a: b", "a b", "#x", "~"}) {
    CAPTURE(other);
    CHECK(to_yaml(json::value(other)) == '"' + std::string{other} + "\"\n");
  }
  CHECK(to_yaml(json::value("a\nb")) == "\"a\\nb\"\n");
}

TEST_CASE("options: times are sums, and a bare number is milliseconds", "[tools][options]") {
  using namespace std::chrono_literals;
  CHECK(parse_time("500ms") == 500ms);
  CHECK(parse_time("1m30s") == 90s);
  CHECK(parse_time("250") == 250ms);
  CHECK_FALSE(parse_time("soon"));
  CHECK_FALSE(parse_time(""));
}

TEST_CASE("options: settings of a topic are checked and made canonical", "[tools][options]") {
  const auto configs = parse_topic_configs({"retention.ms=7d", "segment.bytes=64MiB", "x.y=a=b"});
  REQUIRE(configs.has_value());
  CHECK(*configs == std::map<std::string, std::string>{{"retention.ms", "604800000"},
                                                       {"segment.bytes", "67108864"},
                                                       {"x.y", "a=b"}});
  CHECK_FALSE(parse_topic_configs({"retention.ms=soon"}).has_value());
  CHECK_FALSE(parse_topic_configs({"retention.ms"}).has_value());
  CHECK_FALSE(parse_topic_configs({"=5"}).has_value());
}

TEST_CASE("progress: a transfer in words", "[tools][report]") {
  using namespace std::chrono_literals;
  CHECK(transfer_text(1, 500'000, 2s) == "1 record, 0.5 MB in 2.00 s (0 records/s, 0.2 MB/s)");
  CHECK(transfer_text(120'000, 14'000'000, 800ms) ==
        "120000 records, 14.0 MB in 0.80 s (150000 records/s, 17.5 MB/s)");
  CHECK(transfer_text(0, 0, 0s) == "0 records, 0.0 MB in 0.00 s (0 records/s, 0.0 MB/s)");
}

TEST_CASE("progress: shown on a terminal after a while, and taken away", "[tools][report]") {
  using namespace std::chrono_literals;
  StringSink sink;
  const Instant start{1h};
  Terminal terminal{.out = sink, .err = sink};
  Progress silent{terminal, true, start};
  silent.update(1, 1, start + 10s);
  silent.clear();
  CHECK(sink.text().empty());
  terminal.progress = true;
  Progress shown{terminal, true, start};
  shown.update(1, 1, start + 100ms);
  CHECK(sink.text().empty());
  shown.update(1, 1, start + 1s);
  CHECK(sink.text().starts_with("\r1 record"));
  shown.clear();
  CHECK(sink.text().ends_with("\r\x1b[K"));
}

TEST_CASE("completion: commands and options, for both shells", "[tools][completion]") {
  const CompletionWords words{
      {"", {"topic"}}, {"topic", {"create"}}, {"topic create", {"--config"}}};
  const auto bash = completion_script(words, "bash");
  CHECK(bash.find("'topic create') words='--config' ;;") != std::string::npos);
  CHECK(bash.find("'') words='topic' ;;") != std::string::npos);
  CHECK(bash.ends_with("complete -o default -F _millrace millrace\n"));
  const auto zsh = completion_script(words, "zsh");
  CHECK(zsh.find("bashcompinit") != std::string::npos);
  CHECK(zsh.ends_with(bash));
}

}  // namespace
}  // namespace millrace::tools
