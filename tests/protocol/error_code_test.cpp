#include "protocol/error_code.hpp"

#include <catch2/catch.hpp>
#include <set>
#include <sstream>

#include "protocol/base/result.hpp"
#include "protocol/errc.hpp"

namespace millrace::protocol {
namespace {

TEST_CASE("error code: names and numbers are Kafka's", "[protocol][errors]") {
  CHECK(static_cast<int>(ErrorCode::unknown_server_error) == -1);
  CHECK(static_cast<int>(ErrorCode::not_leader_or_follower) == 6);
  CHECK(static_cast<int>(ErrorCode::invalid_record) == 87);
  CHECK(static_cast<int>(ErrorCode::transaction_abortable) == 120);
  CHECK(static_cast<int>(ErrorCode::controller_id_not_registered) == 136);
  CHECK(to_string(ErrorCode::not_leader_or_follower) == "NOT_LEADER_OR_FOLLOWER");
  CHECK(to_string(ErrorCode::none) == "NONE");
}

TEST_CASE("error code: what may succeed later is retriable and nothing else",
          "[protocol][errors]") {
  CHECK(is_retriable(ErrorCode::corrupt_message));
  CHECK(is_retriable(ErrorCode::not_enough_replicas));
  CHECK(is_retriable(ErrorCode::unknown_topic_id));
  CHECK_FALSE(is_retriable(ErrorCode::none));
  CHECK_FALSE(is_retriable(ErrorCode::invalid_record));
  CHECK_FALSE(is_retriable(ErrorCode::message_too_large));
}

TEST_CASE("error code: one from a newer peer prints as its number", "[protocol][errors]") {
  for (const int value : {-32768, -2, 137, 32767}) {
    const auto code = static_cast<ErrorCode>(value);
    CHECK(to_string(code) == "UNKNOWN");
    CHECK_FALSE(is_retriable(code));
    CHECK_FALSE(describe(code).empty());
    std::ostringstream out;
    out << code;
    CHECK(out.str() == "UNKNOWN (" + std::to_string(value) + ")");
  }
}

TEST_CASE("error code: every code has a description of its own", "[protocol][errors]") {
  std::set<std::string_view> seen;
  for (int value = -1; value <= 136; ++value) {
    const auto text = describe(static_cast<ErrorCode>(value));
    CAPTURE(value);
    CHECK_FALSE(text.empty());
    CHECK(seen.insert(text).second);
  }
}

TEST_CASE("errc: an enumerator converts to a failed result that says why", "[protocol][errors]") {
  const Result<int> result = Errc::truncated;
  REQUIRE_FALSE(result);
  CHECK(result.error() == Errc::truncated);
  CHECK(result.error() != Errc::bad_length);
  CHECK(result.error().message() == "the bytes end before the value does");
  CHECK(std::string_view{result.error().category().name()} == "millrace.protocol");
}

TEST_CASE("errc: every enumerator has a name and a sentence", "[protocol][errors]") {
  std::set<std::string_view> names;
  for (int value = 1; value <= static_cast<int>(Errc::end_of_stream); ++value) {
    CAPTURE(value);
    CHECK(to_string(static_cast<Errc>(value)) != "unknown");
    CHECK(names.insert(to_string(static_cast<Errc>(value))).second);
  }
}

}  // namespace
}  // namespace millrace::protocol
