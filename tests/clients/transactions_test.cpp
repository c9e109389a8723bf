#include <catch2/catch.hpp>

#include "clients/consumer.hpp"
#include "clients/producer.hpp"
#include "tests/clients/fake_broker.hpp"
#include "tests/clients/printing.hpp"

using namespace millrace;
using namespace millrace::clients;
using namespace millrace::clients::test;
using protocol::ApiKey;
using protocol::ErrorCode;
using namespace std::chrono_literals;

namespace {

using Story = std::vector<std::string>;

const TopicPartition kFirst{"t", PartitionIndex{0}};
const TopicPartition kSecond{"t", PartitionIndex{1}};
const GroupMetadata kMember{.group = "g"};

/// Two brokers, a client on a third machine, and a producer that has taken its id.
struct Bench {
  explicit Bench(TransactionVersion version = TransactionVersion::v2, std::uint64_t seed = 1)
      : world{seed} {
    cluster.add_topic("t", 2);
    cluster.transactions.feature = version == TransactionVersion::v2 ? 2 : 1;
    for (const std::int32_t id : {1, 2}) {
      const auto name = "broker" + std::to_string(id);
      auto& scheduler = world.make_host(name).make_scheduler();
      brokers.push_back(std::make_unique<FakeBroker>(scheduler, cluster, BrokerId{id},
                                                     net::Endpoint{name, 9092}));
    }
    client.emplace(here, world.rng(), ClientOptions{.bootstrap = {{"broker1", 9092}}});
    producer.emplace(*client, ProducerOptions{.linger = 0ms, .transactional_id = "id"});
  }
  ~Bench() {
    // Hosts first: nothing runs any more when the objects go.
    for (const auto* name : {"client", "broker1", "broker2"}) {
      if (auto* host = world.find_host(name)) host->crash();
    }
  }
  Instant in(std::chrono::nanoseconds time) { return world.clock().now() + time; }
  template <class T>
  T run(net::Awaitable<T> coroutine) {
    return world.run(here, std::move(coroutine));
  }
  Outcome<void> init() { return run(producer->init_transactions(in(30s))); }
  Outcome<void> commit() { return run(producer->commit_transaction(in(30s))); }
  Outcome<void> abort() { return run(producer->abort_transaction(in(30s))); }
  Outcome<void> offsets(std::int64_t offset) {
    PartitionOffsets what{{kFirst, Offset{offset}}};
    return run(producer->send_offsets(std::move(what), kMember, in(30s)));
  }
  Outcome<Delivered> send(const TopicPartition& to, std::string value = "v") {
    Record record{.topic = to.topic, .partition = to.partition, .value = std::move(value)};
    return run(producer->send(std::move(record)));
  }
  /// A record and an offset, committed.
  Outcome<void> transaction(std::int64_t offset) {
    if (const auto begun = producer->begin_transaction(); !begun) return begun.error();
    if (const auto sent = send(kFirst); !sent) return sent.error();
    if (const auto kept = offsets(offset); !kept) return kept.error();
    return commit();
  }
  Story take_story() { return std::exchange(cluster.transactions.story, {}); }
  void stop() {
    run(producer->stop());
    run(client->stop());
  }

  sim::SimWorld world;
  sim::SimScheduler& here = world.make_host("client").make_scheduler();
  FakeCluster cluster;
  std::vector<std::unique_ptr<FakeBroker>> brokers;
  std::optional<Client> client;
  std::optional<Producer> producer;
};

Story story_of(TransactionVersion version, const std::string& offset) {
  if (version == TransactionVersion::v2) return {"batch t-0", "offset " + offset, "commit"};
  return {"add t-0", "batch t-0", "add group g", "offset " + offset, "commit"};
}

constexpr TransactionVersion kBoth[] = {TransactionVersion::v1, TransactionVersion::v2};

/// The steps that a version takes through coordinators and leaders.
std::vector<ApiKey> steps_of(TransactionVersion version) {
  std::vector<ApiKey> steps{ApiKey::produce, ApiKey::txn_offset_commit, ApiKey::end_txn};
  if (version == TransactionVersion::v1) {
    steps.push_back(ApiKey::add_partitions_to_txn);
    steps.push_back(ApiKey::add_offsets_to_txn);
  }
  return steps;
}

}  // namespace

