#include "broker/group/consumer/topic_regex.hpp"

#include <catch2/catch.hpp>

namespace millrace::broker {
namespace {

TEST_CASE("topic regex: it must match the whole name", "[group]") {
  const TopicRegex regex{"orders-[0-9]+"};
  REQUIRE(regex.ok());
  CHECK(regex.problem().empty());
  CHECK(regex.matches("orders-17"));
  CHECK_FALSE(regex.matches("orders-17-old"));
}

TEST_CASE("topic regex: what is none, or would take long for each letter, is refused", "[group]") {
  CHECK_FALSE(TopicRegex{"a("}.ok());
  CHECK_FALSE(TopicRegex{"a("}.problem().empty());
  const TopicRegex slow{"([!-~]?[!-~]?[!-~]?[!-~]?[!-~]?[!-~]?){1000}"};
  CHECK_FALSE(slow.ok());
  CHECK(slow.problem().find("too large") != std::string::npos);
}

}  // namespace
}  // namespace millrace::broker
