#include <catch2/catch.hpp>

#include "protocol/messages/create_topics.hpp"
#include "protocol/messages/describe_groups.hpp"
#include "protocol/messages/metadata.hpp"
#include "tests/protocol/messages/any_message.hpp"
#include "tests/protocol/messages/golden.hpp"

using namespace millrace;
using namespace millrace::protocol;
using namespace millrace::protocol::testing;

namespace {

Reader reader_of(std::string_view hex) {
  return Reader{SharedBytes::from(from_hex(hex))};
}

constexpr std::uint32_t kMiB = 1 << 20;

/// `count` as the front of a compact array, then `fill` bytes of 1: empty texts, or whatever that
/// is.
SharedBytes groups_without_names(std::uint32_t count) {
  std::vector<std::byte> bytes;
  for (std::uint32_t rest = count + 1;; rest >>= 7) {
    bytes.push_back(static_cast<std::byte>((rest & 0x7f) | (rest >= 0x80 ? 0x80 : 0)));
    if (rest < 0x80) break;
  }
  bytes.resize(bytes.size() + count + 1, std::byte{1});  // the names; the bool behind them
  bytes.push_back(std::byte{0});
  return SharedBytes::from(std::move(bytes));
}

}  // namespace

TEST_CASE("reader: integers are big-endian and never read past the end", "[protocol][wire]") {
  Reader in = reader_of("0102030405");
  CHECK(in.integer<std::int32_t>() == 0x01020304);
  CHECK(in.integer<std::int16_t>() == 0);
  CHECK(in.error() == Errc::truncated);
  CHECK(in.remaining() == 0);
}

TEST_CASE("reader: the first failure stays", "[protocol][wire]") {
  Reader in = reader_of("fffe00");
  in.enter_field("First");
  CHECK(in.string_length(false) == -1);
  in.enter_field("Second");
  CHECK(in.integer<std::int64_t>() == 0);
  CHECK(in.error() == Errc::bad_length);
  CHECK(in.failed_field() == "First");
}

TEST_CASE("reader: an unsigned varint has 32 bits in at most five bytes", "[protocol][wire]") {
  CHECK(reader_of("00").unsigned_varint() == 0);
  CHECK(reader_of("ac02").unsigned_varint() == 300);
  CHECK(reader_of("8000").unsigned_varint() == 0);  // longer than it need be, but well formed
  CHECK(reader_of("ffffffff0f").unsigned_varint() == 0xffffffff);
  for (const auto* hex : {"ffffffff10", "ffffffff7f", "808080808000", "ffffffffff01"}) {
    Reader in = reader_of(hex);
    in.unsigned_varint();
    CHECK(in.error() == Errc::bad_varint);
  }
  Reader in = reader_of("ff");
  in.unsigned_varint();
  CHECK(in.error() == Errc::truncated);
}

TEST_CASE("reader: lengths are checked against the bytes that are there", "[protocol][wire]") {
  struct Case {
    std::string_view hex;
    bool flexible;
    Errc error;
  };
  for (const Case& c :
       {Case{"000161", false, Errc{}},
        Case{"0002"
             "61",
             false, Errc::truncated},
        Case{"8000", false, Errc::bad_length}, Case{"fffe", false, Errc::bad_length},
        Case{"7fff", false, Errc::truncated}, Case{"0261", true, Errc{}},
        Case{"0361", true, Errc::truncated}, Case{"ffffffff0f", true, Errc::bad_length}}) {
    CAPTURE(c.hex);
    Reader in = reader_of(c.hex);
    in.string_length(c.flexible);
    CHECK(in.error() == c.error);
  }
  for (const Case& c : {Case{"0000000161", false, Errc{}}, Case{"7fffffff", false, Errc::truncated},
                        Case{"80000000", false, Errc::bad_length},
                        Case{"ffffffff0f"
                             "61",
                             true, Errc::truncated}}) {
    CAPTURE(c.hex);
    Reader in = reader_of(c.hex);
    in.bytes_length(c.flexible);
    CHECK((in.error() == c.error || in.error() == Errc::bad_length));
    CHECK(in.ok() == (c.error == Errc{}));
  }
}