TEST_CASE(
    "transactions: records and offsets are committed together, one transaction after the other",
    "[clients][transactions]") {
  for (const auto version : kBoth) {
    Bench bench{version};
    REQUIRE(bench.init());
    CHECK(bench.producer->identity() == ProducerIdentity{ProducerId{9}, ProducerEpoch{0}});
    CHECK(bench.take_story() == Story{"init"});
    REQUIRE(bench.transaction(3));
    CHECK(bench.take_story() == story_of(version, "3"));
    CHECK(bench.cluster.committed[kFirst] == 3);
    REQUIRE(bench.transaction(4));
    CHECK(bench.take_story() == story_of(version, "4"));
    const bool v2 = version == TransactionVersion::v2;
    CHECK(bench.producer->identity()->epoch ==
          ProducerEpoch{static_cast<std::int16_t>(v2 ? 2 : 0)});
    // Every epoch begins at 0.
    CHECK(bench.cluster.sequences == (v2 ? std::vector{0, 0} : std::vector{0, 1}));
    bench.stop();
  }
}

TEST_CASE("transactions: an aborted one leaves no offset, and the next is sound",
          "[clients][transactions]") {
  for (const auto version : kBoth) {
    Bench bench{version};
    REQUIRE(bench.init());
    REQUIRE(bench.producer->begin_transaction());
    REQUIRE(bench.send(kFirst));
    REQUIRE(bench.offsets(3));
    REQUIRE(bench.abort());
    CHECK(bench.cluster.committed.empty());
    CHECK(bench.take_story().back() == "abort");
    REQUIRE(bench.transaction(4));
    CHECK(bench.cluster.committed[kFirst] == 4);
    bench.stop();
  }
}

TEST_CASE("transactions: calls out of turn are told what comes first", "[clients][transactions]") {
  Bench bench;
  CHECK(bench.send(kFirst).error().code == Errc::out_of_turn);
  CHECK(bench.producer->begin_transaction().error().code == Errc::out_of_turn);
  REQUIRE(bench.init());
  CHECK(bench.send(kFirst).error().code == Errc::out_of_turn);
  CHECK(bench.commit().error().code == Errc::out_of_turn);
  CHECK(bench.abort().error().code == Errc::out_of_turn);
  Producer plain{*bench.client, {}};
  CHECK(plain.begin_transaction().error().code == Errc::invalid_argument);
  bench.run(plain.stop());
  bench.stop();
}

TEST_CASE("transactions: one without records or offsets asks nobody", "[clients][transactions]") {
  Bench bench;
  REQUIRE(bench.init());
  REQUIRE(bench.producer->begin_transaction());
  REQUIRE(bench.commit());
  REQUIRE(bench.producer->begin_transaction());
  REQUIRE(bench.abort());
  CHECK(bench.take_story() == Story{"init"});
  bench.stop();
}

