#include "replication/replica/following.hpp"

#include <catch2/catch.hpp>

#include "replication/replica/fetch_session.hpp"

namespace millrace::replication {
namespace {

using log::EpochEnd;
using protocol::ErrorCode;

LeaderAnswer diverging(std::int32_t epoch, std::int64_t end) {
  LeaderAnswer answer;
  answer.log_start = Offset{0};
  answer.diverging = EpochEnd{LeaderEpoch{epoch}, Offset{end}};
  return answer;
}

constexpr FollowerLog kLog{.start = Offset{0}, .end = Offset{100}};

TEST_CASE("following: of an epoch that both know the shorter end holds", "[replication][replica]") {
  CHECK(next_step(kLog, diverging(5, 90), EpochEnd{LeaderEpoch{5}, Offset{100}}) ==
        FollowerStep{Truncate{Offset{90}}});
  CHECK(next_step(kLog, diverging(4, 90), EpochEnd{LeaderEpoch{4}, Offset{80}}) ==
        FollowerStep{Truncate{Offset{80}}});
}

TEST_CASE("following: an epoch that is not known here is gone back over, and asked about again",
          "[replication][replica]") {
  CHECK(next_step(kLog, diverging(4, 90), EpochEnd{LeaderEpoch{2}, Offset{70}}) ==
        FollowerStep{Truncate{Offset{70}}});
  CHECK(next_step(kLog, diverging(4, 90), std::nullopt) == FollowerStep{Truncate{Offset{90}}});
}

TEST_CASE("following: a leader that disagrees about nothing makes nobody go in circles",
          "[replication][replica]") {
  CHECK(next_step(kLog, diverging(5, 100), EpochEnd{LeaderEpoch{5}, Offset{100}}) ==
        FollowerStep{BackOff{}});
  CHECK(next_step(kLog, diverging(5, 200), std::nullopt) == FollowerStep{BackOff{}});
}

TEST_CASE("following: history that parts below the log's start leaves nothing to keep",
          "[replication][replica]") {
  const FollowerLog log{.start = Offset{50}, .end = Offset{100}};
  CHECK(next_step(log, diverging(3, 40), EpochEnd{LeaderEpoch{3}, Offset{45}}) ==
        FollowerStep{Restart{Offset{40}}});
}

TEST_CASE("following: behind the leader's start it begins anew there", "[replication][replica]") {
  LeaderAnswer answer{.error = ErrorCode::offset_out_of_range, .log_start = Offset{150}};
  CHECK(next_step(kLog, answer, std::nullopt) == FollowerStep{Restart{Offset{150}}});
  answer.log_start = Offset{50};
  CHECK(next_step(kLog, answer, std::nullopt) == FollowerStep{BackOff{}});
  const FollowerLog empty{.start = Offset{100}, .end = Offset{100}};
  CHECK(next_step(empty, answer, std::nullopt) == FollowerStep{Restart{Offset{50}}});
  answer.log_start = Offset{-1};
  CHECK(next_step(empty, answer, std::nullopt) == FollowerStep{BackOff{}});
}

TEST_CASE("following: any other error is waited out", "[replication][replica]") {
  for (const auto error : {ErrorCode::fenced_leader_epoch, ErrorCode::unknown_leader_epoch,
                           ErrorCode::not_leader_or_follower, ErrorCode::kafka_storage_error}) {
    CHECK(next_step(kLog, {.error = error}, std::nullopt) == FollowerStep{BackOff{}});
  }
  CHECK(next_step(kLog, {}, std::nullopt) == FollowerStep{Append{}});
}

TEST_CASE("following: nothing is shown that is not here, and nothing twice",
          "[replication][replica]") {
  CHECK(follower_high_watermark(Offset{5}, Offset{20}, Offset{10}) == Offset{10});
  CHECK(follower_high_watermark(Offset{5}, Offset{8}, Offset{10}) == Offset{8});
  CHECK(follower_high_watermark(Offset{5}, Offset{3}, Offset{10}) == Offset{5});
}

constexpr TopicId kTopic{{1}};

FetchWishes wishes(std::initializer_list<std::pair<int, int>> offsets) {
  FetchWishes all;
  for (const auto& [index, offset] : offsets)
    all[{kTopic, PartitionIndex{index}}] = {.leader_epoch = LeaderEpoch{1},
                                            .offset = Offset{offset}};
  return all;
}

protocol::FetchRequest asked(FollowerSession& session, const FetchWishes& all) {
  protocol::FetchRequest request;
  session.fill(request, all, 1000);
  return request;
}

protocol::FetchResponse answer(std::int32_t id, ErrorCode error = ErrorCode::none) {
  protocol::FetchResponse response;
  response.session_id = id;
  response.error_code = error;
  return response;
}

TEST_CASE("follower session: after the first request only what changed travels",
          "[replication][replica]") {
  FollowerSession session;
  auto request = asked(session, wishes({{0, 0}, {1, 0}}));
  CHECK(request.session_id == 0);
  CHECK(request.session_epoch == 0);
  REQUIRE(request.topics.size() == 1);
  CHECK(request.topics.front().partitions.size() == 2);
  REQUIRE(session.answered(answer(7)));

  request = asked(session, wishes({{0, 0}, {1, 5}, {2, 0}}));
  CHECK(request.session_id == 7);
  CHECK(request.session_epoch == 1);
  REQUIRE(request.topics.size() == 1);
  REQUIRE(request.topics.front().partitions.size() == 2);
  CHECK(request.topics.front().partitions[0].partition == 1);
  CHECK(request.topics.front().partitions[1].partition == 2);
  REQUIRE(session.answered(answer(7)));

  request = asked(session, wishes({{1, 5}}));
  CHECK(request.session_epoch == 2);
  CHECK(request.topics.empty());
  REQUIRE(request.forgotten_topics_data.size() == 1);
  CHECK(request.forgotten_topics_data.front().partitions == std::vector<std::int32_t>{0, 2});
}

TEST_CASE("follower session: one that the leader has forgotten is opened anew with everything",
          "[replication][replica]") {
  FollowerSession session;
  asked(session, wishes({{0, 0}}));
  session.answered(answer(7));
  asked(session, wishes({{0, 0}}));
  CHECK_FALSE(session.answered(answer(0, ErrorCode::fetch_session_id_not_found)));
  auto request = asked(session, wishes({{0, 0}}));
  CHECK(request.session_epoch == 0);
  CHECK(request.topics.size() == 1);
  session.answered(answer(9));
  session.lost();
  request = asked(session, wishes({{0, 0}}));
  CHECK(request.session_id == 9);  // so that the leader drops it
  CHECK(request.session_epoch == 0);
  CHECK(request.topics.size() == 1);
}

TEST_CASE("follower session: without room at the leader every request is whole",
          "[replication][replica]") {
  FollowerSession session;
  for (int i = 0; i < 2; ++i) {
    const auto request = asked(session, wishes({{0, 0}}));
    CHECK(request.session_epoch == 0);
    CHECK(request.topics.size() == 1);
    CHECK(session.answered(answer(0)));
  }
}

}  // namespace
}  // namespace millrace::replication
