#include "tests/broker/replica/stand.hpp"

namespace millrace::broker {
namespace {

TEST_CASE("replicas: a record is committed when all in sync have it on their disks",
          "[broker][replica]") {
  ReplicaStand s{3};
  s.create({1, 2, 3});
  const auto sent = s.send(1, "one");
  REQUIRE(sent->error == ErrorCode::none);
  s.settle(0ns);
  CHECK_FALSE(sent->told);
  REQUIRE(s.acknowledged(sent));
  for (const int id : {1, 2, 3}) {
    CHECK(s.replica(id)->log().synced_end() == Offset{1});
    CHECK(s.log(id) == s.log(1));
  }
  // Followers hear of it at once, so that who reads from them does not lag.
  CHECK(s.until([&] { return s.committed(2) == 1 && s.committed(3) == 1; }, 100ms));
}

TEST_CASE("replicas: many records arrive in order, and byte for byte", "[broker][replica]") {
  ReplicaStand s{3};
  s.create({1, 2, 3});
  ReplicaStand::SentPtr last;
  for (int i = 0; i < 200; ++i) {
    last = s.send(1, fmt::format("record {}", i));
    if (i % 7 == 0) s.settle(3ms);
  }
  REQUIRE(s.acknowledged(last));
  CHECK(s.log(2) == s.log(1));
  CHECK(s.log(3) == s.log(1));
}

TEST_CASE("replicas: what was acknowledged is there after the leader's death",
          "[broker][replica]") {
  ReplicaStand s{3};
  s.create({1, 2, 3});
  REQUIRE(s.acknowledged(s.send(1, "kept")));
  s.cut_power(1);
  s.elect(2, {2, 3});
  CHECK(s.until([&] { return s.replica(2)->leads(); }));
  const auto sent = s.send(2, "more");
  REQUIRE(sent->error == ErrorCode::none);
  REQUIRE(s.acknowledged(sent));
  CHECK(s.end_of(2) == 2);
  CHECK(s.log(3) == s.log(2));
  s.start(1);
  CHECK(s.until([&] { return s.replica(1) && s.committed(1) == 2; }));
  CHECK(s.log(1) == s.log(2));
  CHECK(s.until([&] { return s.in_sync() == "123"; }));
}

TEST_CASE("replicas: a leader that was cut off loses what nobody else had", "[broker][replica]") {
  ReplicaStand s{3};
  s.create({1, 2, 3});
  REQUIRE(s.acknowledged(s.send(1, "kept")));
  s.network().isolate(ReplicaStand::host(1));
  const auto lost = s.send(1, "lost");
  REQUIRE(lost->error == ErrorCode::none);
  s.settle(50ms);
  CHECK_FALSE(lost->told);
  s.elect(2, {2, 3}, {1});
  REQUIRE(s.until([&] { return s.replica(2)->leads(); }));
  REQUIRE(s.acknowledged(s.send(2, "instead")));
  CHECK(s.end_of(1) == 2);
  s.network().heal_all();
  s.tell(1);
  REQUIRE(s.until([&] { return lost->told.has_value(); }));
  CHECK(lost->told == ErrorCode::not_leader_or_follower);
  CHECK(s.until([&] { return s.log(1) == s.log(2); }));
  CHECK(s.until([&] { return s.in_sync() == "123"; }));
}

TEST_CASE("replicas: a follower that is gone leaves the in-sync set, and comes back to it",
          "[broker][replica]") {
  ReplicaStand s{3};
  s.create({1, 2, 3});
  REQUIRE(s.acknowledged(s.send(1, "all")));
  s.network().isolate(ReplicaStand::host(3));
  const auto sent = s.send(1, "two");
  s.settle(1s);
  CHECK_FALSE(sent->told);
  REQUIRE(s.acknowledged(sent));
  CHECK(s.in_sync() == "12");
  s.network().heal_all();
  CHECK(s.until([&] { return s.in_sync() == "123"; }, 60s));
  CHECK(s.log(3) == s.log(1));
}

TEST_CASE("replicas: with too few in sync nothing is taken, and nothing lost",
          "[broker][replica]") {
  ReplicaStand s{3};
  s.create({1, 2, 3});
  REQUIRE(s.acknowledged(s.send(1, "kept")));
  s.kill(2);
  s.fence(2);
  s.kill(3);
  s.fence(3);
  s.elect(1, {1});
  REQUIRE(s.until([&] { return !s.replica(1)->enough_in_sync(); }));
  CHECK(s.send(1, "refused")->error == ErrorCode::not_enough_replicas);
  CHECK(s.committed(1) == 1);
  s.start(2);
  CHECK(s.until([&] { return s.in_sync() == "12"; }));
  CHECK(s.until([&] { return s.replica(1)->enough_in_sync(); }));
  CHECK(s.acknowledged(s.send(1, "taken")));
}

TEST_CASE("replicas: a start shows no more than what was known to be committed",
          "[broker][replica]") {
  ReplicaStand s{3};
  s.create({1, 2, 3});
  REQUIRE(s.acknowledged(s.send(1, "kept")));
  s.settle(1s);  // it is noted
  s.network().isolate(ReplicaStand::host(1));
  const auto sent = s.send(1, "alone");
  s.settle(1s);
  CHECK_FALSE(sent->told);
  CHECK(s.replica(1)->log().synced_end() == Offset{2});
  s.kill(1);
  s.elect(2, {2, 3});
  s.network().heal_all();
  s.settle(10ms);
  s.network().isolate(ReplicaStand::host(1));
  s.start(1);
  REQUIRE(s.until([&] { return s.replica(1) != nullptr; }));
  CHECK(s.end_of(1) == 2);
  CHECK(s.committed(1) == 1);
}

TEST_CASE("replicas: a damaged log is fetched again from where it is damaged",
          "[broker][replica]") {
  ReplicaStand s{3};
  s.create({1, 2, 3});
  for (int i = 0; i < 20; ++i) REQUIRE(s.acknowledged(s.send(1, fmt::format("record {}", i))));
  s.kill(3);
  s.fence(3);
  const std::string file = "/data/t-0/00000000000000000000.log";
  REQUIRE(s.disk(3).size_of(file) > 600);
  s.disk(3).flip_bit(file, 600, 3);
  s.start(3);
  REQUIRE(s.until([&] { return s.replica(3) && s.end_of(3) == 20; }));
  CHECK(s.replica(3)->log().state() == log::LogState::writable);
  CHECK(s.log(3) == s.log(1));
}

TEST_CASE("replicas: one that is taken away deletes its files, and a new one fetches everything",
          "[broker][replica]") {
  ReplicaStand s{4};
  s.create({1, 2, 3});
  for (int i = 0; i < 5; ++i) REQUIRE(s.acknowledged(s.send(1, fmt::format("record {}", i))));
  s.place({1, 2, 4});
  CHECK(s.until([&] { return s.replica(3) == nullptr; }));
  CHECK(s.until([&] { return s.in_sync() == "124"; }));
  CHECK(s.log(4) == s.log(1));
  CHECK(s.until([&] {
    for (const auto& name : s.disk(3).names("/data"))
      if (name.starts_with("t-0")) return false;
    return true;
  }));
  s.place({1, 2, 3});
  CHECK(s.until([&] { return s.in_sync() == "123"; }));
  CHECK(s.log(3) == s.log(1));
}

TEST_CASE("replicas: with flush.mode=async what is written counts", "[broker][replica]") {
  ReplicaStand s{3};
  s.create({1, 2, 3}, {{"flush.mode", "async"}});
  REQUIRE(s.acknowledged(s.send(1, "one")));
  CHECK(s.log(2) == s.log(1));
}

TEST_CASE("replicas: a follower begins where its leader's log begins", "[broker][replica]") {
  ReplicaStand s{3};
  s.create({1, 2, 3});
  for (int i = 0; i < 10; ++i) REQUIRE(s.acknowledged(s.send(1, fmt::format("record {}", i))));
  s.kill(3);
  s.fence(3);
  s.elect(1, {1, 2});
  s.settle(100ms);
  for (int i = 0; i < 10; ++i) REQUIRE(s.acknowledged(s.send(1, fmt::format("later {}", i))));
  REQUIRE(s.replica(1)->log().advance_log_start(Offset{15}));
  CHECK(s.until([&] { return s.replica(2)->log().log_start() == Offset{15}; }));
  s.start(3);
  CHECK(s.until([&] { return s.in_sync() == "123"; }));
  CHECK(s.replica(3)->log().log_start() == Offset{15});
  CHECK(s.log(3) == s.log(2));
}

}  // namespace
}  // namespace millrace::broker