TEST_CASE("reader: a string has at most 32767 bytes in either encoding", "[protocol][wire]") {
  std::vector<std::byte> bytes(40'000, std::byte{'x'});
  bytes[0] = std::byte{0x80};
  bytes[1] = std::byte{0x80};
  bytes[2] = std::byte{0x02};  // 32768, which means 32767 bytes
  Reader longest{SharedBytes::copy_of(bytes)};
  CHECK(longest.string_length(true) == 32767);
  bytes[0] = std::byte{0x81};
  Reader longer{SharedBytes::copy_of(bytes)};
  CHECK(longer.string_length(true) == -1);
  CHECK(longer.error() == Errc::bad_length);
}

TEST_CASE("reader: a count never exceeds what the bytes can hold", "[protocol][wire]") {
  for (const auto* hex : {"7fffffff"
                          "00000001",
                          "00000003"
                          "0000000100000002"}) {
    Reader in = reader_of(hex);
    CHECK(in.array_count(false, 4, 4) == -1);
    CHECK(in.error() == Errc::truncated);
  }
  for (const auto* hex : {"80000000"
                          "00000001",
                          "fffffffe"}) {
    Reader in = reader_of(hex);
    CHECK(in.array_count(false, 4, 4) == -1);
    CHECK(in.error() == Errc::bad_length);
  }
  Reader null = reader_of("ffffffff");
  CHECK(null.array_count(false, 4, 4) == -1);
  CHECK(null.ok());
  Reader compact = reader_of(
      "ffffffff0f"
      "00");
  CHECK(compact.array_count(true, 1, 1) == -1);
  CHECK_FALSE(compact.ok());
}

TEST_CASE("reader: a large frame of tiny elements is refused before it takes memory",
          "[protocol][wire]") {
  // 64 MiB of empty texts would take 2 GiB decoded; the budget is 256 MiB.
  const auto frame = groups_without_names(64 * kMiB);
  Reader in{frame};
  CHECK(MessageCodec<DescribeGroupsRequest>::decode(in, 5).error() == Errc::bad_length);
  CHECK(in.failed_field() == "Groups");
  // The same in small: 32 bytes for each byte of the frame is too much, for any frame.
  Reader small{groups_without_names(kMiB)};
  CHECK(MessageCodec<DescribeGroupsRequest>::decode(small, 5).error() == Errc::bad_length);
}

TEST_CASE("reader: real messages stay far below the memory budget", "[protocol][wire]") {
  SECTION("a small frame may be all empty texts") {
    Reader in{groups_without_names(8'000)};
    CHECK(MessageCodec<DescribeGroupsRequest>::decode(in, 5).has_value());
  }
  SECTION("metadata of 200,000 partitions with one replica each") {
    MetadataResponse response;
    response.topics.resize(2'000);
    for (auto& topic : response.topics) {
      topic.name = "t";
      topic.partitions.resize(100);
      for (auto& partition : topic.partitions) {
        partition.replica_nodes = {1};
        partition.isr_nodes = {1};
      }
    }
    CHECK(decode_body<MetadataResponse>(SharedBytes::from(encode_body(response, 12)), 12).value() ==
          response);
  }
  SECTION("creation of 100,000 topics with short names") {
    CreateTopicsRequest request;
    request.topics.resize(100'000);
    for (auto& topic : request.topics) topic.name = "abc";
    CHECK(decode_body<CreateTopicsRequest>(SharedBytes::from(encode_body(request, 7)), 7).value() ==
          request);
  }
}

TEST_CASE("reader: huge counts and lengths are errors in every message", "[protocol][wire]") {
  // Wherever a count or a length stands in a golden message, 2^31-1, -2 or 2^32-1 in its place must
  // not be believed. Not knowing where they stand, the test writes them everywhere.
  for (const auto& message : all_messages()) {
    for (const auto& sample : golden_samples(message.name)) {
      for (const auto* hex : {"7fffffff", "fffffffe", "ffffffff0f", "ffffffff07"}) {
        const auto patch = from_hex(hex);
        for (std::size_t at = 0; at + patch.size() <= sample.bytes.size(); ++at) {
          std::vector<std::byte> bytes{sample.bytes.view().begin(), sample.bytes.view().end()};
          std::copy(patch.begin(), patch.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at));
          const auto decoded = message.decode(SharedBytes::from(std::move(bytes)), sample.version);
          if (decoded && decoded->bytes_read > sample.bytes.size()) FAIL(message.name);
        }
      }
    }
  }
}
