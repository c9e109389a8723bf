#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

#include "broker/metrics/exposition.hpp"
#include "broker/metrics/http.hpp"

namespace millrace::broker {
namespace {

TEST_CASE("metrics: samples stand below help and type, in the order of the table",
          "[broker][metrics]") {
  Exposition out;
  out.add("millrace_retention_bytes_total", 7);
  out.add("millrace_partitions", 3, "state=\"writable\"");
  out.add("millrace_partitions", 1, "state=\"failed\"");
  CHECK(out.text() ==
        "# HELP millrace_partitions Partitions by the state of their log.\n"
        "# TYPE millrace_partitions gauge\n"
        "millrace_partitions{state=\"writable\"} 3\n"
        "millrace_partitions{state=\"failed\"} 1\n"
        "# HELP millrace_retention_bytes_total Bytes in these segments.\n"
        "# TYPE millrace_retention_bytes_total counter\n"
        "millrace_retention_bytes_total 7\n");
}

TEST_CASE("metrics: every one is in the table of the README, and counters end in _total",
          "[broker][metrics]") {
  std::ifstream file{MILLRACE_SOURCE_DIR "/broker/README.md"};
  std::stringstream text;
  text << file.rdbuf();
  for (const MetricInfo& metric : all_metrics()) {
    INFO(metric.name);
    CHECK(text.str().contains("| `" + std::string{metric.name} + "` |"));
    CHECK(metric.name.ends_with("_total") == metric.counter);
  }
}

TEST_CASE("metrics: an HTTP request is understood by its first line", "[broker][metrics]") {
  const auto ask = [](std::string_view line) {
    return read_http(std::string{line} + "\r\nHost: x\r\n\r\n");
  };
  CHECK(ask("GET /metrics HTTP/1.1") == HttpAsk::metrics);
  CHECK(ask("GET /metrics?a=b HTTP/1.0") == HttpAsk::metrics);
  CHECK(ask("GET /ready HTTP/1.1") == HttpAsk::ready);
  CHECK(ask("GET / HTTP/1.1") == HttpAsk::elsewhere);
  CHECK(ask("POST /nowhere HTTP/1.1") == HttpAsk::elsewhere);
  CHECK(ask("POST /metrics HTTP/1.1") == HttpAsk::other_method);
  CHECK(ask("GET /metrics") == HttpAsk::malformed);
  CHECK(ask("GET  HTTP/2") == HttpAsk::malformed);
  CHECK(ask("") == HttpAsk::malformed);
}

TEST_CASE("metrics: an unfinished head is waited for, up to a bound", "[broker][metrics]") {
  const std::string whole = "GET /metrics HTTP/1.1\r\n\r\n";
  for (std::size_t size = 0; size < whole.size(); ++size)
    CHECK_FALSE(read_http(std::string_view{whole}.substr(0, size)));
  CHECK(read_http(whole) == HttpAsk::metrics);
  CHECK_FALSE(read_http(std::string(kHttpHeadBytesMax - 1, 'a')));
  CHECK(read_http(std::string(kHttpHeadBytesMax, 'a')) == HttpAsk::too_long);
}

}  // namespace
}  // namespace millrace::broker
