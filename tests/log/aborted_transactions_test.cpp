#include "log/aborted_transactions.hpp"

#include <map>
#include <set>

#include "log/file_names.hpp"
#include "tests/log/log_fixture.hpp"

namespace millrace::log {
namespace {

using Aborted = std::vector<AbortedTransaction>;

AbortedTransaction one(std::int64_t producer, std::int64_t first, std::int64_t last) {
  return {ProducerId{producer}, Offset{first}, Offset{last}};
}

/// Transactions of two batches each on a log, the odd ones aborted.
class TransactionalLog : public LogFixture {
 public:
  using LogFixture::LogFixture;
  void transaction(std::int64_t producer, bool commit, int batches = 2) {
    const Offset first = log->log_end();
    auto& sequence = sequences_[producer];
    for (int i = 0; i < batches; ++i) {
      append({.first_timestamp = Timestamp{time += 10},
              .producer = BatchBuilder::Producer{ProducerId{producer}, ProducerEpoch{0},
                                                 Sequence{sequence++}},
              .transactional = true});
    }
    const auto marker = protocol::build_control_batch(
        {.type = commit ? protocol::ControlType::commit : protocol::ControlType::abort,
         .producer_id = ProducerId{producer},
         .producer_epoch = ProducerEpoch{0},
         .timestamp = Timestamp{time}});
    const auto appended = log->append(marker, LeaderEpoch{epoch}, std::nullopt);
    REQUIRE(appended.has_value());
    if (!commit) expected.push_back({ProducerId{producer}, first, appended->base});
    REQUIRE(log->sync_now());
  }
  void some(int count) {
    for (int i = 0; i < count; ++i) transaction(7 + i % 3, i % 2 == 0);
  }
  [[nodiscard]] Aborted found() const {
    return log->aborted_transactions(Offset{0}, log->log_end());
  }

  Aborted expected;

