#include "clients/fetch_core.hpp"

#include <catch2/catch.hpp>

#include "protocol/record/builder.hpp"
#include "tests/clients/printing.hpp"

using namespace millrace;
using namespace millrace::clients;
using protocol::ErrorCode;
using namespace std::chrono_literals;

namespace {

const TopicPartition kPartition{"t", PartitionIndex{0}};

struct Bench {
  ConsumerOptions options;
  FetchCore core{options, 60s};
  BrokerId replica{2};  // known besides the leader

  std::vector<FetchCore::Fetch> plan(Instant now = Instant{1s}) {
    return core.plan(
        [](const TopicPartition&) { return FetchCore::Leader{BrokerId{1}, LeaderEpoch{0}}; },
        [this](BrokerId broker) { return broker == replica; }, now);
  }
  /// The one broker that is asked now.
  BrokerId asked(Instant now = Instant{1s}) {
    fetches = plan(now);
    REQUIRE(fetches.size() == 1);
    return fetches[0].broker;
  }
  bool answered(const protocol::FetchResponse& response, Instant now = Instant{1s}) {
    return core.answered(fetches[0], response, now);
  }
  /// The leader has another replica read from, and gives nothing itself.
  static protocol::FetchResponse names(std::int32_t replica) {
    protocol::FetchResponse response;
    auto& topic = response.responses.emplace_back();
    topic.topic = "t";
    topic.partitions.emplace_back().preferred_read_replica = replica;
    return response;
  }
  /// An answer with one record `value` at `offset`, or with an error.
  static protocol::FetchResponse answer(std::int64_t offset, std::string_view value,
                                        ErrorCode code = ErrorCode::none) {
    protocol::FetchResponse response;
    auto& topic = response.responses.emplace_back();
    topic.topic = "t";
    auto& data = topic.partitions.emplace_back();
    data.error_code = code;
    if (code != ErrorCode::none) return response;
    protocol::BatchBuilder builder{{.base_offset = Offset{offset}}};
    builder.add(Timestamp{1}, std::nullopt, as_bytes(value));
    data.records = BytesChain{SharedBytes::from(*builder.build())};
    data.high_watermark = offset + 1;
    return response;
  }
  std::vector<std::string> take() {
    std::vector<std::string> values;
    const auto records = core.take_records(100);
    REQUIRE(records);
    for (const auto& record : *records) values.emplace_back(*record.value_text());
    return values;
  }

  std::vector<FetchCore::Fetch> fetches;
};

using Values = std::vector<std::string>;

}  // namespace

TEST_CASE("fetch core: an answer to a fetch from before a seek is ignored", "[clients][consumer]") {
  Bench bench;
  bench.core.assign({{kPartition, Offset{0}}});
  const auto fetches = bench.plan();
  REQUIRE(fetches.size() == 1);
  REQUIRE(bench.core.seek(kPartition, Offset{5}));
  CHECK(bench.plan().empty());  // one at a time per broker
  bench.core.answered(fetches[0], Bench::answer(0, "old"), Instant{1s});
  CHECK(bench.take().empty());
  CHECK(bench.core.position(kPartition) == Offset{5});
  const auto again = bench.plan();
  REQUIRE(again.size() == 1);
  CHECK(again[0].items[0].offset == Offset{5});
}

TEST_CASE("fetch core: what was fetched is delivered before a lost position is looked up",
          "[clients][consumer]") {
  Bench bench;
  bench.core.assign({{kPartition, Offset{0}}});
  bench.core.answered(bench.plan()[0], Bench::answer(0, "a"), Instant{1s});
  bench.core.answered(bench.plan()[0], Bench::answer(0, "", ErrorCode::offset_out_of_range),
                      Instant{1s});
  CHECK(bench.core.lookups_due(Instant{1s}).empty());
  CHECK(bench.take() == Values{"a"});
  const auto due = bench.core.lookups_due(Instant{1s});
  REQUIRE(due.size() == 1);
  bench.core.looked_up(due, {{kPartition, OffsetAtTime{.offset = Offset{9}}}}, Instant{1s});
  CHECK(bench.core.position(kPartition) == Offset{9});
}

