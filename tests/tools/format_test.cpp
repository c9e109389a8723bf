#include <fmt/format.h>

#include <boost/json/parse.hpp>
#include <catch2/catch.hpp>

#include "tools/format_tokens.hpp"
#include "tools/input_format.hpp"
#include "tools/print_format.hpp"
#include "tools/utf8.hpp"

namespace millrace::tools {
namespace {

using protocol::HeaderView;

/// A record with headers as a reader of batches hands it out; the memory lives in here.
class StoredRecord {
 public:
  explicit StoredRecord(const std::vector<HeaderView>& headers) {
    protocol::append_record(section_, {.headers = headers});
    protocol::RecordReader reader{section_, 1};
    view_ = *reader.next();
  }
  [[nodiscard]] const protocol::HeaderRange& headers() const { return view_.headers; }

 private:
  std::vector<std::byte> section_;
  protocol::RecordView view_;
};

std::string printed(std::string_view format, const PrintedRecord& record) {
  const auto parsed = PrintFormat::parse(format);
  CAPTURE(format);
  REQUIRE(parsed.has_value());
  std::string out;
  parsed->append(out, record);
  return out;
}

std::string json_of(const PrintedRecord& record) {
  std::string out;
  append_json(out, record);
  return out;
}

TEST_CASE("format: escapes and verbs are cut apart", "[tools][format]") {
  const auto tokens = tokenize_format(R"(%k\t\x41\\%%\0%v\r\n)", "kv");
  REQUIRE(tokens.has_value());
  using namespace std::string_literals;
  CHECK(*tokens == std::vector<FormatToken>{
                       {.verb = 'k'}, {.text = "\tA\\%\0"s}, {.verb = 'v'}, {.text = "\r\n"}});
  for (const auto* bad : {"%", "%q", "\\", "\\q", "\\x4", "\\xzz", "a%"}) {
    CAPTURE(bad);
    CHECK_FALSE(tokenize_format(bad, "kv").has_value());
  }
}

TEST_CASE("print format: every verb prints its field", "[tools][format]") {
  const StoredRecord stored{{{.key = "a", .value = as_bytes("1")}, {.key = "b"}}};
  const PrintedRecord record{.topic = "orders",
                             .partition = 3,
                             .offset = 42,
                             .timestamp = 1000,
                             .key = as_bytes("key"),
                             .value = as_bytes("value"),
                             .headers = stored.headers(),
                             .number = 7};
  CHECK(printed("%t|%p|%o|%T|%d|%k|%v|%K|%V|%h|%H|%i|%n", record) ==
        "orders|3|42|1000|1000|key|value|3|5|a=1,b=|2|7|\n");
  CHECK(printed("%v\\n", record) == "value\n");
  CHECK(printed("100%%", record) == "100%");
}

TEST_CASE("print format: null prints nothing and has the size -1", "[tools][format]") {
  CHECK(printed("[%k][%v][%K][%V][%h][%H]", {}) == "[][][-1][-1][][0]");
}

TEST_CASE("print json: one line per record with every field", "[tools][format]") {
  const StoredRecord stored{{{.key = "a", .value = as_bytes("1")}, {.key = "b"}}};
  const auto line = json_of({.topic = "orders",
                             .partition = 3,
                             .offset = 42,
                             .timestamp = 1000,
                             .key = as_bytes("k"),
                             .value = as_bytes("a\"b\\c\n\t\r\x01 \xC3\xA4"),
                             .headers = stored.headers()});
  CHECK(line == R"({"topic":"orders","partition":3,"offset":42,"timestamp":1000,"key":"k",)"
                R"("value":"a\"b\\c\n\t\r\u0001 )"
                "\xC3\xA4"
                R"(","headers":[{"key":"a","value":"1"},{"key":"b","value":null}]})"
                "\n");
  CHECK(boost::json::parse(line).at("value") == "a\"b\\c\n\t\r\x01 \xC3\xA4");
}

TEST_CASE("print json: null stays null, and other bytes go in base64", "[tools][format]") {
  CHECK(json_of({.topic = "t", .timestamp = -1}) ==
        R"({"topic":"t","partition":0,"offset":0,"timestamp":-1,)"
        R"("key":null,"value":null,"headers":[]})"
        "\n");
  const auto base64 = [](std::string_view bytes) {
    const auto document = boost::json::parse(json_of({.value = as_bytes(bytes)}));
    CHECK(document.as_object().find("value") == document.as_object().end());
    return std::string{document.at("value_base64").as_string()};
  };
  CHECK(base64("\xFF") == "/w==");
  CHECK(base64("\xFF\xFE") == "//4=");
  CHECK(base64("\xFF\xFE\xFD") == "//79");
  CHECK(base64("\xFF"
               "abc") == "/2FiYw==");
}

