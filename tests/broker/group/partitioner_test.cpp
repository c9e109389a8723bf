#include "broker/group/partitioner.hpp"

#include <catch2/catch.hpp>
#include <limits>

#include "broker/group/member_id.hpp"
#include "broker/group/records.hpp"

namespace millrace::broker {
namespace {

TEST_CASE("group partitioner: the hash is Java's, over UTF-16 code units", "[broker][group]") {
  CHECK(java_string_hash("") == 0);
  CHECK(java_string_hash("hello") == 99'162'322);
  CHECK(java_string_hash("polygenelubricants") == std::numeric_limits<std::int32_t>::min());
  CHECK(java_string_hash("\xC3\xA9") == 0xE9);               // e with acute
  CHECK(java_string_hash("\xE2\x82\xAC") == 0x20AC);         // euro sign
  CHECK(java_string_hash("\xF0\x9F\x98\x80") == 1'772'899);  // a surrogate pair
}

TEST_CASE("group partitioner: malformed UTF-8 counts as replacement characters",
          "[broker][group]") {
  CHECK(java_string_hash("\xFF") == 0xFFFD);
  CHECK(java_string_hash("\xC0\x80") == 31 * 0xFFFD + 0xFFFD);
  CHECK(java_string_hash("\xE2\x82") == 31 * 0xFFFD + 0xFFFD);
  CHECK(java_string_hash("\xED\xA0\x80") == java_string_hash("\xFF\xFF\xFF"));  // a lone surrogate
}

TEST_CASE("group partitioner: the partition is the absolute hash, and 0 where that overflows",
          "[broker][group]") {
  CHECK(partition_for_group("hello", 50) == 22);
  CHECK(partition_for_group("polygenelubricants", 50) == 0);
  CHECK(partition_for_group("", 50) == 0);
  CHECK(java_string_hash("my-group") == -1'906'497'762);
  CHECK(partition_for_group("my-group", 50) == 12);
}

TEST_CASE("group member ids: a name, a dash and a UUID", "[broker][group]") {
  Uuid uuid;
  for (std::size_t i = 0; i < uuid.bytes.size(); ++i) {
    uuid.bytes[i] = static_cast<std::uint8_t>(0x11 * i);
  }
  CHECK(make_member_id("app", uuid) == "app-00112233-4455-6677-8899-aabbccddeeff");
}

TEST_CASE("group member ids: an id always fits a record, and no character is cut in two",
          "[broker][group]") {
  std::string name;
  while (name.size() < kRecordTextBytesMax) name += "\xC3\xA9";
  const auto id = make_member_id(name, Uuid{});
  CHECK(id.size() <= kRecordTextBytesMax);
  CHECK(id.size() > kRecordTextBytesMax - 3);
  CHECK((id.size() - 37) % 2 == 0);
}

}  // namespace
}  // namespace millrace::broker
