#include "broker/handlers/handlers.hpp"

#include <catch2/catch.hpp>

namespace millrace::broker {
namespace {

using protocol::ApiKey;

TEST_CASE("handlers: every version that is announced has messages", "[broker][handlers]") {
  protocol::for_each_api(
      []<class Request, class Response>(protocol::ApiMessages<Request, Response>) {
        INFO(to_string(Request::kApiKey));
        const Handler* const handler = find_handler(Request::kApiKey);
        REQUIRE(handler != nullptr);
        CHECK(handler->versions == Request::kVersions);
      });
}

TEST_CASE("handlers: the minimums that older clients look for are announced",
          "[broker][handlers]") {
  // librdkafka up to 2.11.0 turns features on only when the range contains these very versions.
  const auto serves = [](ApiKey key, std::int16_t version) {
    const Handler* const handler = find_handler(key);
    return handler != nullptr && handler->serves(version);
  };
  CHECK(serves(ApiKey::produce, 0));
  CHECK(serves(ApiKey::produce, 7));
  CHECK(serves(ApiKey::fetch, 4));
  CHECK(serves(ApiKey::fetch, 10));
  CHECK(serves(ApiKey::list_offsets, 1));
  CHECK(serves(ApiKey::metadata, 0));
  CHECK(serves(ApiKey::offset_commit, 2));
  CHECK(serves(ApiKey::offset_fetch, 1));
  for (const ApiKey key : {ApiKey::find_coordinator, ApiKey::join_group, ApiKey::sync_group,
                           ApiKey::heartbeat, ApiKey::leave_group, ApiKey::describe_groups,
                           ApiKey::list_groups, ApiKey::api_versions, ApiKey::init_producer_id}) {
    INFO(key);
    CHECK(serves(key, 0));
  }
}

TEST_CASE("handlers: what is not served is not found", "[broker][handlers]") {
  CHECK(find_handler(ApiKey::create_acls) == nullptr);
  CHECK(find_handler(static_cast<ApiKey>(-1)) == nullptr);
  CHECK(find_handler(static_cast<ApiKey>(30'000)) == nullptr);
}

}  // namespace
}  // namespace millrace::broker