TEST_CASE("utf8: well-formed text and nothing else", "[tools][format]") {
  for (const auto* good :
       {"", "ascii", "more than eight bytes of ascii", "\xC3\xA4", "\xE2\x82\xAC",
        "\xF0\x9F\x98\x80", "\xF4\x8F\xBF\xBF", "12345678\xC3\xA4"}) {
    CAPTURE(good);
    CHECK(is_utf8(good));
  }
  for (const auto* bad : {"\x80", "\xC3", "\xC0\xAF", "\xC1\xBF", "\xE0\x80\xAF", "\xED\xA0\x80",
                          "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xE2\x82",
                          "\xC3(", "12345678\xFF", "1234567\xFF"}) {
    CAPTURE(bad);
    CHECK_FALSE(is_utf8(bad));
  }
}

/// All records of `input`, given to the format in pieces of `piece` bytes as a pipe might.
struct Line {
  std::optional<std::string> key;
  std::optional<std::string> value;
  std::string headers;
  std::int32_t partition = -1;
  std::int64_t timestamp = -1;
  friend bool operator==(const Line&, const Line&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Line& line) {
    return out << line.key.value_or("null") << '/' << line.value.value_or("null") << '/'
               << line.headers << '/' << line.partition << '/' << line.timestamp;
  }
};

clients::Outcome<std::vector<Line>> read_all(std::string_view format, std::string_view input,
                                             std::size_t piece) {
  const auto parsed = InputFormat::parse(format);
  if (!parsed) return parsed.error();
  std::vector<Line> lines;
  InputRecord record;
  std::size_t at = 0;
  std::size_t there = 0;
  while (at < input.size()) {
    const auto length = parsed->read(input.substr(at, there - at), there == input.size(), record);
    if (!length) return length.error();
    if (!*length) {
      if (there == input.size()) break;
      there = std::min(input.size(), there + piece);
      continue;
    }
    Line line;
    if (record.key) line.key = *record.key;
    if (record.value) line.value = *record.value;
    for (const auto& header : record.headers)
      line.headers += fmt::format("{}={};", header.key, as_text(*header.value));
    if (record.partition) line.partition = record.partition->value;
    if (record.timestamp) line.timestamp = record.timestamp->value;
    lines.push_back(std::move(line));
    at += **length;
  }
  return lines;
}

std::vector<Line> read_well(std::string_view format, std::string_view input) {
  const auto whole = read_all(format, input, input.size());
  REQUIRE(whole.has_value());
  for (std::size_t piece = 1; piece < input.size(); ++piece) {
    CAPTURE(piece);
    const auto in_pieces = read_all(format, input, piece);
    REQUIRE(in_pieces.has_value());
    CHECK(*in_pieces == *whole);
  }
  return *whole;
}

TEST_CASE("input format: a line is a value, the last one even without its end, empty ones too",
          "[tools][format]") {
  CHECK(read_well("%v\\n", "a\n\nb") ==
        std::vector<Line>{{.value = "a"}, {.value = ""}, {.value = "b"}});
  CHECK(read_well("%v", "a\nb\n") == std::vector<Line>{{.value = "a"}, {.value = "b"}});
  CHECK(read_well("%v\\n", "a\r\n") == std::vector<Line>{{.value = "a\r"}});
  CHECK(read_well("%v\\n", "").empty());
}

TEST_CASE("input format: fields end at the text between them", "[tools][format]") {
  CHECK(read_well("%k\\t%v\\n", "k1\tv1\n\tv\t2\nk3\t\n") ==
        std::vector<Line>{{.key = "k1", .value = "v1"},
                          {.key = "", .value = "v\t2"},
                          {.key = "k3", .value = ""}});
  CHECK(read_well("%k::%v;;", "a:b::c;d;;e::f") ==
        std::vector<Line>{{.key = "a:b", .value = "c;d"}, {.key = "e", .value = "f"}});
  CHECK(read_well("<%p %T %h %v>\\n", "<3 1000 a=1,b=2 x>\n<0 -1  y>\n") ==
        std::vector<Line>{{.value = "x", .headers = "a=1;b=2;", .partition = 3, .timestamp = 1000},
                          {.value = "y", .partition = 0, .timestamp = -1}});
}

TEST_CASE("input format: input that is not of the format is refused", "[tools][format]") {
  const auto refused = [](std::string_view format, std::string_view input) {
    return !read_all(format, input, input.size()) && !read_all(format, input, 1);
  };
  CHECK(refused("%k\\t%v\\n", "k1\tv1\nno tab"));
  CHECK(refused("%p %v\\n", "one x\n"));
  CHECK(refused("%p %v\\n", "99999999999 x\n"));
  CHECK(refused("%T %v\\n", " x\n"));
  CHECK(refused("%h %v\\n", "novalue x\n"));
  CHECK(refused("<%v>\\n", "(a)\n"));
  CHECK(refused("<<%v>\\n", "<"));
}

TEST_CASE("input format: a format must say where its fields end", "[tools][format]") {
  for (const auto* bad : {"%k%v", "", "text", "%o", "%v%"}) {
    CAPTURE(bad);
    CHECK_FALSE(InputFormat::parse(bad).has_value());
  }
}

}  // namespace
}  // namespace millrace::tools
