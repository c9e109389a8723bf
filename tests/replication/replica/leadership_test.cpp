#include "replication/replica/leadership.hpp"

#include <catch2/catch.hpp>

#include "replication/controller/records.hpp"
#include "tests/replication/replica/stand.hpp"

namespace millrace::replication {
namespace {

TEST_CASE("leadership: nothing is committed before all in sync have it", "[replication][replica]") {
  Stand s{"123"};
  CHECK(s.fetch(2, 0, 10) == ErrorCode::none);
  CHECK(s.committed(10) == 0);  // 3 was not heard of
  s.fetch(3, 0, 10);
  CHECK(s.committed(10) == 0);
  s.fetch(2, 10, 10);
  CHECK(s.committed(10) == 0);
  s.fetch(3, 7, 10);
  CHECK(s.committed(10) == 7);
  s.fetch(3, 10, 10);
  CHECK(s.committed(10) == 10);
}

TEST_CASE("leadership: the leader counts by what is durable at home", "[replication][replica]") {
  Stand s{"123"};
  s.fetch(2, 10, 10);
  s.fetch(3, 10, 10);
  CHECK(s.committed(4) == 4);
}

TEST_CASE("leadership: who is not in sync is not waited for", "[replication][replica]") {
  Stand s{"12"};
  s.fetch(2, 10, 10);
  s.fetch(3, 0, 10);
  CHECK(s.committed(10) == 10);
}

TEST_CASE("leadership: what is committed never goes back", "[replication][replica]") {
  Stand s{"12"};
  s.fetch(2, 10, 10);
  CHECK(s.committed(10) == 10);
  s.fetch(2, 4, 10, 150);
  CHECK(s.committed(10) == 10);
}

TEST_CASE("leadership: a request that was overtaken counts nothing", "[replication][replica]") {
  Stand s{"12"};
  s.fetch(2, 10, 10);
  REQUIRE(s.committed(10) == 10);
  CHECK(s.fetch(2, 4, 10) == ErrorCode::none);
  CHECK_FALSE(s.propose(10));
  CHECK(s.committed(10) == 10);
}

TEST_CASE("leadership: nothing more is committed while too few are in sync",
          "[replication][replica]") {
  Stand s{"1"};
  CHECK_FALSE(s.leadership->enough_in_sync());
  CHECK(s.committed(10) == 0);
  s.settings.min_in_sync = 1;
  s.leadership->set(s.settings);
  CHECK(s.leadership->enough_in_sync());
  CHECK(s.committed(10) == 10);
}

TEST_CASE(
    "leadership: min.insync.replicas is two of three by default, and never more than there are",
    "[replication][replica]") {
  CHECK(Stand{"123"}.leadership->min_in_sync() == 2);
  CHECK(Stand("12", "12").leadership->min_in_sync() == 1);
  Stand s{"123"};
  s.settings.min_in_sync = 9;
  s.leadership->set(s.settings);
  CHECK(s.leadership->min_in_sync() == 3);
}

TEST_CASE("leadership: a stranger's fetch counts nothing, nor one from an earlier life",
          "[replication][replica]") {
  Stand s{"12"};
  CHECK(s.fetch(4, 10, 10) == ErrorCode::not_leader_or_follower);
  CHECK(s.fetch(2, 10, 10, 101) == ErrorCode::not_leader_or_follower);  // registered as 102
  CHECK(s.committed(10) == 0);
  CHECK(s.fetch(2, 10, 10, 102) == ErrorCode::none);
  CHECK(s.committed(10) == 10);
  CHECK(s.fetch(2, 10, 12, 150) == ErrorCode::none);  // newer than this leader has heard of
  CHECK(s.fetch(2, 12, 12, 102) == ErrorCode::not_leader_or_follower);
  CHECK(s.committed(12) == 10);
}

TEST_CASE("leadership: a member that falls behind for too long leaves the in-sync set",
          "[replication][replica]") {
  Stand s{"123"};
  s.fetch(2, 10, 10);
  s.fetch(3, 10, 10);
  s.now += 20s;
  s.fetch(2, 10, 10);
  CHECK_FALSE(s.propose(10));
  s.now += 11s;
  CHECK_FALSE(s.propose(10));  // 3 has all there is, however long ago it asked
  CHECK(s.propose(11) == "12");
  CHECK(s.committed(11) == 10);  // until the controller has agreed 3 counts
  s.answer("12");
  s.fetch(2, 11, 11);
  CHECK(s.committed(11) == 11);
}

TEST_CASE("leadership: a follower that is always one fetch behind is caught up",
          "[replication][replica]") {
  Stand s{"12"};
  std::int64_t end = 10;
  for (int i = 0; i < 10; ++i) {
    s.fetch(2, end - 10, end);
    s.now += 10s;
    end += 10;
    CHECK_FALSE(s.propose(end));
  }
}

TEST_CASE("leadership: one that makes progress and never reaches the end does fall behind",
          "[replication][replica]") {
  Stand s{"12"};
  s.fetch(2, 0, 100);
  for (int i = 1; i <= 3; ++i) {
    s.now += 10s;
    s.fetch(2, i, 100 * (i + 1));
  }
  s.now += 1s;
  CHECK(s.propose(500) == "1");
}

TEST_CASE("leadership: a member that asks for what is committed has lost it, and leaves at once",
          "[replication][replica]") {
  Stand s{"123"};
  for (const int id : {2, 3}) s.fetch(id, 10, 10);
  REQUIRE(s.committed(10) == 10);
  s.fetch(3, 6, 10, 150);  // it was started anew
  CHECK(s.propose(10) == "12");
}

TEST_CASE(
    "leadership: one that has reached the high watermark is proposed, and counts from then on",
    "[replication][replica]") {
  Stand s{"12"};
  s.fetch(2, 10, 10);
  REQUIRE(s.committed(10) == 10);
  s.fetch(3, 9, 10);
  CHECK_FALSE(s.propose(10));
  s.fetch(3, 10, 10);
  CHECK(s.propose(10) == "123");
  // The controller may have agreed already: what is committed now must be on 3, too.
  s.fetch(2, 12, 12);
  CHECK(s.committed(12) == 10);
  CHECK_FALSE(s.propose(12));  // one at a time
  s.answer("123");
  CHECK(s.committed(12) == 10);
  s.fetch(3, 12, 12);
  CHECK(s.committed(12) == 12);
}

TEST_CASE("leadership: one that never had all there was does not join, or it would leave at once",
          "[replication][replica]") {
  Stand s{"12"};
  s.fetch(2, 10, 10);
  REQUIRE(s.committed(10) == 10);
  s.fetch(2, 20, 20);
  s.fetch(3, 15, 20);
  CHECK_FALSE(s.propose(20));
  s.fetch(3, 20, 30);  // by now it has what there was when it last asked
  CHECK(s.propose(30) == "123");
  s.answer("123");
  CHECK_FALSE(s.propose(30));
}

TEST_CASE("leadership: while one is about to join, the high watermark waits for it",
          "[replication][replica]") {
  Stand s{"12"};
  s.fetch(2, 10, 10);
  s.fetch(3, 10, 10);
  REQUIRE(s.committed(10) == 10);
  s.fetch(2, 20, 20);
  CHECK(s.committed(20) == 10);
  s.fence(3);
  CHECK(s.committed(20) == 20);  // it will not join
}

TEST_CASE("leadership: only one that reached the beginning of this leadership may join",
          "[replication][replica]") {
  Stand s{"12", "123", 10};
  REQUIRE(s.committed(10) == 0);
  s.fetch(3, 8, 10);
  CHECK_FALSE(s.propose(10));  // above the high watermark, but it may have another history
  s.fetch(3, 10, 10);
  CHECK(s.propose(10) == "123");
}

TEST_CASE("leadership: one that is fenced, leaving, or of an unknown life is not proposed",
          "[replication][replica]") {
  Stand s{"12"};
  s.fetch(2, 0, 0);
  s.fence(3);
  s.fetch(3, 0, 0);
  CHECK_FALSE(s.propose(0));
  Stand t{"12"};
  t.fetch(3, 0, 0, 200);  // it has registered anew; this leader has not heard of it
  CHECK_FALSE(t.propose(0));
}

TEST_CASE("leadership: a proposal that nobody answered is made again, unchanged",
          "[replication][replica]") {
  Stand s{"12"};
  s.fetch(2, 0, 0);
  s.fetch(3, 0, 0);
  REQUIRE(s.propose(0) == "123");
  s.refuse(ErrorCode::request_timed_out);
  s.fence(3);
  CHECK_FALSE(s.propose(0));
  s.now += Leadership::kPause;
  CHECK(s.propose(0) == "123");
  s.fetch(2, 5, 5);
  CHECK(s.committed(5) == 0);  // perhaps 3 is in sync already
  s.refuse(ErrorCode::ineligible_replica);
  CHECK(s.committed(5) == 5);  // it is certain that it is not
}

TEST_CASE("leadership: a refusal that speaks of a newer state waits for that",
          "[replication][replica]") {
  Stand s{"12"};
  s.fetch(2, 0, 0);
  s.fetch(3, 0, 0);
  REQUIRE(s.propose(0) == "123");
  s.refuse(ErrorCode::invalid_update_version);
  s.fetch(2, 5, 5);
  CHECK(s.committed(5) == 0);  // perhaps it was granted before
  CHECK_FALSE(s.propose(5));
  s.adopt("12");
  CHECK(s.committed(5) == 5 - 5);  // 3 is caught up and about to join
  s.now += 31s;
  s.fetch(2, 5, 5);
  CHECK(s.committed(5) == 5);
}

TEST_CASE("leadership: an answer to what an image has overtaken changes nothing",
          "[replication][replica]") {
  Stand s{"12"};
  s.fetch(2, 0, 0);
  s.fetch(3, 0, 0);
  REQUIRE(s.propose(0) == "123");
  const auto old = *s.asked;
  s.adopt("12");
  REQUIRE(s.propose(0) == "123");
  s.leadership->answered(old.partition_epoch, ErrorCode::ineligible_replica, {}, s.now);
  s.fetch(2, 5, 5);
  CHECK(s.committed(5) == 0);  // the second proposal is still under way
}

TEST_CASE("leadership: an older image changes nothing", "[replication][replica]") {
  Stand s{"12"};
  const auto before = s.partition;
  s.adopt("123");
  s.leadership->adopt(before, s.now);
  CHECK(s.leadership->in_sync().size() == 3);
}

TEST_CASE("leadership: a log that was taken over without being safe is settled first",
          "[replication][replica]") {
  Stand s{"1", "123", 10, true};
  CHECK(s.propose(10) == "1");
  CHECK_FALSE(s.asked->recovering);
  s.answer("1");
  s.fetch(2, 10, 10);
  CHECK(s.propose(10) == "12");
}

TEST_CASE("leadership: a consumer is sent to the replica in its rack that is furthest",
          "[replication][replica]") {
  Stand s{"123"};
  s.fetch(2, 8, 10);
  s.fetch(3, 10, 10);
  CHECK(s.leadership->nearest("b", "a", Offset{5}) == BrokerId{3});
  CHECK(s.leadership->nearest("b", "b", Offset{5}) == std::nullopt);  // the leader is as near
  CHECK(s.leadership->nearest("c", "a", Offset{5}) == std::nullopt);
  CHECK(s.leadership->nearest("", std::nullopt, Offset{5}) == std::nullopt);
  CHECK(s.leadership->nearest("b", "a", Offset{11}) == std::nullopt);  // nobody has it
  s.fence(3);
  CHECK(s.leadership->nearest("b", "a", Offset{5}) == BrokerId{2});
}

}  // namespace
}  // namespace millrace::replication
