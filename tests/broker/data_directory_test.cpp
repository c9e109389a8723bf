#include "broker/data_directory.hpp"

#include <catch2/catch.hpp>

#include "protocol/record/builder.hpp"
#include "tests/support/memory_files.hpp"

namespace millrace::broker {
namespace {

struct NoDamage final : log::DamageSink {
  void damaged(const log::Damage& damage) override { FAIL(damage); }
};

std::optional<Identity> known(log::Files& files, BrokerId node) {
  return std::get<std::optional<Identity>>(identify(files, "data", node));
}

Identity make(log::Files& files, BrokerId node) {
  const Identity identity{"the-cluster", SeededRng{1}.uuid()};
  REQUIRE(files.create_directories("data/quorum"));
  REQUIRE(write_identity(files, "data", node, identity));
  return identity;
}

TEST_CASE("data directory: a new one is nobody's, and what it was made is recognised later",
          "[broker]") {
  sim::MemoryFiles files;
  REQUIRE(files.create_directories("data"));
  CHECK_FALSE(known(files, BrokerId{4}));
  const auto identity = make(files, BrokerId{4});
  const auto again = known(files, BrokerId{4});
  REQUIRE(again);
  CHECK(again->cluster_id == identity.cluster_id);
  CHECK(again->directory == identity.directory);
}

TEST_CASE("data directory: that of another node is refused, naming both", "[broker]") {
  sim::MemoryFiles files;
  make(files, BrokerId{4});
  const auto other = identify(files, "data", BrokerId{5});
  const auto& failure = std::get<StartFailure>(other);
  CHECK(failure.message.find("node.id 4") != std::string::npos);
  CHECK(failure.message.find("node.id 5") != std::string::npos);
}

TEST_CASE("data directory: one that lost its part of the quorum is refused", "[broker]") {
  sim::MemoryFiles files;
  make(files, BrokerId{4});
  REQUIRE(files.remove_all("data/quorum"));
  const auto lost = identify(files, "data", BrokerId{4});
  CHECK(std::get<StartFailure>(lost).message.find("quorum is missing") != std::string::npos);
}

TEST_CASE("data directory: one of the time before the quorum is refused, saying so", "[broker]") {
  sim::MemoryFiles files;
  make(files, BrokerId{4});
  REQUIRE(files.remove_all("data/quorum"));
  REQUIRE(files.create_directories("data/__cluster_metadata-0"));
  const auto old = identify(files, "data", BrokerId{4});
  CHECK(std::get<StartFailure>(old).message.find("version that wrote it") != std::string::npos);
}

TEST_CASE("data directory: the folder of a deleted topic is not taken for the new one's",
          "[broker]") {
  sim::MemoryFiles files;
  SeededRng rng{1};
  NoDamage sink;
  const TopicId old_topic = rng.uuid();
  const TopicId new_topic = rng.uuid();
  const auto open = [&](TopicId topic) {
    auto opened = open_partition_log(files, "data/t-0", topic, {}, Timestamp{0}, sink);
    REQUIRE(opened.has_value());
    return std::move(opened->log);
  };
  protocol::BatchBuilder builder;
  builder.add(Timestamp{1}, as_bytes("k"), as_bytes("v"));
  const auto batch = builder.build();
  {
    const auto log = open(old_topic);
    REQUIRE(log->append(*batch, LeaderEpoch{0}, std::nullopt));
    REQUIRE(log->sync_now());
    REQUIRE(log->close());
  }
  CHECK(open(old_topic)->log_end() == Offset{1});
  CHECK(open(new_topic)->log_end() == Offset{0});
  CHECK(open(new_topic)->log_end() == Offset{0});
}

TEST_CASE("data directory: what was set aside goes at the next start", "[broker]") {
  sim::MemoryFiles files;
  SeededRng rng{1};
  REQUIRE(files.create_directories("data/t-0"));
  REQUIRE(files.create_directories("data/u-0"));
  REQUIRE(set_aside(files, "data/t-0", rng.uuid()));
  CHECK_FALSE(*files.exists("data/t-0"));
  REQUIRE(files.list("data")->size() == 2);
  REQUIRE(sweep_deleted(files, "data"));
  const auto left = files.list("data");
  REQUIRE(left->size() == 1);
  CHECK(left->front().name == "u-0");
}

TEST_CASE("data directory: what was created for it survives a power cut", "[broker]") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    sim::MemoryFiles files;
    REQUIRE(files.create_directories("/var"));
    REQUIRE(files.sync_directory("/"));
    REQUIRE(create_data_directory(files, "/var/lib/data"));
    SeededRng rng{seed};
    files.crash(rng);
    CHECK(files.exists("/var/lib/data").value());
  }
}

TEST_CASE("data directory: one that a start left behind when it died is made durable", "[broker]") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    sim::MemoryFiles files;
    REQUIRE(files.create_directories("/var"));
    REQUIRE(files.sync_directory("/"));
    REQUIRE(files.create_directories("/var/data"));
    REQUIRE(create_data_directory(files, "/var/data"));
    SeededRng rng{seed};
    files.crash(rng);
    CHECK(files.exists("/var/data").value());
  }
}

TEST_CASE("data directory: one in use asks nothing of the directory above it", "[broker]") {
  sim::MemoryFiles files;
  SeededRng rng{1};
  REQUIRE(create_data_directory(files, "/data"));
  REQUIRE(write_identity(files, "/data", BrokerId{1}, {"the-cluster", rng.uuid()}));
  const auto before = files.calls(sim::FileCall::sync_directory);
  REQUIRE(create_data_directory(files, "/data"));
  CHECK(files.calls(sim::FileCall::sync_directory) == before);
}

TEST_CASE("data directory: the mark of a clean stop is found once, with its epoch",
          "[broker][data_directory]") {
  sim::MemoryFiles files;
  REQUIRE(files.create_directories("/data"));
  CHECK(take_clean_stop(files, "/data").value() == std::nullopt);
  REQUIRE(mark_clean_stop(files, "/data", 4711));
  CHECK(take_clean_stop(files, "/data").value() == 4711);
  CHECK(take_clean_stop(files, "/data").value() == std::nullopt);
}

}  // namespace
}  // namespace millrace::broker
