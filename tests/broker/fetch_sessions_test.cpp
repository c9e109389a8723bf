#include "broker/fetch/sessions.hpp"

#include <catch2/catch.hpp>

namespace millrace::broker {
namespace {

using protocol::ErrorCode;
using protocol::FetchRequest;
using namespace std::chrono_literals;

constexpr std::int16_t kByName = 11;
constexpr std::int16_t kById = 13;
const Instant kStart{1h};

FetchRequest request(std::int32_t session, std::int32_t epoch,
                     std::vector<std::pair<std::int32_t, std::int64_t>> partitions) {
  FetchRequest fetch;
  fetch.session_id = session;
  fetch.session_epoch = epoch;
  if (partitions.empty()) return fetch;
  auto& topic = fetch.topics.emplace_back();
  topic.topic = "orders";
  for (const auto& [index, offset] : partitions) {
    auto& partition = topic.partitions.emplace_back();
    partition.partition = index;
    partition.fetch_offset = offset;
  }
  return fetch;
}

std::vector<std::int64_t> offsets(const FetchSession& session) {
  std::vector<std::int64_t> found;
  for (const auto& item : session.items) found.push_back(item.offset.value);
  return found;
}

TEST_CASE("fetch sessions: epoch 0 opens one, later requests name only changes",
          "[broker][fetch]") {
  FetchSessions sessions{10, 3};
  const auto opened = sessions.begin(request(0, 0, {{0, 5}, {1, 6}}), kByName, kStart, 0xabcdef);
  REQUIRE(opened.error == ErrorCode::none);
  REQUIRE(opened.session_id != 0);
  REQUIRE_FALSE(opened.incremental);
  REQUIRE(offsets(*opened.session) == std::vector<std::int64_t>{5, 6});

  const auto next = sessions.begin(request(opened.session_id, 1, {{1, 9}}), kByName, kStart, 0);
  REQUIRE(next.incremental);
  REQUIRE(offsets(*next.session) == std::vector<std::int64_t>{5, 9});

  auto forget = request(opened.session_id, 2, {{7, 1}});
  auto& forgotten = forget.forgotten_topics_data.emplace_back();
  forgotten.topic = "orders";
  forgotten.partitions = {0};
  const auto changed = sessions.begin(forget, kByName, kStart, 0);
  REQUIRE(offsets(*changed.session) == std::vector<std::int64_t>{9, 1});
}

TEST_CASE("fetch sessions: unknown ids, wrong epochs and mixed addressing are refused",
          "[broker][fetch]") {
  FetchSessions sessions{10, 0};
  const auto opened = sessions.begin(request(0, 0, {{0, 0}}), kByName, kStart, 77 << 8);
  const std::int32_t id = opened.session_id;
  CHECK(sessions.begin(request(id + 256, 1, {}), kByName, kStart, 0).error ==
        ErrorCode::fetch_session_id_not_found);
  CHECK(sessions.begin(request(id, 2, {}), kByName, kStart, 0).error ==
        ErrorCode::invalid_fetch_session_epoch);
  CHECK(sessions.begin(request(id, 1, {}), kById, kStart, 0).error ==
        ErrorCode::fetch_session_topic_id_error);
  opened.session->busy = true;
  CHECK(sessions.begin(request(id, 1, {}), kByName, kStart, 0).error ==
        ErrorCode::invalid_fetch_session_epoch);
  opened.session->busy = false;
  CHECK(sessions.begin(request(id, 1, {}), kByName, kStart, 0).error == ErrorCode::none);
}

TEST_CASE("fetch sessions: epoch -1 reads everything once and closes the session",
          "[broker][fetch]") {
  FetchSessions sessions{10, 0};
  const auto opened = sessions.begin(request(0, 0, {{0, 0}}), kByName, kStart, 5 << 8);
  const auto last = sessions.begin(request(opened.session_id, -1, {{0, 3}}), kByName, kStart, 0);
  CHECK(last.session == nullptr);
  CHECK(last.session_id == 0);
  CHECK(last.items.size() == 1);
  CHECK(sessions.size() == 0);
}

TEST_CASE("fetch sessions: a full cache gives way to idle or larger sessions only",
          "[broker][fetch]") {
  FetchSessions sessions{1, 0};
  const auto first = sessions.begin(request(0, 0, {{0, 0}, {1, 0}}), kByName, kStart, 1 << 8);
  REQUIRE(first.session_id != 0);
  const auto smaller = sessions.begin(request(0, 0, {{0, 0}}), kByName, kStart + 1s, 2 << 8);
  CHECK(smaller.session_id == 0);
  CHECK(smaller.items.size() == 1);  // served, without a session
  const auto late = sessions.begin(request(0, 0, {{0, 0}}), kByName, kStart + 121s, 3 << 8);
  CHECK(late.session_id != 0);
  CHECK(sessions.begin(request(first.session_id, 1, {}), kByName, kStart, 0).error ==
        ErrorCode::fetch_session_id_not_found);
}

TEST_CASE("fetch sessions: only records, errors and moved marks are news", "[broker][fetch]") {
  FetchItem item;
  protocol::FetchResponse::FetchableTopicResponse::PartitionData answer;
  answer.high_watermark = 10;
  answer.log_start_offset = 0;
  CHECK(is_news(item, answer));
  CHECK_FALSE(is_news(item, answer));
  answer.high_watermark = 11;
  CHECK(is_news(item, answer));
  CHECK_FALSE(is_news(item, answer));
  answer.records = BytesChain{SharedBytes::copy_of(as_bytes("x"))};
  CHECK(is_news(item, answer));
  answer.records.reset();
  answer.error_code = ErrorCode::not_leader_or_follower;
  CHECK(is_news(item, answer));
  answer.error_code = ErrorCode::none;
  CHECK(is_news(item, answer));
}

TEST_CASE("fetch sessions: a follower that does not know the high watermark is told it again",
          "[broker][fetch]") {
  FetchItem item;
  item.known_high_watermark = Offset{5};
  protocol::FetchResponse::FetchableTopicResponse::PartitionData answer;
  answer.high_watermark = 9;
  CHECK(is_news(item, answer));
  CHECK(is_news(item, answer));  // it could not use the first answer
  item.known_high_watermark = Offset{9};
  CHECK_FALSE(is_news(item, answer));
}

}  // namespace
}  // namespace millrace::broker
