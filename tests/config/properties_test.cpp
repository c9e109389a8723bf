#include "config/properties.hpp"

#include <catch2/catch.hpp>

namespace millrace::config {

namespace {

/// The only property of a text that has one.
Property only(std::string_view text) {
  const Properties properties = parse_properties(text);
  REQUIRE(properties.errors.empty());
  REQUIRE(properties.entries.size() == 1);
  return properties.entries.front();
}

}  // namespace

TEST_CASE("properties: key and value are split at =, : or a blank", "[config][properties]") {
  const Property expected{"key", "some value", 1};
  for (const std::string_view text :
       {"key=some value", "key:some value", "key some value", "key = some value",
        "  key\t:\tsome value", "key   some value", "key==some value"}) {
    INFO(text);
    if (text == "key==some value") {
      CHECK(only(text) == Property{"key", "=some value", 1});
    } else {
      CHECK(only(text) == expected);
    }
  }
  CHECK(only("key") == Property{"key", "", 1});
  CHECK(only("key=") == Property{"key", "", 1});
  CHECK(only("key=value ") == Property{"key", "value ", 1});  // blanks at the end are kept
  CHECK(only("url=a://b:1") == Property{"url", "a://b:1", 1});
}

TEST_CASE("properties: comments and blank lines count as lines and are skipped",
          "[config][properties]") {
  const Properties properties =
      parse_properties("# one\n\n! three\r\n   \t\n  # five \\\na=1\rb=2\r\nc=3 # no comment\n");
  CHECK(properties.errors.empty());
  CHECK(properties.entries ==
        std::vector<Property>{{"a", "1", 6}, {"b", "2", 7}, {"c", "3 # no comment", 8}});
}

TEST_CASE("properties: an odd number of backslashes continues a line", "[config][properties]") {
  const Properties properties = parse_properties("a=1,\\\n   2,\\\r\n\t3\nb=x\\\\\nc=y\\\\\\\n z");
  CHECK(properties.entries ==
        std::vector<Property>{{"a", "1,2,3", 1}, {"b", "x\\", 4}, {"c", "y\\z", 5}});
  CHECK(only("a=1\\") == Property{"a", "1", 1});  // nothing follows
  CHECK(only("a=1\\\n") == Property{"a", "1", 1});
  CHECK(only("a=1\\\n# b") == Property{"a", "1# b", 1});  // a continuation is never a comment
}

TEST_CASE("properties: escapes in keys and values are resolved", "[config][properties]") {
  CHECK(only("a\\ b\\=c\\:d=e") == Property{"a b=c:d", "e", 1});
  CHECK(only("k=a\\tb\\nc\\rd\\fe\\\\f\\qg") == Property{"k", "a\tb\nc\rd\fe\\fqg", 1});
  CHECK(only("k=\\u0041\\u00e9\\u20AC") == Property{"k", "A\xC3\xA9\xE2\x82\xAC", 1});
  CHECK(only("k=\\uD83D\\uDE00") == Property{"k", "\xF0\x9F\x98\x80", 1});
  CHECK(only("\xEF\xBB\xBFk=v") == Property{"k", "v", 1});  // a byte order mark
}

TEST_CASE("properties: a bad line is reported with its number and the others are read",
          "[config][properties]") {
  const Properties properties =
      parse_properties("a=1\nb=\\u12\nc=\\uZZZZ\nd=\\uD800x\ne=\\uDC00\n=v\nf=2\n");
  CHECK(properties.entries == std::vector<Property>{{"a", "1", 1}, {"f", "2", 7}});
  std::vector<int> lines;
  for (const SyntaxError& error : properties.errors) lines.push_back(error.line);
  CHECK(lines == std::vector<int>{2, 3, 4, 5, 6});
}

TEST_CASE("properties: any bytes are read to the end", "[config][properties]") {
  std::string text;
  for (int length = 0; length < 400; ++length) {
    text.push_back(static_cast<char>((length * 89 + 31) % 256));
    const Properties properties = parse_properties(text);
    CHECK(properties.entries.size() + properties.errors.size() <= text.size());
  }
}

}  // namespace millrace::config
