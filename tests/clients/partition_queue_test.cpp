#include "clients/partition_queue.hpp"

#include <catch2/catch.hpp>

#include "protocol/record/batch.hpp"

using namespace millrace;
using namespace millrace::clients;
using protocol::ErrorCode;
using namespace std::chrono_literals;

namespace {

constexpr ProducerIdentity kIdentity{ProducerId{7}, ProducerEpoch{0}};

/// A queue in which every record is a batch of its own.
struct Bench {
  ProducerOptions options{.linger = 0ms, .batch_bytes = 1};
  PartitionQueue queue{{"t", PartitionIndex{0}}, options};
  std::vector<std::string> outcomes;
  Ticket ticket = 0;

  void add(const std::string& name, Instant now = Instant{1s}) {
    const RecordRef record{.topic = "t", .value = as_bytes(name)};
    queue.add(
        record, Timestamp{1}, [this, name](const Outcome<Delivered>&) { outcomes.push_back(name); },
        ++ticket, 10, now);
  }
  bool can_send() const { return queue.sendable_at(true, 0, false) == Instant{}; }
  PartitionQueue::Sending send() { return *queue.take(kIdentity); }
  static std::int32_t sequence(const PartitionQueue::Sending& sending) {
    return protocol::parse_batch(sending.bytes.view())->base_sequence()->value;
  }
  void answer(const PartitionQueue::Sending& sending, ErrorCode code = ErrorCode::none) {
    queue.answered(sending.batch, {.code = code, .base_offset = Offset{0}}, Instant{});
  }
  /// The outcomes since the last call, as codes; `ok` for delivered.
  std::vector<std::string> finished() {
    std::vector<std::string> all;
    for (const auto& batch : queue.take_finished()) {
      all.emplace_back(batch.outcome ? "ok" : to_string(batch.outcome.error().code));
    }
    return all;
  }
  /// One batch delivered, so that several may be in flight.
  void prove() {
    add("first");
    answer(send());
    REQUIRE(finished() == std::vector<std::string>{"ok"});
  }
};

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("partition queue: the first batch ever goes alone", "[clients][producer]") {
  Bench bench;
  bench.add("a");
  bench.add("b");
  const auto a = bench.send();
  CHECK_FALSE(bench.can_send());
  bench.answer(a);
  CHECK(bench.can_send());
  CHECK(Bench::sequence(bench.send()) == 1);
}

TEST_CASE("partition queue: a retry keeps sequence and bytes, and what is behind it follows",
          "[clients][producer]") {
  Bench bench;
  bench.prove();
  for (const auto* name : {"a", "b", "c"}) bench.add(name);
  const auto a = bench.send();
  const auto b = bench.send();
  bench.answer(a, ErrorCode::not_leader_or_follower);
  CHECK_FALSE(bench.can_send());  // b may still arrive, or not
  bench.answer(b, ErrorCode::out_of_order_sequence_number);
  CHECK(bench.finished().empty());

  const auto again = bench.send();
  CHECK(again.batch == a.batch);
  CHECK(again.bytes == a.bytes);
  CHECK(Bench::sequence(again) == 1);
  CHECK_FALSE(bench.can_send());  // b goes again only behind it
  bench.answer(again);
  const auto b_again = bench.send();
  CHECK(b_again.batch == b.batch);
  bench.answer(b_again);
  CHECK(Bench::sequence(bench.send()) == 3);
  CHECK(bench.finished() == Names{"ok", "ok"});
}

TEST_CASE("partition queue: a duplicate is a delivery", "[clients][producer]") {
  Bench bench;
  bench.prove();
  bench.add("a");
  const auto a = bench.send();
  bench.queue.lost(a.batch, {.code = Errc::connection_lost, .retriable = true}, Instant{});
  bench.answer(bench.send(), ErrorCode::duplicate_sequence_number);
  CHECK(bench.finished() == Names{"ok"});
}

TEST_CASE("partition queue: a batch certainly refused lets those behind it be numbered anew",
          "[clients][producer]") {
  Bench bench;
  bench.prove();
  for (const auto* name : {"bad", "b", "c"}) bench.add(name);
  const auto bad = bench.send();
  const auto b = bench.send();
  bench.answer(bad, ErrorCode::invalid_record);
  CHECK_FALSE(bench.can_send());
  bench.answer(b, ErrorCode::out_of_order_sequence_number);
  CHECK(bench.finished() == Names{"rejected"});
  const auto b_again = bench.send();
  CHECK(b_again.batch == b.batch);
  CHECK(Bench::sequence(b_again) == 1);  // the number that the bad one had
  bench.answer(b_again);
  const auto c = bench.send();
  CHECK(Bench::sequence(c) == 2);
  bench.answer(c);
  CHECK(bench.finished() == Names{"ok", "ok"});
}

TEST_CASE("partition queue: a batch given up that may be stored breaks the sequence",
          "[clients][producer]") {
  Bench bench;
  bench.prove();
  bench.add("a");
  bench.add("b");
  const auto a = bench.send();
  bench.queue.lost(a.batch, {.code = Errc::connection_lost, .retriable = true}, Instant{});
  bench.queue.expire(Instant{1s} + bench.options.delivery_timeout);
  CHECK(bench.finished() == Names{"timed_out", "sequence_broken"});
  CHECK(bench.queue.broken());
  CHECK(bench.queue.sendable_at(true, 0, false) == std::nullopt);
}

TEST_CASE("partition queue: a batch that was never sent expires without harm",
          "[clients][producer]") {
  Bench bench;
  bench.add("a");
  bench.queue.expire(Instant{1s} + bench.options.delivery_timeout);
  CHECK(bench.finished() == Names{"timed_out"});
  CHECK_FALSE(bench.queue.broken());
  bench.add("b");
  CHECK(Bench::sequence(bench.send()) == 0);
}

TEST_CASE("partition queue: out of order at the head of the line is a loss, and is told",
          "[clients][producer]") {
  Bench bench;
  bench.prove();
  bench.add("a");
  bench.add("b");
  bench.answer(bench.send(), ErrorCode::out_of_order_sequence_number);
  CHECK(bench.finished() == Names{"rejected", "sequence_broken"});
}

TEST_CASE("partition queue: records linger together until the batch is full or flushed",
          "[clients][producer]") {
  ProducerOptions options{.linger = 5ms, .batch_bytes = 1000};
  PartitionQueue queue{{"t", PartitionIndex{0}}, options};
  const std::string value(100, 'x');
  const RecordRef record{.topic = "t", .value = as_bytes(value)};
  queue.add(record, Timestamp{1}, {}, 1, 120, Instant{1s});
  queue.add(record, Timestamp{1}, {}, 2, 120, Instant{1s});
  CHECK(queue.sendable_at(false, 0, false) == std::nullopt);
  CHECK(queue.sendable_at(true, 0, false) == Instant{1s} + 5ms);
  CHECK(queue.sendable_at(true, 1, false) == Instant{});
  CHECK(queue.sendable_at(true, 0, true) == Instant{});
  for (Ticket ticket = 3; queue.fits_open_batch(120); ++ticket) {
    queue.add(record, Timestamp{1}, {}, ticket, 120, Instant{1s});
  }
  queue.add(record, Timestamp{1}, {}, 99, 120, Instant{1s});
  CHECK(queue.sendable_at(true, 0, false) == Instant{});
}

TEST_CASE("partition queue: what is abandoned is not sent again, and may leave the numbers unclear",
          "[clients][producer]") {
  const ClientError abandoned{.code = Errc::must_abort, .message = "aborted"};
  Bench bench;
  bench.prove();
  for (const auto* name : {"a", "b", "c"}) bench.add(name);
  const auto a = bench.send();
  bench.queue.abandon(abandoned);
  CHECK(bench.finished() == Names{"must_abort", "must_abort"});
  CHECK_FALSE(bench.queue.unclear());  // b and c never had a number
  SECTION("stored after all") {
    bench.answer(a);
    CHECK(bench.finished() == Names{"ok"});
    CHECK_FALSE(bench.queue.unclear());
  }
  SECTION("refused for now: nobody asks again") {
    bench.answer(a, ErrorCode::not_leader_or_follower);
    CHECK(bench.finished() == Names{"must_abort"});
    CHECK(bench.queue.unclear());
  }
  SECTION("lost") {
    bench.queue.lost(a.batch, {.code = Errc::connection_lost, .retriable = true}, Instant{});
    CHECK(bench.finished() == Names{"must_abort"});
    CHECK(bench.queue.unclear());
  }
  CHECK(bench.queue.empty());
}

TEST_CASE("partition queue: under another identity the numbers begin at 0 again",
          "[clients][producer]") {
  for (const bool checked : {false, true}) {
    Bench bench;
    bench.prove();
    bench.add("a");
    const auto a = bench.send();
    bench.queue.lost(a.batch, {.code = Errc::connection_lost, .retriable = true}, Instant{});
    bench.queue.expire(Instant{1s} + bench.options.delivery_timeout);
    REQUIRE(bench.queue.broken());
    bench.queue.restart(checked);
    CHECK_FALSE(bench.queue.broken());
    CHECK_FALSE(bench.queue.unclear());
    bench.add("b");
    bench.add("c");
    CHECK(Bench::sequence(bench.send()) == 0);
    CHECK(bench.can_send() == checked);  // else the first goes alone
  }
}
