#include "protocol/wire/frame.hpp"

#include <catch2/catch.hpp>

#include "protocol/messages/api_versions.hpp"
#include "protocol/messages/heartbeat.hpp"
#include "protocol/messages/list_groups.hpp"
#include "tests/protocol/messages/golden.hpp"

using namespace millrace;
using namespace millrace::protocol;
using namespace millrace::protocol::testing;

namespace {

Reader reader_of(std::string_view hex) {
  return Reader{SharedBytes::from(from_hex(hex))};
}

SharedBytes flat(const EncodedMessage& message) {
  return SharedBytes::from(message.flatten());
}

}  // namespace

TEST_CASE("frame: a request header has a tagged section in flexible versions only",
          "[protocol][wire]") {
  Reader old = reader_of(
      "0010"
      "0000"
      "00000007"
      "0003"
      "617070");
  const auto first = decode_request_header(old);
  REQUIRE(first.has_value());
  CHECK(first->api_key == ApiKey::list_groups);
  CHECK(first->api_version == 0);
  CHECK(first->correlation_id == CorrelationId{7});
  CHECK(first->client_id == "app");
  CHECK(old.remaining() == 0);

  Reader flexible = reader_of(
      "0010"
      "0003"
      "00000007"
      "ffff"
      "01"
      "63"
      "01"
      "aa"
      "00");
  const auto second = decode_request_header(flexible);
  REQUIRE(second.has_value());
  CHECK_FALSE(second->client_id);
  CHECK(flexible.remaining() == 1);
}

TEST_CASE("frame: of a key that is not ours only the fixed part is read", "[protocol][wire]") {
  Reader in = reader_of(
      "7fff"
      "0001"
      "00000009"
      "ffff");
  const auto header = decode_request_header(in);
  REQUIRE(header.has_value());
  CHECK(header->api_key == static_cast<ApiKey>(0x7fff));
  CHECK(header->correlation_id == CorrelationId{9});
  CHECK(in.remaining() == 2);
}

TEST_CASE("frame: an ApiVersions request that is too new has the newest header",
          "[protocol][wire]") {
  Reader in = reader_of(
      "0012"
      "0063"
      "00000009"
      "0001"
      "61"
      "00");
  CHECK(decode_request_header(in).value().client_id == "a");
  CHECK(in.remaining() == 0);
}

TEST_CASE("frame: a header that is cut off is an error", "[protocol][wire]") {
  const auto whole = from_hex(
      "0010"
      "0003"
      "00000007"
      "0003"
      "617070"
      "00");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    Reader in{SharedBytes::copy_of(Bytes{whole}.first(size))};
    CHECK(decode_request_header(in).error() == Errc::truncated);
  }
}

TEST_CASE("frame: a whole request is its size, its header and its body", "[protocol][wire]") {
  const HeartbeatRequest request{
      .group_id = "g", .generation_id = 3, .member_id = "m", .group_instance_id = {}};
  const RequestHeader header{.api_key = ApiKey::produce,  // overruled by the message
                             .api_version = 4,
                             .correlation_id = CorrelationId{5},
                             .client_id = "c"};
  CHECK(flat(encode_request(header, request)) == SharedBytes::from(from_hex("00000016"
                                                                            "000c"
                                                                            "0004"
                                                                            "00000005"
                                                                            "0001"
                                                                            "63"
                                                                            "00"
                                                                            "0267"
                                                                            "00000003"
                                                                            "026d"
                                                                            "00"
                                                                            "00")));
}

TEST_CASE("frame: a whole response is its size, its header and its body", "[protocol][wire]") {
  const HeartbeatResponse response{.throttle_time_ms = 1, .error_code = ErrorCode::none};
  CHECK(flat(encode_response(CorrelationId{5}, 3, response)) ==
        SharedBytes::from(from_hex("0000000a"
                                   "00000005"
                                   "00000001"
                                   "0000")));
  CHECK(flat(encode_response(CorrelationId{5}, 4, response)) ==
        SharedBytes::from(from_hex("0000000c"
                                   "00000005"
                                   "00"
                                   "00000001"
                                   "0000"
                                   "00")));
  Reader in = reader_of(
      "00000005"
      "01"
      "63"
      "00"
      "00000001"
      "0000"
      "00");
  CHECK(decode_response_header(in, ApiKey::heartbeat, 4).value() == CorrelationId{5});
  CHECK(MessageCodec<HeartbeatResponse>::decode(in, 4).value() == response);
}

TEST_CASE("frame: the answer to ApiVersions never has a tagged section in its header",
          "[protocol][wire]") {
  CHECK(flat(encode_response(CorrelationId{5}, 3, ApiVersionsResponse{})) ==
        SharedBytes::from(from_hex("0000000c"
                                   "00000005"
                                   "0000"
                                   "01"
                                   "00000000"
                                   "00")));
  Reader in = reader_of(
      "00000005"
      "0000"
      "01"
      "00000000"
      "00");
  CHECK(decode_response_header(in, ApiKey::api_versions, 3).value() == CorrelationId{5});
  CHECK(in.remaining() == 8);
}