TEST_CASE("fetch core: a partition with enough fetched ahead, or paused, is left alone",
          "[clients][consumer]") {
  Bench bench;
  bench.options.prefetch_bytes_per_partition = 1;
  bench.core.assign({{kPartition, Offset{0}}});
  bench.core.answered(bench.plan()[0], Bench::answer(0, "a"), Instant{1s});
  CHECK(bench.plan().empty());
  CHECK(bench.take() == Values{"a"});
  REQUIRE(bench.core.set_paused(kPartition, true));
  CHECK(bench.plan().empty());
  REQUIRE(bench.core.set_paused(kPartition, false));
  CHECK(bench.plan().size() == 1);
}

TEST_CASE("fetch core: an error worth a retry waits, and asks for metadata",
          "[clients][consumer]") {
  Bench bench;
  bench.core.assign({{kPartition, Offset{0}}});
  const auto fetches = bench.plan();
  CHECK(bench.core.answered(fetches[0], Bench::answer(0, "", ErrorCode::not_leader_or_follower),
                            Instant{1s}));
  CHECK(bench.plan().empty());
  const auto next = bench.core.next_event(Instant{1s});
  REQUIRE(next);
  CHECK(bench.plan(*next).size() == 1);
}

TEST_CASE("fetch core: the replica that the leader names is read until it refuses",
          "[clients][consumer]") {
  for (const auto code : {ErrorCode::offset_out_of_range, ErrorCode::not_leader_or_follower,
                          ErrorCode::unknown_topic_or_partition}) {
    Bench bench;
    bench.core.assign({{kPartition, Offset{0}}});
    CHECK(bench.asked() == BrokerId{1});
    CHECK_FALSE(bench.answered(Bench::names(2)));
    CHECK(bench.asked() == BrokerId{2});
    bench.answered(Bench::answer(0, "a"));
    CHECK(bench.take() == Values{"a"});
    CHECK(bench.asked() == BrokerId{2});
    CHECK(bench.answered(Bench::answer(1, "", code)));
    CHECK(bench.plan().empty());                         // not at once
    CHECK(bench.core.lookups_due(Instant{2s}).empty());  // it only lags, perhaps
    CHECK(bench.core.position(kPartition) == Offset{1});
    CHECK(bench.asked(Instant{2s}) == BrokerId{1});
    bench.answered(Bench::answer(1, "b"), Instant{2s});
    CHECK(bench.take() == Values{"b"});
  }
}

TEST_CASE("fetch core: the replica that the leader names is left when it is gone or long ago",
          "[clients][consumer]") {
  Bench bench;
  bench.core.assign({{kPartition, Offset{0}}});
  CHECK(bench.asked() == BrokerId{1});
  bench.answered(Bench::names(2));
  SECTION("the connection breaks") {
    CHECK(bench.asked() == BrokerId{2});
    bench.core.lost(bench.fetches[0], Instant{1s});
    CHECK(bench.asked(Instant{2s}) == BrokerId{1});
  }
  SECTION("it is not known") {
    bench.replica = BrokerId{3};
    CHECK(bench.plan().empty());
    CHECK(bench.core.leaderless_topics() == std::set<std::string>{"t"});
    CHECK(bench.plan().empty());  // nor the leader asked without a pause
    CHECK(bench.asked(Instant{2s}) == BrokerId{1});
    bench.answered(Bench::names(3), Instant{2s});
    CHECK(bench.asked(Instant{2s}) == BrokerId{3});
  }
  SECTION("it was long ago") {
    CHECK(bench.asked(Instant{60s}) == BrokerId{2});
    bench.answered(Bench::answer(0, "a"), Instant{60s});
    CHECK(bench.asked(Instant{61s}) == BrokerId{1});
  }
}
