#include "log/producer_state.hpp"

#include <limits>

#include "log/small_file.hpp"
#include "tests/log/log_fixture.hpp"

namespace millrace::log {
namespace {

using protocol::ErrorCode;
using std::chrono::hours;

/// One producer that sends to a log of its own.
struct Sender {
  std::vector<std::byte> batch(std::int32_t sequence, int records = 1, bool transactional = false) {
    return batch_of({.records = records,
                     .producer = BatchBuilder::Producer{id, epoch, Sequence{sequence}},
                     .transactional = transactional});
  }
  ProducerVerdict check(std::int32_t sequence, int records = 1, bool transactional = false) {
    const auto bytes = batch(sequence, records, transactional);
    return state.check(view_of(bytes), now, hours{1});
  }
  void apply(std::int32_t sequence, int records = 1, bool transactional = false) {
    auto bytes = batch(sequence, records, transactional);
    protocol::patch_base_offset_and_epoch(bytes, end, LeaderEpoch{0});
    end = view_of(bytes).next_offset();
    state.apply(view_of(bytes), now);
  }
  void marker(std::int32_t coordinator_epoch = 0) {
    const auto bytes = protocol::build_control_batch({.type = protocol::ControlType::commit,
                                                      .producer_id = id,
                                                      .producer_epoch = epoch,
                                                      .coordinator_epoch = coordinator_epoch,
                                                      .timestamp = now,
                                                      .base_offset = end});
    end = end.next();
    state.apply(view_of(bytes), now);
  }
  static std::optional<ErrorCode> code(const ProducerVerdict& verdict) {
    const auto* const rejected = std::get_if<ProducerRejected>(&verdict);
    return rejected ? std::optional{rejected->code} : std::nullopt;
  }

