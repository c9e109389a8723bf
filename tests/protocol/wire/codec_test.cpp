#include <catch2/catch.hpp>

#include "protocol/wire/generator.hpp"
#include "tests/protocol/messages/any_message.hpp"
#include "tests/protocol/messages/golden.hpp"
#include "tests/protocol/wire/sample_message.hpp"

using namespace millrace;
using namespace millrace::protocol;
using namespace millrace::protocol::testing;

namespace {

Result<Sample> decode(std::string_view hex, std::int16_t version) {
  std::string packed;
  for (const char c : hex) {
    if (c != ' ') packed += c;
  }
  return decode_body<Sample>(SharedBytes::from(from_hex(packed)), version);
}

std::string encode(const Sample& sample, std::int16_t version) {
  std::string hex;
  for (const std::byte byte : encode_body(sample, version)) {
    hex += "0123456789abcdef"[std::to_integer<unsigned>(byte) >> 4];
    hex += "0123456789abcdef"[std::to_integer<unsigned>(byte) & 0xf];
  }
  return hex;
}

const std::string kHalf = "3fe0000000000000";  // 0.5
const std::string kFront2 = "00" + kHalf;      // Flag, Ratio

}  // namespace

TEST_CASE("codec: a struct that may not be null in a version has no marker there",
          "[protocol][wire]") {
  Sample sample;
  sample.inner = Sample::Inner{.number = 5, .text = "a"};
  CHECK(encode(sample, 0) == "00" + kHalf +
                                 "0007"
                                 "64656661756c74"
                                 "00000005"
                                 "000161"
                                 "00000000"
                                 "ffffffff");
  CHECK(encode(sample, 1) == "00" + kHalf +
                                 "0007"
                                 "64656661756c74"
                                 "01"
                                 "00000005"
                                 "000161"
                                 "00000000"
                                 "ffffffff"
                                 "00000007"
                                 "ffffffff");
  CHECK(decode(encode(sample, 0), 0).value() == sample);
  CHECK(decode(encode(sample, 1), 1).value() == sample);
  sample.inner.reset();
  CHECK(encode(sample, 1) == "00" + kHalf +
                                 "0007"
                                 "64656661756c74"
                                 "ff"
                                 "00000000"
                                 "ffffffff"
                                 "00000007"
                                 "ffffffff");
  CHECK(decode(encode(sample, 1), 1).value() == sample);
}

TEST_CASE("codec: any negative marker is a null struct and any other a present one",
          "[protocol][wire]") {
  const std::string back =
      "00000000"
      "ffffffff"
      "00000007"
      "ffffffff";
  CHECK_FALSE(decode(kFront2 +
                         "ffff"
                         "80" +
                         back,
                     1)
                  .value()
                  .inner);
  CHECK(decode(kFront2 +
                   "ffff"
                   "7f"
                   "00000001"
                   "0000" +
                   back,
               1)
            .value()
            .inner);
}

TEST_CASE("codec: a null where none may be is an error that names the field", "[protocol][wire]") {
  Reader in{SharedBytes::from(from_hex("00" + kHalf + "ffff"))};
  CHECK(MessageCodec<Sample>::decode(in, 0).error() == Errc::null_not_allowed);
  CHECK(in.failed_field() == "Text");
  // an element of an array is never null: list of one, its text null
  CHECK(decode(kFront2 + "ffff"
                         "ff"
                         "00000001"
                         "00000009"
                         "ffff",
               1)
            .error() == Errc::null_not_allowed);
}

TEST_CASE("codec: a field that is absent has its default", "[protocol][wire]") {
  const auto old = decode(kFront2 +
                              "0000"
                              "00000001"
                              "0000"
                              "ffffffff"
                              "00000002"
                              "beef",
                          0);
  REQUIRE(old.has_value());
  CHECK(old->added == 7);
  CHECK(old->hint == -1);
  CHECK(old->text == "");
  CHECK_FALSE(old->list);
  CHECK(old->data->size() == 2);
}

TEST_CASE("codec: a field may stand in line in one version and be tagged in the next",
          "[protocol][wire]") {
  Sample sample;
  sample.moved = {3};
  CHECK(encode(sample, 2) == kFront2 +
                                 "08"
                                 "64656661756c74"
                                 "ff"
                                 "01"
                                 "00"
                                 "00000007"
                                 "ffffffff"
                                 "02"
                                 "00000003"
                                 "00");
  CHECK(encode(sample, 3) == kFront2 +
                                 "08"
                                 "64656661756c74"
                                 "ff"
                                 "01"
                                 "00"
                                 "00000007"
                                 "ffffffff"
                                 "01"
                                 "00"
                                 "05"
                                 "02"
                                 "00000003");
  CHECK(decode(encode(sample, 2), 2).value() == sample);
  CHECK(decode(encode(sample, 3), 3).value() == sample);
  // Tag 0 says nothing in version 2.
  sample.moved.clear();
  CHECK(decode(kFront2 + "08"
                         "64656661756c74"
                         "ff"
                         "01"
                         "00"
                         "00000007"
                         "ffffffff"
                         "01"
                         "01"
                         "00"
                         "03"
                         "aabbcc",
               2)
            .value() == sample);
}

