#include "config/value.hpp"

#include <catch2/catch.hpp>

namespace millrace::config {

namespace {

/// What a broker setting makes of a text; "refused" when it does not take it.
std::string read(std::string_view name, std::string_view text) {
  const auto value = canonical_text(*find_broker_setting(name), text);
  return value ? *value : "refused";
}

constexpr std::string_view kBytes = "tail.cache.bytes";  // long, from 0 on
constexpr std::string_view kInt32Bytes = "socket.request.max.bytes";
constexpr std::string_view kTime = "log.retention.check.interval.ms";  // long, from 1 on
constexpr std::string_view kAnyTime = "connections.max.idle.ms";       // long

}  // namespace

TEST_CASE("value: sizes take plain numbers and suffixes of 1024 and 1000", "[config][value]") {
  CHECK(read(kBytes, "123") == "123");
  CHECK(read(kBytes, " 123 ") == "123");
  CHECK(read(kBytes, "+5") == "5");
  CHECK(read(kBytes, "512MiB") == "536870912");
  CHECK(read(kBytes, "512 mib") == "536870912");
  CHECK(read(kBytes, "64kB") == "64000");
  CHECK(read(kBytes, "64KB") == "64000");
  CHECK(read(kBytes, "1g") == "1073741824");
  CHECK(read(kBytes, "2T") == "2199023255552");
  CHECK(read(kBytes, "100B") == "100");
}

TEST_CASE("value: sizes that mean nothing are refused", "[config][value]") {
  for (const std::string_view text :
       {"", "MiB", "1 2", "1x", "1.5g", "-1k", "1kk", "1k1", "1KiBs", "0x10", "+-1", "+", "1e3",
        "9223372036854775808", "8388608t", "16777216t", "7d"}) {
    INFO(text);
    CHECK(read(kBytes, text) == "refused");
  }
  CHECK(read(kBytes, "8388607t") == "9223370937343148032");
}

TEST_CASE("value: a size must fit the type of its setting", "[config][value]") {
  CHECK(read(kInt32Bytes, "2147483647") == "2147483647");
  CHECK(read(kInt32Bytes, "2147483648") == "refused");
  CHECK(read(kInt32Bytes, "2GiB") == "refused");
  CHECK(read(kInt32Bytes, "0") == "refused");
  CHECK(read("offsets.topic.replication.factor", "32768") == "refused");
}

TEST_CASE("value: times take sums of terms, largest unit first", "[config][value]") {
  CHECK(read(kTime, "7d") == "604800000");
  CHECK(read(kTime, "7d 12h 30m 10s 250ms") == "649810250");
  CHECK(read(kTime, "1h30m") == "5400000");
  CHECK(read(kTime, "2 H") == "7200000");
  CHECK(read(kTime, "250ms") == "250");
  CHECK(read(kAnyTime, "-1") == "-1");
  for (const std::string_view text : {"30m 1h", "1h 1h", "h", "1h x", "1h 5", "-1h", "1w", "1.5h",
                                      "106751991168d", "5 5ms", "1GiB"}) {
    INFO(text);
    CHECK(read(kTime, text) == "refused");
  }
}

TEST_CASE("value: suffixes are for bytes and milliseconds only", "[config][value]") {
  CHECK(read("num.partitions", "1k") == "refused");
  CHECK(read("log.retention.hours", "7d") == "refused");
  CHECK(read("offsets.retention.minutes", "10080") == "10080");
}

TEST_CASE("value: numbers keep their range, with one exception where there is one",
          "[config][value]") {
  CHECK(read("compression.gzip.level", "-1") == "-1");
  CHECK(read("compression.gzip.level", "0") == "refused");
  CHECK(read("compression.gzip.level", "9") == "9");
  CHECK(read("compression.gzip.level", "10") == "refused");
  CHECK(read("compression.zstd.level", "-131072") == "-131072");
  CHECK(read("log.retention.ms", "0") == "refused");
  CHECK(read("log.retention.ms", "-1") == "-1");
  CHECK(read("log.retention.ms", "-2") == "refused");
  CHECK(read("log.cleaner.min.cleanable.ratio", "0.25") == "0.25");
  CHECK(read("log.cleaner.min.cleanable.ratio", "1.01") == "refused");
  CHECK(read("log.cleaner.min.cleanable.ratio", "nan") == "refused");
  CHECK(read("log.cleaner.io.max.bytes.per.second", "1e6") == "1e6");
}

TEST_CASE("value: booleans are true or false in any case", "[config][value]") {
  CHECK(read("delete.topic.enable", "TRUE") == "true");
  CHECK(read("delete.topic.enable", "False") == "false");
  CHECK(read("delete.topic.enable", "yes") == "refused");
  CHECK(read("delete.topic.enable", "1") == "refused");
}

TEST_CASE("value: lists lose their blanks; repetition and empty items are refused",
          "[config][value]") {
  CHECK(read("log.cleanup.policy", " compact , delete ") == "compact,delete");
  CHECK(read("log.cleanup.policy", "") == "");
  CHECK(read("log.cleanup.policy", "delete,delete") == "refused");
  CHECK(read("log.cleanup.policy", "keep") == "refused");
  CHECK(read("log.dirs", "/a,") == "refused");
  CHECK(read("log.dirs", "/a,,/b") == "refused");
  CHECK(read("log.dirs", ",") == "refused");
  CHECK(read("process.roles", "broker") == "broker");
  CHECK(read("process.roles", "broker,king") == "refused");
}

TEST_CASE("value: words must be among those allowed", "[config][value]") {
  CHECK(read("compression.type", "zstd") == "zstd");
  CHECK(read("compression.type", "ZSTD") == "refused");
  CHECK(read("log.flush.mode", "async") == "async");
  CHECK(read("log.flush.mode", "never") == "refused");
}

TEST_CASE("value: a refusal names the setting, the value and the allowed form", "[config][value]") {
  const auto text_of = [](std::string_view name, std::string_view text) {
    return parse_value(*find_broker_setting(name), text).error().text;
  };
  CHECK(text_of("compression.lz4.level", "99") ==
        "compression.lz4.level cannot be '99': it takes a whole number from 1 to 17");
  CHECK(text_of("log.segment.bytes", "1kB") ==
        "log.segment.bytes cannot be '1kB': it takes a whole number of bytes from 1048576 to "
        "2147483647, also like 512MiB or 64kB");
  CHECK(text_of("log.retention.ms", "soon") ==
        "log.retention.ms cannot be 'soon': it takes a whole number of ms from 1 on, or -1, also "
        "like 7d 12h or 250ms");
  CHECK(text_of("log.flush.mode", "x") ==
        "log.flush.mode cannot be 'x': it takes one of sync, async");
}

TEST_CASE("value: a refusal never repeats a password", "[config][value]") {
  Setting setting = *find_broker_setting("ssl.key.password");
  constexpr std::string_view kWords[] = {"only-this"};
  setting.valid.one_of = kWords;
  const auto value = parse_value(setting, "hunter2");
  REQUIRE_FALSE(value.has_value());
  CHECK(value.error().text.find("hunter2") == std::string::npos);
}

}  // namespace millrace::config
