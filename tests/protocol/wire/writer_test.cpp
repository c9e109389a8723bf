#include "protocol/wire/writer.hpp"

#include <catch2/catch.hpp>

#include "protocol/messages/fetch.hpp"

using namespace millrace;
using namespace millrace::protocol;

namespace {

SharedBytes filled(std::size_t size, char with) {
  return SharedBytes::from(std::vector<std::byte>(size, static_cast<std::byte>(with)));
}

std::string text_of(const EncodedMessage& message) {
  return std::string{as_text(message.flatten())};
}

}  // namespace

TEST_CASE("writer: short pieces are copied, long ones travel by reference", "[protocol][wire]") {
  const auto shorter = filled(kSpliceBytesMin - 1, 's');
  const auto longer = filled(kSpliceBytesMin, 'l');
  Sizer size;
  Writer out{2 + shorter.size()};
  const auto write = [&](auto& to) {
    to.raw(as_bytes("a"));
    to.piece(longer);
    to.piece(shorter);
    to.piece(longer);
    to.piece(longer);
    to.raw(as_bytes("z"));
  };
  write(size);
  write(out);
  CHECK(size.own() == 2 + shorter.size());
  const auto message = std::move(out).finish();
  CHECK(message.size() == size.total());
  std::vector<Piece> pieces;
  message.gather(pieces);
  REQUIRE(pieces.size() == 6);
  CHECK(pieces[1].bytes().data() == longer.data());
  CHECK(pieces[3].bytes().data() == longer.data());
  const std::string l(kSpliceBytesMin, 'l');
  CHECK(text_of(message) == "a" + l + std::string(kSpliceBytesMin - 1, 's') + l + l + "z");
}

TEST_CASE("writer: a message may begin and end with a referred piece", "[protocol][wire]") {
  const auto longer = filled(kSpliceBytesMin, 'l');
  Writer out{0};
  out.piece(longer);
  const auto message = std::move(out).finish();
  std::vector<Piece> pieces;
  message.gather(pieces);
  CHECK(pieces.size() == 1);
  CHECK(message.size() == kSpliceBytesMin);
}

TEST_CASE("writer: varints take as many bytes as the sizer says", "[protocol][wire]") {
  for (const std::uint32_t value :
       {0u, 127u, 128u, 16383u, 16384u, 2097151u, 2097152u, 268435455u, 268435456u, 4294967295u}) {
    Writer out{Sizer::varint_size(value)};
    out.unsigned_varint(value);
    Reader in{SharedBytes::from(std::move(out).finish().flatten())};
    CHECK(in.unsigned_varint() == value);
    CHECK(in.remaining() == 0);
  }
}

TEST_CASE("writer: the records of a fetch answer are not copied", "[protocol][wire]") {
  const auto records = filled(100'000, 'r');
  FetchResponse response;
  auto& partition = response.responses.emplace_back().partitions.emplace_back();
  partition.records.emplace().append(records);
  partition.records->append(records);
  Sizer size;
  MessageCodec<FetchResponse>::measure(size, response, 12);
  CHECK(size.own() < 100);
  Writer out{size.own()};
  MessageCodec<FetchResponse>::encode(out, response, 12);
  const auto message = std::move(out).finish();
  std::vector<Piece> pieces;
  message.gather(pieces);
  REQUIRE(pieces.size() == 4);
  CHECK(pieces[1].bytes().data() == records.data());
  CHECK(pieces[2].bytes().data() == records.data());
}