TEST_CASE("transactions: whatever step stumbles, it is taken once and in its place",
          "[clients][transactions]") {
  enum class How { code, asked_in_vain, answer_lost };
  for (const auto version : kBoth) {
    auto steps = steps_of(version);
    steps.push_back(ApiKey::find_coordinator);
    for (const auto step : steps) {
      for (const auto how : {How::code, How::asked_in_vain, How::answer_lost}) {
        INFO("version " << static_cast<int>(version) << ", " << to_string(step) << ", "
                        << static_cast<int>(how));
        Bench bench{version};
        REQUIRE(bench.init());
        REQUIRE(bench.transaction(1));
        static_cast<void>(bench.take_story());
        if (how == How::asked_in_vain) bench.cluster.silent[step] = 2;
        if (how == How::answer_lost) bench.cluster.mute[step] = 2;
        if (how == How::code) {
          const auto coordinators =
              std::deque{ErrorCode::concurrent_transactions, ErrorCode::not_coordinator,
                         ErrorCode::coordinator_load_in_progress};
          const auto leaders =
              std::deque{ErrorCode::concurrent_transactions, ErrorCode::not_enough_replicas};
          bench.cluster.errors[step] = step == ApiKey::produce ? leaders
                                       : step == ApiKey::find_coordinator
                                           ? std::deque{ErrorCode::coordinator_not_available}
                                           : coordinators;
        }
        REQUIRE(bench.transaction(2));
        CHECK(bench.cluster.committed[kFirst] == 2);
        auto story = bench.take_story();
        if (how == How::answer_lost) {
          // Adding and keeping may be done twice; it changes nothing. Batches may not.
          const auto same = [](const std::string& one, const std::string& next) {
            return one == next && (one.starts_with("add ") || one.starts_with("offset "));
          };
          story.erase(std::unique(story.begin(), story.end(), same), story.end());
        }
        CHECK(story == story_of(version, "2"));
        CHECK(bench.cluster.logs[kFirst].end == 2);  // a record of each transaction
        bench.stop();
      }
    }
  }
}

TEST_CASE("transactions: taking the id over goes on through whatever passes by",
          "[clients][transactions]") {
  Bench bench;
  bench.cluster.errors[ApiKey::find_coordinator] = {ErrorCode::coordinator_not_available};
  bench.cluster.errors[ApiKey::init_producer_id] = {
      ErrorCode::coordinator_load_in_progress, ErrorCode::concurrent_transactions,
      ErrorCode::concurrent_transactions, ErrorCode::not_coordinator};
  bench.cluster.silent[ApiKey::init_producer_id] = 2;
  REQUIRE(bench.init());
  REQUIRE(bench.transaction(1));
  bench.stop();
}

TEST_CASE("transactions: a coordinator that moves is found again", "[clients][transactions]") {
  for (const auto version : kBoth) {
    Bench bench{version};
    bench.cluster.transactions.coordinator = BrokerId{1};
    REQUIRE(bench.init());
    REQUIRE(bench.producer->begin_transaction());
    REQUIRE(bench.send(kFirst));
    bench.cluster.transactions.coordinator = BrokerId{2};
    REQUIRE(bench.send(kSecond));
    REQUIRE(bench.offsets(1));
    bench.cluster.transactions.coordinator = BrokerId{1};
    REQUIRE(bench.commit());
    CHECK(bench.cluster.committed[kFirst] == 1);
    bench.stop();
  }
}

TEST_CASE("transactions: a step refused for good spoils the transaction, not the producer",
          "[clients][transactions]") {
  for (const auto version : kBoth) {
    for (const auto step : steps_of(version)) {
      INFO("version " << static_cast<int>(version) << ", " << to_string(step));
      Bench bench{version};
      REQUIRE(bench.init());
      REQUIRE(bench.transaction(1));
      const auto code = step == ApiKey::produce ? ErrorCode::invalid_record
                        : step == ApiKey::add_partitions_to_txn
                            ? ErrorCode::topic_authorization_failed
                        : step == ApiKey::add_offsets_to_txn ? ErrorCode::group_authorization_failed
                        : step == ApiKey::txn_offset_commit  ? ErrorCode::illegal_generation
                                                             : ErrorCode::transaction_abortable;
      bench.cluster.errors[step] = {code};
      const auto spoilt = bench.transaction(2);
      REQUIRE_FALSE(spoilt);
      CHECK(spoilt.error().broker_code == code);
      const auto again = bench.commit();
      REQUIRE_FALSE(again);
      CHECK(again.error().code == Errc::must_abort);
      CHECK(bench.producer->begin_transaction().error().code == Errc::must_abort);
      CHECK(bench.send(kFirst).error().code == Errc::must_abort);
      REQUIRE(bench.abort());
      CHECK(bench.cluster.committed[kFirst] == 1);
      REQUIRE(bench.transaction(3));
      CHECK(bench.cluster.committed[kFirst] == 3);
      bench.stop();
    }
  }
}