 private:
  std::map<std::int64_t, std::int32_t> sequences_;
};

TEST_CASE("aborted transactions: those that reach into a range are found", "[log][aborted]") {
  AbortedTransactions index;
  index.add(one(1, 10, 20));
  index.add(one(2, 5, 30));
  index.add(one(1, 21, 25));
  index.add(one(1, 10, 20));
  CHECK(index.overlapping(Offset{0}, Offset{100}) ==
        Aborted{one(1, 10, 20), one(1, 21, 25), one(2, 5, 30)});
  CHECK(index.overlapping(Offset{20}, Offset{21}) == Aborted{one(1, 10, 20), one(2, 5, 30)});
  CHECK(index.overlapping(Offset{0}, Offset{10}) == Aborted{one(2, 5, 30)});
  CHECK(index.overlapping(Offset{31}, Offset{100}).empty());
  CHECK(index.truncate_to(Offset{25}));
  CHECK_FALSE(index.truncate_to(Offset{25}));
  index.forget_below(Offset{20});
  CHECK(index.overlapping(Offset{0}, Offset{100}) == Aborted{one(1, 10, 20)});
}

TEST_CASE("aborted transactions: the file is read back, and any flipped bit refused",
          "[log][aborted]") {
  AbortedTransactions index;
  for (int i = 0; i < 5; ++i) index.add(one(i, i * 10, i * 10 + 7));
  const auto bytes = index.encode(Offset{50});
  const auto decoded = AbortedTransactions::decode(bytes);
  REQUIRE(decoded.has_value());
  CHECK(decoded->end == Offset{50});
  CHECK(decoded->transactions == index);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    auto flipped = bytes;
    flipped[i] ^= std::byte{0x04};
    REQUIRE(AbortedTransactions::decode(flipped).has_error());
    REQUIRE(AbortedTransactions::decode(Bytes{bytes}.first(i)).has_error());
  }
  REQUIRE(AbortedTransactions::decode(index.encode(Offset{47})).has_error());  // a marker behind it
}

TEST_CASE("aborted transactions: a log knows them after a restart of any kind", "[log][aborted]") {
  TransactionalLog f;
  f.some(40);
  f.checkpoint();
  f.some(5);
  REQUIRE(f.found() == f.expected);
  SECTION("the process was killed") {
    f.reopen_after_kill();
  }
  SECTION("it was closed") {
    REQUIRE(f.log->close());
    f.open();
    CHECK(f.report.clean);
    CHECK_FALSE(f.report.producers_rebuilt);
  }
  SECTION("the index is gone") {
    REQUIRE(f.log->close());
    REQUIRE(f.files.remove(f.path(kAbortedFile)));
    f.open();
    CHECK(f.report.producers_rebuilt);
  }
  SECTION("the index is damaged") {
    REQUIRE(f.log->close());
    REQUIRE(f.files.write_atomically(f.path(kAbortedFile), std::vector<std::byte>(9)));
    f.open();
    CHECK(f.report.producers_rebuilt);
  }
  SECTION("the index is that of an earlier end") {
    REQUIRE(f.log->close());
    REQUIRE(
        f.files.write_atomically(f.path(kAbortedFile), AbortedTransactions{}.encode(Offset{9})));
    f.open();
    CHECK(f.report.producers_rebuilt);
  }
  CHECK(f.found() == f.expected);
}

TEST_CASE("aborted transactions: what was cut off does not come back over other batches",
          "[log][aborted]") {
  TransactionalLog f;
  f.some(20);
  f.checkpoint();
  const Offset cut = f.expected[4].last;
  REQUIRE(f.log->truncate_to(cut));
  const Aborted kept{f.expected.begin(), f.expected.begin() + 4};
  CHECK(f.found() == kept);
  const Offset end = f.log->log_end();
  while (f.log->log_end() < end + OffsetDelta{60}) f.append({});
  REQUIRE(f.log->sync_now());
  SECTION("while it runs") {}
  SECTION("after a kill") {
    f.reopen_after_kill();
  }
  SECTION("after a clean end") {
    REQUIRE(f.log->close());
    f.open();
  }
  CHECK(f.found() == kept);
}

TEST_CASE("aborted transactions: retention and deletion on request forget them", "[log][aborted]") {
  TransactionalLog f;
  f.some(20);
  const Offset start = f.expected[3].last.next();
  REQUIRE(f.log->advance_log_start(start));
  const Aborted kept{f.expected.begin() + 4, f.expected.end()};
  CHECK(f.found() == kept);
  f.reopen_after_kill();
  CHECK(f.found() == kept);
}

TEST_CASE("aborted transactions: what is stable never lies below the log's start",
          "[log][aborted]") {
  LogFixture f;
  f.append({.producer = BatchBuilder::Producer{ProducerId{1}, ProducerEpoch{0}, Sequence{0}},
            .transactional = true});
  for (int i = 0; i < 5; ++i) f.append({});
  REQUIRE(f.log->sync_now());
  CHECK(f.log->last_stable_offset(f.log->log_end()) == Offset{0});
  REQUIRE(f.log->advance_log_start(Offset{3}));
  CHECK(f.log->last_stable_offset(f.log->log_end()) == Offset{3});
}

TEST_CASE("aborted transactions: compaction takes their data, and then nothing is left to say",
          "[log][aborted]") {
  auto config = TransactionalLog::small_config();
  config.compact = true;
  config.min_dirty_ratio = 0;
  config.delete_retention = std::chrono::milliseconds{0};
  TransactionalLog f{config};
  f.some(60);
  f.checkpoint();
  const auto pass = [&] {
    const auto work = f.log->take_compaction({.now = Timestamp{f.time + 1000},
                                              .high_watermark = f.log->log_end(),
                                              .hash_secret = {1, 2}});
    if (!work) return;
    for (;;) {
      const auto step = work->step();
      REQUIRE(step.has_value());
      if (!f.log->compacted(*work, step)) break;
    }
  };
  pass();
  const auto after = f.found();
  REQUIRE(after.size() < f.expected.size());
  // What is still told is told of markers that are still there.
  for (int i = 0; i < 4; ++i) {
    f.some(2);
    f.checkpoint();
    pass();
    std::set<Offset> markers;
    const auto bytes = f.read_all(Offset{0}, 100'000);
    for (const auto& batch : protocol::BatchRun{bytes})
      if (batch.is_control() && batch.record_count() > 0) markers.insert(batch.last_offset());
    for (const auto& told : f.found()) CHECK(markers.contains(told.last));
    const auto before = f.found();
    f.reopen_after_kill();
    CHECK(f.found() == before);
  }
}

}  // namespace
}  // namespace millrace::log