TEST_CASE("codec: a struct in a tag has a varint as its marker", "[protocol][wire]") {
  Sample sample;
  sample.tagged_inner = Sample::Inner{.number = 1, .text = ""};
  const std::string front = kFront2 +
                            "08"
                            "64656661756c74"
                            "ff"
                            "01"
                            "00"
                            "00000007"
                            "ffffffff";
  CHECK(encode(sample, 3) == front +
                                 "01"
                                 "01"
                                 "07"
                                 "01"
                                 "00000001"
                                 "01"
                                 "00");
  CHECK(decode(encode(sample, 3), 3).value() == sample);
  CHECK_FALSE(decode(front + "01"
                             "01"
                             "01"
                             "00",
                     3)
                  .value()
                  .tagged_inner);
}

TEST_CASE("codec: a tagged section must be well formed", "[protocol][wire]") {
  const std::string front = kFront2 +
                            "08"
                            "64656661756c74"
                            "ff"
                            "01"
                            "00"
                            "00000007"
                            "ffffffff";
  REQUIRE(decode(front + "00", 3).has_value());
  SECTION("tags ascend and none comes twice") {
    CHECK(decode(front + "02"
                         "01"
                         "01"
                         "00"
                         "00"
                         "01"
                         "01",
                 3)
              .error() == Errc::bad_tag_order);
    CHECK(decode(front + "02"
                         "00"
                         "01"
                         "01"
                         "00"
                         "01"
                         "01",
                 3)
              .error() == Errc::bad_tag_order);
    CHECK(decode(front + "02"
                         "63"
                         "00"
                         "63"
                         "00",
                 3)
              .error() == Errc::bad_tag_order);
  }
  SECTION("a known field uses its payload up") {
    CHECK(decode(front + "01"
                         "00"
                         "02"
                         "01"
                         "00",
                 3)
              .error() == Errc::trailing_bytes);
  }
  SECTION("a known field cannot read past its payload") {
    CHECK(decode(front + "02"
                         "00"
                         "03"
                         "020000"
                         "63"
                         "02"
                         "0003",
                 3)
              .error() == Errc::truncated);
  }
  SECTION("a payload cannot reach past the message") {
    CHECK(decode(front + "01"
                         "63"
                         "05"
                         "01",
                 3)
              .error() == Errc::truncated);
    CHECK(decode(front + "01"
                         "63"
                         "ffffffff0f"
                         "01",
                 3)
              .error() == Errc::truncated);
  }
  SECTION("a count that is too large ends with the bytes") {
    CHECK(decode(front + "ffffffff0f"
                         "63"
                         "00",
                 3)
              .error() == Errc::truncated);
  }
  SECTION("an unknown tag is skipped, even an empty one") {
    CHECK(decode(front + "02"
                         "63"
                         "00"
                         "64"
                         "03"
                         "aabbcc",
                 3)
              .has_value());
  }
}

TEST_CASE("codec: any byte but 0 is true", "[protocol][wire]") {
  CHECK(decode("02" + kHalf +
                   "0000"
                   "00000001"
                   "0000"
                   "ffffffff"
                   "ffffffff",
               0)
            .value()
            .flag);
}

TEST_CASE("codec: check_version names the first field that a version cannot carry",
          "[protocol][wire]") {
  const auto culprit = [](const Sample& sample, std::int16_t version) {
    return MessageCodec<Sample>::check_version(sample, version);
  };
  Sample sample;
  sample.inner = Sample::Inner{};
  CHECK(culprit(sample, 0).empty());
  SECTION("a value that is not the default where there is no field") {
    sample.added = 8;
    CHECK(culprit(sample, 0) == "Added");
    CHECK(culprit(sample, 1).empty());
  }
  SECTION("but not one that may be dropped") {
    sample.hint = 8;
    CHECK(culprit(sample, 0).empty());
  }
  SECTION("a null where none may be") {
    sample.inner.reset();
    CHECK(culprit(sample, 0) == "Inner");
    sample.text.reset();
    CHECK(culprit(sample, 0) == "Text");
    CHECK(culprit(sample, 1).empty());
  }
  SECTION("a text that is too long, however deep") {
    sample.list = std::vector<Sample::Inner>(2);
    sample.list->back().text.assign(kStringBytesMax + 1, 'x');
    CHECK(culprit(sample, 3) == "Text");
    sample.list->back().text.pop_back();
    CHECK(culprit(sample, 3).empty());
  }
}

TEST_CASE("codec: a text that is too long is cut between two characters", "[protocol][wire]") {
  Sample sample;
  sample.inner = Sample::Inner{};
  sample.text = std::string(kStringBytesMax - 1, 'x') + "é";
  for (const auto version : {std::int16_t{0}, std::int16_t{3}}) {
    const auto decoded =
        decode_body<Sample>(SharedBytes::from(encode_body(sample, version)), version);
    REQUIRE(decoded.has_value());
    CHECK(decoded->text == std::string(kStringBytesMax - 1, 'x'));
  }
}

TEST_CASE("codec: random samples survive encode and decode", "[protocol][wire]") {
  for (std::int16_t version = 0; version <= Sample::kVersions.last; ++version) {
    for (std::uint64_t seed = 0; seed < 500; ++seed) {
      SeededRng rng{seed};
      const auto sample = generate<Sample>(rng, version);
      CAPTURE(version, seed);
      REQUIRE(
          decode_body<Sample>(SharedBytes::from(encode_body(sample, version)), version).value() ==
          sample);
    }
  }
}

TEST_CASE("codec: byte fields share the memory of the frame", "[protocol][wire]") {
  const auto frame = SharedBytes::from(from_hex(kFront2 + "0000"
                                                          "000000010000"
                                                          "ffffffff"
                                                          "00000002"
                                                          "beef"));
  const auto sample = decode_body<Sample>(frame, 0);
  REQUIRE(sample.has_value());
  CHECK(sample->data->data() == frame.data() + frame.size() - 2);
}
