// Passes over the batches of producers with a state: transactions, and idempotent ones.
#include "log/file_names.hpp"
#include "tests/log/compaction/compaction_fixture.hpp"

namespace millrace::log {
namespace {

using protocol::ControlType;

TEST_CASE("compaction: aborted data goes, and hides nothing", "[log][compaction]") {
  CompactionFixture f;
  const BatchBuilder::Producer p{ProducerId{1}, ProducerEpoch{0}, Sequence{0}};
  const BatchBuilder::Producer q{ProducerId{2}, ProducerEpoch{0}, Sequence{0}};
  f.put("a", "kept");
  f.put("b", "old");
  f.put({.records = {{"a", "aborted"}}, .producer = p, .transactional = true});
  f.put({.records = {{"b", "committed"}}, .producer = q, .transactional = true});
  f.marker(ControlType::commit, q.id, q.epoch);
  f.marker(ControlType::abort, p.id, p.epoch);
  f.put({.records = {{"c", "new"}},
         .producer = BatchBuilder::Producer{p.id, p.epoch, Sequence{1}},
         .transactional = true});
  f.marker(ControlType::commit, p.id, p.epoch);
  f.roll();
  REQUIRE(f.compact());
  const std::map<std::string, std::optional<std::string>> expected{
      {"a", "kept"}, {"b", "committed"}, {"c", "new"}};
  CHECK(f.table() == expected);
  const auto entries = f.log->producers().entries();
  f.files.erase(f.path("recovery-point"));
  for (const auto& name : names_with(f.files, kSnapshotSuffix)) f.files.erase(f.path(name));
  f.reopen_after_kill();
  CHECK(f.table() == expected);
  CHECK(f.log->last_stable_offset(f.log->log_end()) == f.log->log_end());
  REQUIRE(f.log->producers().find(p.id) != nullptr);
  CHECK(f.log->producers().find(p.id)->newest()->last_sequence == Sequence{1});
  CHECK(f.log->producers().find(q.id)->newest()->last_sequence == Sequence{0});
}

TEST_CASE("compaction: markers stay until their data is gone and their horizon has passed",
          "[log][compaction]") {
  CompactionFixture f;
  const BatchBuilder::Producer p{ProducerId{1}, ProducerEpoch{0}, Sequence{0}};
  const auto markers = [&] {
    int count = 0;
    const auto run = f.read_all(f.log->log_start(), 1 << 20);
    for (const BatchView& batch : batches_of(run))
      if (batch.is_control()) ++count;
    return count;
  };
  f.put({.records = {{"a", "1"}}, .producer = p, .transactional = true});
  f.marker(ControlType::commit, p.id, p.epoch);
  f.put("a", "2");
  f.roll();
  // Long after the producer was last heard of: nothing is kept for its sake.
  std::int64_t now = kNow.value + std::chrono::milliseconds{f.config.producer_expiration}.count();
  const auto pass = [&](std::int64_t step) {
    now += step;
    f.put("filler", std::to_string(now));
    f.roll();
    REQUIRE(f.compact(Timestamp{now}));
    return markers();
  };
  REQUIRE(f.compact(Timestamp{now}));
  CHECK(markers() == 1);  // its data went
  CHECK(pass(1) == 1);    // and so its time runs
  CHECK(pass(999) == 1);
  CHECK(pass(1) == 0);
  CHECK(f.table().at("a") == "2");
  f.reopen_after_kill();
  CHECK(f.log->last_stable_offset(f.log->log_end()) == f.log->log_end());
}

TEST_CASE("compaction: a transaction that is open holds it up", "[log][compaction]") {
  CompactionFixture f;
  const BatchBuilder::Producer p{ProducerId{1}, ProducerEpoch{0}, Sequence{0}};
  for (int i = 0; i < 20; ++i) f.put("key", std::to_string(i));
  const auto open = f.put({.records = {{"key", "open"}}, .producer = p, .transactional = true});
  for (int i = 0; i < 20; ++i) f.put("key", std::to_string(i));
  f.roll();
  REQUIRE(f.compact());
  CHECK(f.log->first_dirty() <= open.base);
  CHECK(f.records().size() >= 21);
  // Its marker is in the active segment: how it ended is not known to a pass yet.
  f.marker(ControlType::abort, p.id, p.epoch);
  REQUIRE(f.log->sync_now());
  (void)f.compact();
  CHECK(f.log->first_dirty() <= open.base);
  f.roll();
  f.roll();
  REQUIRE(f.compact());
  CHECK(f.log->first_dirty() > open.base);
  CHECK(f.table() == std::map<std::string, std::optional<std::string>>{{"key", "19"}});
}

TEST_CASE("compaction: an idempotent producer goes on after everything of it was hidden",
          "[log][compaction]") {
  CompactionFixture f;
  for (int i = 0; i < 6; ++i)
    f.put({.records = {{"a", std::to_string(i)}},
           .producer = BatchBuilder::Producer{ProducerId{1}, ProducerEpoch{3}, Sequence{i}}});
  for (int i = 0; i < 10; ++i) f.put("a", std::to_string(i));
  f.roll();
  REQUIRE(f.compact());
  CHECK(f.records().size() == 2);
  f.files.erase(f.path("recovery-point"));
  for (const auto& name : names_with(f.files, kSnapshotSuffix)) f.files.erase(f.path(name));
  f.reopen_after_kill();
  const auto next = [&](int sequence) {
    return keyed_batch(
        {.records = {{"a", "x"}},
         .producer = BatchBuilder::Producer{ProducerId{1}, ProducerEpoch{3}, Sequence{sequence}}});
  };
  const auto repeated = next(5);
  CHECK(std::holds_alternative<ProducerDuplicate>(f.log->check_producer(view_of(repeated), kNow)));
  const auto fresh = next(6);
  CHECK(std::holds_alternative<ProducerOk>(f.log->check_producer(view_of(fresh), kNow)));
  const auto ahead = next(8);
  CHECK(std::holds_alternative<ProducerRejected>(f.log->check_producer(view_of(ahead), kNow)));
}

}  // namespace
}  // namespace millrace::log