TEST_CASE("transactions: who is fenced hears it from every call", "[clients][transactions]") {
  for (const auto version : kBoth) {
    for (const auto step : steps_of(version)) {
      if (step == ApiKey::produce) continue;  // there the coordinator has the last word
      INFO("version " << static_cast<int>(version) << ", " << to_string(step));
      Bench bench{version};
      REQUIRE(bench.init());
      bench.cluster.errors[step] = {ErrorCode::producer_fenced};
      REQUIRE(bench.producer->begin_transaction());
      const RecordRef record{.topic = "t", .partition = PartitionIndex{0}, .value = as_bytes("v")};
      REQUIRE(bench.producer->enqueue(record));
      static_cast<void>(bench.offsets(1));  // it may be what hears of it first
      const auto committed = bench.commit();
      REQUIRE_FALSE(committed);
      CHECK(committed.error().code == Errc::fenced);
      CHECK(bench.abort().error().code == Errc::fenced);
      CHECK(bench.producer->begin_transaction().error().code == Errc::fenced);
      CHECK(bench.send(kFirst).error().code == Errc::fenced);
      CHECK(bench.cluster.committed.empty());
      bench.stop();
    }
  }
}

TEST_CASE("transactions: a batch of an old epoch leads to an abort, where fencing shows",
          "[clients][transactions]") {
  Bench bench;
  REQUIRE(bench.init());
  REQUIRE(bench.producer->begin_transaction());
  REQUIRE(bench.send(kFirst));
  ++bench.cluster.transactions.epoch;  // another has begun
  const auto refused = bench.send(kFirst);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().broker_code == ErrorCode::invalid_producer_epoch);
  CHECK(bench.commit().error().code == Errc::must_abort);
  CHECK(bench.abort().error().code == Errc::fenced);
  bench.stop();
}

TEST_CASE("transactions: a commit that takes too long is asked for again",
          "[clients][transactions]") {
  for (const auto version : kBoth) {
    for (const bool done : {false, true}) {
      Bench bench{version};
      REQUIRE(bench.init());
      REQUIRE(bench.producer->begin_transaction());
      REQUIRE(bench.send(kFirst));
      (done ? bench.cluster.mute : bench.cluster.silent)[ApiKey::end_txn] = 5;
      const auto late = bench.run(bench.producer->commit_transaction(bench.in(100ms)));
      REQUIRE_FALSE(late);
      CHECK(late.error().code == Errc::timed_out);
      CHECK(late.error().retriable);
      CHECK(bench.producer->begin_transaction().error().code == Errc::out_of_turn);
      CHECK(bench.abort().error().code == Errc::out_of_turn);
      CHECK(bench.commit());
      CHECK(bench.commit().error().code == Errc::out_of_turn);
      CHECK(bench.take_story().back() == "commit");
      REQUIRE(bench.transaction(5));
      bench.stop();
    }
  }
}

TEST_CASE("transactions: records that cannot be delivered in time are aborted with the rest",
          "[clients][transactions]") {
  for (const auto version : kBoth) {
    INFO("version " << static_cast<int>(version));
    Bench bench{version};
    bench.run(bench.producer->stop());
    bench.producer.emplace(*bench.client, ProducerOptions{.linger = 0ms,
                                                          .delivery_timeout = 2s,
                                                          .request_timeout = 1s,
                                                          .transactional_id = "id"});
    REQUIRE(bench.init());
    REQUIRE(bench.producer->begin_transaction());
    REQUIRE(bench.send(kFirst));
    bench.cluster.mute[ApiKey::produce] = 1;  // stored, and nobody knows
    auto& errors = bench.cluster.errors[ApiKey::produce];
    errors.assign(100, ErrorCode::not_enough_replicas);
    errors.push_front(ErrorCode::none);
    const auto lost = bench.send(kFirst);
    REQUIRE_FALSE(lost);
    CHECK(lost.error().code == Errc::timed_out);
    errors.clear();
    CHECK(bench.commit().error().code == Errc::must_abort);
    static_cast<void>(bench.take_story());
    REQUIRE(bench.abort());
    const bool v1 = version == TransactionVersion::v1;
    CHECK(bench.take_story() == (v1 ? Story{"abort", "next epoch"} : Story{"abort"}));
    REQUIRE(bench.transaction(6));  // from sequence 0
    CHECK(bench.cluster.sequences.back() == 0);
    bench.stop();
  }
}

