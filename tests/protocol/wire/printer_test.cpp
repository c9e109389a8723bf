#include "protocol/wire/printer.hpp"

#include <catch2/catch.hpp>
#include <sstream>

#include "protocol/messages/describe_topic_partitions.hpp"
#include "protocol/messages/produce.hpp"
#include "tests/protocol/wire/sample_message.hpp"

using namespace millrace;
using namespace millrace::protocol;
using namespace millrace::protocol::testing;

TEST_CASE("printer: one line has the fields that the version has, in wire order",
          "[protocol][wire]") {
  ProduceRequest request;
  request.acks = -1;
  request.topic_data.emplace_back().name = "orders";
  request.topic_data[0].partition_data.emplace_back();
  CHECK(print(request, 2) ==
        R"({"Acks": -1, "TimeoutMs": 0, "TopicData": [{"Name": "orders", "PartitionData": )"
        R"([{"Index": 0, "Records": null}]}]})");
  CHECK(print(request, 13) ==
        R"({"TransactionalId": null, "Acks": -1, "TimeoutMs": 0, "TopicData": )"
        R"([{"TopicId": "AAAAAAAAAAAAAAAAAAAAAA", "PartitionData": )"
        R"([{"Index": 0, "Records": null}]}]})");
}

TEST_CASE("printer: indented text has a line per field", "[protocol][wire]") {
  DescribeTopicPartitionsRequest request;
  request.topics.emplace_back().name = "a";
  CHECK(print(request, 0, {.indented = true}) == R"({
  "Topics": [
    {
      "Name": "a"
    }
  ],
  "ResponsePartitionLimit": 2000,
  "Cursor": null
})");
  CHECK(print(DescribeTopicPartitionsResponse{}, 0, {.indented = true}) == R"({
  "ThrottleTimeMs": 0,
  "Topics": [],
  "NextCursor": null
})");
}

TEST_CASE("printer: what is long is cut and says how long it was", "[protocol][wire]") {
  Sample sample;
  sample.text = std::string(10, 'x');
  sample.data = SharedBytes::copy_of(as_bytes("abcdef"));
  sample.list->resize(3);
  const PrintStyle style{.elements_max = 1, .text_bytes_max = 4, .bytes_max = 2};
  CHECK(print(sample, 0, style) ==
        R"({"Flag": false, "Ratio": 0.500000, "Text": "xxxx... 10 bytes", "Inner": null, )"
        R"("List": [{"Number": 0, "Text": ""}, "... 2 more"], "Data": "ab... 6 bytes"})");
}

TEST_CASE("printer: text keeps its characters and escapes what would break a line or the JSON",
          "[protocol][wire]") {
  const auto printed = [](std::string_view text) {
    TextPrinter out{PrintStyle::whole()};
    out.string(text);
    return std::move(out).take();
  };
  CHECK(printed("zürich 水 \U0001f980") == "\"zürich 水 \U0001f980\"");
  CHECK(printed("a\"b\\c\n\x7f") == R"("a\"b\\c\u000a\u007f")");
  CHECK(printed("\xff\xc3") == R"("\u00ff\u00c3")");            // not UTF-8, and cut off
  CHECK(printed("\xc0\xaf") == R"("\u00c0\u00af")");            // too long a form
  CHECK(printed("\xed\xa0\x80") == R"("\u00ed\u00a0\u0080")");  // half a surrogate pair
}

TEST_CASE("printer: bytes are escaped one by one", "[protocol][wire]") {
  TextPrinter out{PrintStyle::whole()};
  const std::string_view bytes{"\0r\"\xc3\xbc", 5};
  out.bytes(as_bytes(bytes), bytes.size());
  CHECK(std::move(out).take() == R"("\u0000r\"\u00c3\u00bc")");
}

TEST_CASE("printer: an error code is its name, or its number when it has none",
          "[protocol][wire]") {
  const auto printed = [](ErrorCode code) {
    TextPrinter out{{}};
    out.error(code);
    return std::move(out).take();
  };
  CHECK(printed(ErrorCode::not_leader_or_follower) == "\"NOT_LEADER_OR_FOLLOWER\"");
  CHECK(printed(ErrorCode::unknown_server_error) == "\"UNKNOWN_SERVER_ERROR\"");
  CHECK(printed(static_cast<ErrorCode>(9999)) == "9999");
}

TEST_CASE("printer: a stream gets all fields of all versions", "[protocol][wire]") {
  std::ostringstream out;
  out << ProduceRequest::TopicProduceData{.name = "t", .topic_id = {}, .partition_data = {}};
  CHECK(out.str() == R"({"Name": "t", "TopicId": "AAAAAAAAAAAAAAAAAAAAAA", "PartitionData": []})");
}