  ProducerState state;
  ProducerId id{42};
  ProducerEpoch epoch{1};
  Offset end{0};
  Timestamp now = kNow;
};

const ProducerVerdict kOk{ProducerOk{}};

TEST_CASE("producer: a window of five batches is recognised, older ones are out of order",
          "[log][producer]") {
  Sender s;
  for (std::int32_t i = 0; i < 6; ++i) s.apply(i * 2, 2);
  for (std::int32_t i = 1; i < 6; ++i) {
    const auto verdict = s.check(i * 2, 2);
    REQUIRE(std::holds_alternative<ProducerDuplicate>(verdict));
    CHECK(std::get<ProducerDuplicate>(verdict).base_offset == Offset{i * 2});
    CHECK(std::get<ProducerDuplicate>(verdict).last_offset == Offset{i * 2 + 1});
  }
  CHECK(Sender::code(s.check(0, 2)) == ErrorCode::out_of_order_sequence_number);
  CHECK(Sender::code(s.check(10, 1)) == ErrorCode::out_of_order_sequence_number);  // half of one
  CHECK(s.check(12) == kOk);
  CHECK(Sender::code(s.check(13)) == ErrorCode::out_of_order_sequence_number);
}

TEST_CASE("producer: an unknown producer may begin anywhere", "[log][producer]") {
  Sender s;
  CHECK(s.check(1000) == kOk);
}

TEST_CASE("producer: a new epoch begins at 0, an old one is fenced", "[log][producer]") {
  Sender s;
  s.apply(0, 5);
  s.epoch = ProducerEpoch{2};
  CHECK(Sender::code(s.check(5)) == ErrorCode::out_of_order_sequence_number);
  CHECK(s.check(0) == kOk);
  s.apply(0);
  s.epoch = ProducerEpoch{1};
  CHECK(Sender::code(s.check(5)) == ErrorCode::invalid_producer_epoch);
  CHECK(Sender::code(s.check(0, 5)) ==
        ErrorCode::invalid_producer_epoch);  // no longer a repetition
}

TEST_CASE("producer: sequences wrap behind the largest", "[log][producer]") {
  Sender s;
  s.apply(2147483646, 4);  // 2147483646, 2147483647, 0, 1
  CHECK(std::holds_alternative<ProducerDuplicate>(s.check(2147483646, 4)));
  CHECK(s.check(2) == kOk);
  CHECK(Sender::code(s.check(3)) == ErrorCode::out_of_order_sequence_number);
}

TEST_CASE("producer: a transaction holds the stable offset until its marker is replicated",
          "[log][producer]") {
  Sender s;
  s.apply(0, 3);
  s.apply(3, 2, true);
  s.apply(5, 2, true);
  CHECK(s.state.first_open() == Offset{3});
  CHECK(s.state.last_stable(Offset{7}) == Offset{3});
  CHECK(s.state.last_stable(Offset{2}) == Offset{2});
  CHECK(Sender::code(s.check(7, 1, false)) == ErrorCode::invalid_txn_state);
  s.marker();  // at 7
  CHECK_FALSE(s.state.first_open().has_value());
  CHECK(s.state.last_stable(Offset{7}) == Offset{3});
  CHECK(s.state.last_stable(Offset{8}) == Offset{8});
}

TEST_CASE("producer: a marker from an old coordinator or epoch is fenced", "[log][producer]") {
  Sender s;
  s.apply(0, 1, true);
  s.marker(5);
  const auto check = [&](std::int16_t epoch, std::int32_t coordinator) {
    return Sender::code(s.state.check_marker(s.id, ProducerEpoch{epoch}, coordinator));
  };
  CHECK(check(1, 4) == ErrorCode::transaction_coordinator_fenced);
  CHECK(check(0, 5) == ErrorCode::invalid_producer_epoch);
  CHECK_FALSE(check(1, 5).has_value());
}

TEST_CASE("producer: an idle producer is forgotten, one in a transaction is not",
          "[log][producer]") {
  Sender s;
  s.apply(0, 5);
  s.now = s.now + hours{1};
  CHECK(s.check(99) == kOk);
  CHECK(s.state.expire(s.now, hours{1}) == 1);
  s.apply(0, 1, true);
  CHECK(s.state.expire(s.now + hours{50}, hours{1}) == 0);
}

TEST_CASE("producer: a snapshot is read back, and any flipped bit refused", "[log][producer]") {
  Sender s;
  for (std::int32_t i = 0; i < 7; ++i) s.apply(i);
  s.apply(7, 1, true);
  s.id = ProducerId{3};
  s.apply(0, 2, true);
  s.marker(9);
  const auto bytes = s.state.encode();
  auto decoded = ProducerState::decode(bytes);
  REQUIRE(decoded.has_value());
  CHECK(*decoded == s.state);
  CHECK(decoded->first_open() == Offset{7});
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    auto flipped = bytes;
    flipped[i] ^= std::byte{0x04};
    REQUIRE(ProducerState::decode(flipped).has_error());
    REQUIRE(ProducerState::decode(Bytes{bytes}.first(i)).has_error());
  }
}

TEST_CASE("producer snapshot: numbers that no broker writes are damage", "[log][producer_state]") {
  const auto written = [](const ProducerEntry& entry, ProducerId id) {
    // By hand, for the state itself would never get there.
    SmallFileWriter file{0x4d505331};
    file.put(std::uint32_t{1});
    file.put(id.value);
    file.put(entry.epoch.value);
    file.put(std::int32_t{-1});
    file.put(std::int64_t{-1});
    file.put(entry.last_seen.value);
    file.put(std::uint8_t{1});
    file.put(entry.batches[0].last_sequence.value);
    file.put(entry.batches[0].last_offset.value);
    file.put(entry.batches[0].offset_delta);
    file.put(entry.batches[0].timestamp.value);
    return std::move(file).finish();
  };
  ProducerEntry entry;
  entry.batch_count = 1;
  entry.batches[0] = {Sequence{9}, Offset{9}, 9, Timestamp{5}};
  REQUIRE(ProducerState::decode(written(entry, ProducerId{1})).has_value());
  CHECK_FALSE(ProducerState::decode(written(entry, ProducerId{-1})).has_value());
  auto changed = entry;
  changed.last_seen = Timestamp{std::numeric_limits<std::int64_t>::min()};
  CHECK_FALSE(ProducerState::decode(written(changed, ProducerId{1})).has_value());
  changed = entry;
  changed.batches[0].last_offset = Offset{8};
  CHECK_FALSE(ProducerState::decode(written(changed, ProducerId{1})).has_value());
  changed = entry;
  changed.batches[0].last_sequence = Sequence{-1};
  CHECK_FALSE(ProducerState::decode(written(changed, ProducerId{1})).has_value());
  changed = entry;
  changed.batches[0].offset_delta = -1;
  CHECK_FALSE(ProducerState::decode(written(changed, ProducerId{1})).has_value());
}

}  // namespace
}  // namespace millrace::log