TEST_CASE("transactions: an abort gives up what was not sent yet", "[clients][transactions]") {
  for (const auto version : kBoth) {
    Bench bench{version};
    REQUIRE(bench.init());
    REQUIRE(bench.producer->begin_transaction());
    std::vector<Errc> told;
    const RecordRef record{.topic = "t", .partition = PartitionIndex{0}, .value = as_bytes("v")};
    for (int i = 0; i < 3; ++i) {
      REQUIRE(bench.producer->enqueue(record, [&](const Outcome<Delivered>& outcome) {
        if (!outcome) told.push_back(outcome.error().code);
      }));
    }
    REQUIRE(bench.abort());
    CHECK(told == std::vector{Errc::must_abort, Errc::must_abort, Errc::must_abort});
    CHECK(bench.cluster.logs[kFirst].end == 0);
    REQUIRE(bench.transaction(1));
    bench.stop();
  }
}

TEST_CASE("transactions: who takes the id over fences who had it", "[clients][transactions]") {
  for (const auto version : kBoth) {
    Bench bench{version};
    REQUIRE(bench.init());
    REQUIRE(bench.producer->begin_transaction());
    REQUIRE(bench.send(kFirst));
    Producer next{*bench.client, {.transactional_id = "id"}};
    REQUIRE(bench.run(next.init_transactions(bench.in(10s))));
    CHECK(bench.commit().error().code == Errc::fenced);
    bench.run(next.stop());
    bench.stop();
  }
}

TEST_CASE("transactions: offsets of a topic that was deleted can be aborted, and block nobody",
          "[clients][transactions]") {
  for (const auto version : kBoth) {
    INFO("version " << static_cast<int>(version));
    Bench bench{version};
    bench.run(bench.producer->stop());
    bench.producer.emplace(
        *bench.client,
        ProducerOptions{.linger = 0ms, .delivery_timeout = 2s, .transactional_id = "id"});
    REQUIRE(bench.init());
    auto& errors = bench.cluster.errors[ApiKey::txn_offset_commit];
    errors.assign(100, ErrorCode::unknown_topic_or_partition);
    const auto spoilt = bench.transaction(1);
    REQUIRE_FALSE(spoilt);
    CHECK(spoilt.error().code == Errc::must_abort);
    CHECK(spoilt.error().broker_code == ErrorCode::unknown_topic_or_partition);
    errors.clear();
    REQUIRE(bench.abort());
    CHECK(bench.cluster.committed.empty());
    REQUIRE(bench.transaction(2));
    bench.stop();
  }
}

TEST_CASE("transactions: taking the id over is repeated after a deadline, done meanwhile or not",
          "[clients][transactions]") {
  Bench bench;
  bench.cluster.errors[ApiKey::init_producer_id] = {ErrorCode::coordinator_load_in_progress};
  const auto late = bench.run(bench.producer->init_transactions(bench.in(0s)));
  REQUIRE_FALSE(late);
  CHECK(late.error().code == Errc::timed_out);
  bench.world.run_for(10s);
  CHECK(bench.take_story() == Story{"init"});
  REQUIRE(bench.init());
  CHECK(bench.take_story().empty());
  REQUIRE(bench.transaction(1));
  bench.stop();
}
