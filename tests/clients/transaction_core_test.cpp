#include "clients/transaction_core.hpp"

#include <catch2/catch.hpp>

using namespace millrace;
using namespace millrace::clients;
using protocol::ErrorCode;

namespace {

using Core = TransactionCore;
using State = Core::State;
using Meaning = Core::Meaning;

const TopicPartition kFirst{"t", PartitionIndex{0}};
const TopicPartition kSecond{"t", PartitionIndex{1}};
constexpr ProducerIdentity kFirstEpoch{ProducerId{9}, ProducerEpoch{0}};
constexpr ProducerIdentity kNextEpoch{ProducerId{9}, ProducerEpoch{1}};
const ClientError kLost{.code = Errc::connection_lost, .message = "lost", .retriable = true};
const PartitionOffsets kOffsets{{kFirst, Offset{5}}};
const GroupMetadata kMember{.group = "g"};
constexpr std::chrono::milliseconds kPatience{1'000};

Core::Answer ok(std::optional<ProducerIdentity> identity = {}) {
  return {.code = ErrorCode::none, .identity = identity};
}
Core::Answer says(ErrorCode code) {
  return {.code = code, .identity = {}};
}

struct Bench {
  explicit Bench(TransactionVersion version_ = TransactionVersion::v2) : version{version_} {
    REQUIRE(core.init());
    expect(Core::Init{}, ok(kFirstEpoch));
    REQUIRE(core.state() == State::ready);
    REQUIRE(core.begin(version));
  }
  /// The next question is this one, and is answered so; whether it will be asked again.
  bool expect(const Core::Question& question, const Outcome<Core::Answer>& answer) {
    const auto next = core.next(batches);
    REQUIRE(next);
    REQUIRE(*next == question);
    return core.answered(*next, answer, now);
  }
  void expect_nothing() { CHECK_FALSE(core.next(batches)); }

  TransactionVersion version;
  Core core{"id", kPatience};
  Core::Batches batches;
  Instant now;
};

}  // namespace

TEST_CASE("transaction core: calls out of turn are refused and change nothing",
          "[clients][transactions]") {
  Core core{"id", kPatience};
  CHECK(core.begin(TransactionVersion::v2).error().code == Errc::out_of_turn);
  CHECK(core.commit().error().code == Errc::out_of_turn);
  CHECK(core.abort().error().code == Errc::out_of_turn);
  CHECK(core.check_send().error().code == Errc::out_of_turn);
  CHECK(core.state() == State::fresh);
  Bench bench;
  CHECK(bench.core.init().error().code == Errc::out_of_turn);
  CHECK(bench.core.begin(TransactionVersion::v2).error().code == Errc::out_of_turn);
  CHECK(bench.core.check_send());
  CHECK(bench.core.admits(kFirst));
  REQUIRE(bench.core.commit());
  CHECK(bench.expect(Core::End{true}, kLost));
  CHECK(bench.core.abort().error().code == Errc::out_of_turn);  // it may have come true
  CHECK(bench.core.check_send().error().code == Errc::out_of_turn);
  CHECK_FALSE(bench.core.send_offsets(kMember, kOffsets));
}

TEST_CASE("transaction core: version 1 adds partitions and groups before they are used",
          "[clients][transactions]") {
  Bench bench{TransactionVersion::v1};
  CHECK_FALSE(bench.core.admits(kFirst));
  CHECK_FALSE(bench.core.admits(kSecond));
  const Core::AddPartitions both{{kFirst, kSecond}};
  CHECK(bench.expect(both, says(ErrorCode::concurrent_transactions)));
  CHECK_FALSE(bench.core.admits(kFirst));
  CHECK_FALSE(bench.expect(both, ok()));
  CHECK(bench.core.admits(kFirst));
  const auto number = bench.core.send_offsets(kMember, kOffsets);
  REQUIRE(number);
  bench.expect(Core::AddOffsets{"g"}, ok());
  CHECK(bench.core.offsets_pending(*number));
  bench.expect(Core::CommitOffsets{kMember, kOffsets}, ok());
  CHECK_FALSE(bench.core.offsets_pending(*number));
  REQUIRE(bench.core.commit());
  bench.expect(Core::End{true}, ok());
  CHECK(bench.core.state() == State::ready);
  CHECK(bench.core.identity() == kFirstEpoch);
  REQUIRE(bench.core.begin(TransactionVersion::v1));
  CHECK_FALSE(bench.core.admits(kFirst));  // of the transaction before
}

TEST_CASE("transaction core: version 2 adds nothing by itself and ends with another epoch",
          "[clients][transactions]") {
  Bench bench;
  CHECK(bench.core.admits(kFirst));
  REQUIRE(bench.core.send_offsets(kMember, kOffsets));
  bench.expect(Core::CommitOffsets{kMember, kOffsets}, ok());
  REQUIRE(bench.core.commit());
  CHECK(bench.expect(Core::End{true}, kLost));
  CHECK_FALSE(bench.expect(Core::End{true}, ok(kNextEpoch)));
  CHECK(bench.core.identity() == kNextEpoch);
}

TEST_CASE("transaction core: the end waits for the batches, and for offsets",
          "[clients][transactions]") {
  Bench bench;
  CHECK(bench.core.admits(kFirst));
  REQUIRE(bench.core.send_offsets(kMember, kOffsets));
  REQUIRE(bench.core.commit());
  bench.batches.left = true;
  bench.expect(Core::CommitOffsets{kMember, kOffsets}, ok());
  bench.expect_nothing();
  bench.batches.left = false;
  bench.expect(Core::End{true}, ok(kNextEpoch));
}

TEST_CASE("transaction core: what nothing was added to ends without a question",
          "[clients][transactions]") {
  for (const auto version : {TransactionVersion::v1, TransactionVersion::v2}) {
    Bench bench{version};
    REQUIRE(bench.core.commit());
    bench.expect_nothing();
    CHECK(bench.core.state() == State::ready);
    REQUIRE(bench.core.begin(version));
    REQUIRE(bench.core.abort());
    bench.expect_nothing();
    CHECK(bench.core.state() == State::ready);
  }
}

TEST_CASE("transaction core: an end that came unheard may be asked for once more",
          "[clients][transactions]") {
  Bench bench;
  CHECK(bench.core.admits(kFirst));
  REQUIRE(bench.core.commit());
  bench.expect(Core::End{true}, ok(kNextEpoch));
  CHECK_FALSE(bench.core.abort());
  CHECK(bench.core.commit());
  bench.core.heard_end();
  CHECK(bench.core.commit().error().code == Errc::out_of_turn);
}

TEST_CASE("transaction core: after a record is given up nothing but an abort helps",
          "[clients][transactions]") {
  Bench bench;
  CHECK(bench.core.admits(kFirst));
  REQUIRE(bench.core.send_offsets(kMember, kOffsets));
  REQUIRE(bench.core.commit());
  bench.core.record_failed({.code = Errc::timed_out, .message = "too late", .retriable = true});
  CHECK(bench.core.state() == State::must_abort);
  CHECK(bench.core.commit().error().code == Errc::must_abort);
  CHECK(bench.core.commit().error().message.find("too late") != std::string::npos);
  CHECK_FALSE(bench.core.admits(kFirst));
  bench.expect_nothing();
  REQUIRE(bench.core.abort());
  bench.expect(Core::End{false}, ok(kNextEpoch));
  CHECK(bench.core.state() == State::ready);
  CHECK(bench.core.identity() == kNextEpoch);
}

TEST_CASE("transaction core: an abort of version 1 takes a new epoch if a batch's fate is unclear",
          "[clients][transactions]") {
  for (const bool unclear : {false, true}) {
    Bench bench{TransactionVersion::v1};
    CHECK_FALSE(bench.core.admits(kFirst));
    bench.expect(Core::AddPartitions{{kFirst}}, ok());
    bench.batches.unclear = unclear;
    REQUIRE(bench.core.abort());
    bench.expect(Core::End{false}, ok());
    if (unclear) {
      CHECK(bench.core.state() == State::aborting);
      CHECK(bench.expect(Core::Init{kFirstEpoch}, says(ErrorCode::concurrent_transactions)));
      bench.expect(Core::Init{kFirstEpoch}, ok(kNextEpoch));
    }
    CHECK(bench.core.state() == State::ready);
    CHECK(bench.core.identity() == (unclear ? kNextEpoch : kFirstEpoch));
  }
}

TEST_CASE("transaction core: an addition whose answer was lost is settled before the abort",
          "[clients][transactions]") {
  Bench bench{TransactionVersion::v1};
  CHECK_FALSE(bench.core.admits(kFirst));
  CHECK(bench.expect(Core::AddPartitions{{kFirst}}, kLost));
  REQUIRE(bench.core.abort());
  CHECK(bench.expect(Core::AddPartitions{{kFirst}}, kLost));
  SECTION("it was done: there is a transaction to end") {
    CHECK_FALSE(bench.expect(Core::AddPartitions{{kFirst}}, ok()));
    bench.expect(Core::End{false}, ok());
  }
  SECTION("it was refused: there is none") {
    const auto refused = says(ErrorCode::topic_authorization_failed);
    CHECK_FALSE(bench.expect(Core::AddPartitions{{kFirst}}, refused));
    bench.expect_nothing();
  }
  CHECK(bench.core.state() == State::ready);
}

TEST_CASE("transaction core: an addition that is to be asked again may have been done all the same",
          "[clients][transactions]") {
  // A call tries more than once: the code that came last says nothing of the attempts before.
  for (const auto code : {ErrorCode::concurrent_transactions, ErrorCode::not_coordinator}) {
    Bench bench{TransactionVersion::v1};
    const bool group = GENERATE(false, true);
    Core::Question addition = Core::AddPartitions{{kFirst}};
    if (group) {
      REQUIRE(bench.core.send_offsets(kMember, kOffsets));
      addition = Core::AddOffsets{"g"};
    } else {
      CHECK_FALSE(bench.core.admits(kFirst));
    }
    CHECK(bench.expect(addition, says(code)));
    REQUIRE(bench.core.abort());
    CHECK_FALSE(bench.expect(addition, ok()));
    bench.expect(Core::End{false}, ok());
    CHECK(bench.core.state() == State::ready);
  }
}

TEST_CASE("transaction core: an abort does not wait for a topic that is not there",
          "[clients][transactions]") {
  Bench bench{TransactionVersion::v1};
  CHECK_FALSE(bench.core.admits(kFirst));
  const auto unknown = says(ErrorCode::unknown_topic_or_partition);
  CHECK(bench.expect(Core::AddPartitions{{kFirst}}, unknown));
  REQUIRE(bench.core.abort());
  CHECK_FALSE(bench.expect(Core::AddPartitions{{kFirst}}, unknown));
  bench.expect_nothing();
  CHECK(bench.core.state() == State::ready);
}

TEST_CASE("transaction core: offsets of a topic that stays unknown spoil the transaction",
          "[clients][transactions]") {
  Bench bench;
  REQUIRE(bench.core.send_offsets(kMember, kOffsets));
  REQUIRE(bench.core.commit());
  const Core::CommitOffsets offsets{kMember, kOffsets};
  const auto unknown = says(ErrorCode::unknown_topic_or_partition);
  CHECK(bench.expect(offsets, unknown));
  bench.now += kPatience;
  CHECK(bench.expect(offsets, says(ErrorCode::not_coordinator)));  // who knows, then
  CHECK(bench.expect(offsets, unknown));
  bench.now += kPatience - std::chrono::milliseconds{1};
  CHECK(bench.expect(offsets, unknown));
  bench.now += std::chrono::milliseconds{1};
  CHECK_FALSE(bench.expect(offsets, unknown));
  CHECK(bench.core.state() == State::must_abort);
  CHECK(bench.core.error().broker_code == ErrorCode::unknown_topic_or_partition);
  REQUIRE(bench.core.abort());
  bench.expect(Core::End{false}, ok(kNextEpoch));
  CHECK(bench.core.state() == State::ready);
}

TEST_CASE("transaction core: a commit may be given up until its end is asked for",
          "[clients][transactions]") {
  Bench bench;
  REQUIRE(bench.core.send_offsets(kMember, kOffsets));
  REQUIRE(bench.core.commit());
  CHECK(bench.expect(Core::CommitOffsets{kMember, kOffsets}, kLost));
  REQUIRE(bench.core.abort());
  CHECK(bench.core.commit().error().code == Errc::out_of_turn);
  bench.expect(Core::End{false}, ok(kNextEpoch));
  CHECK(bench.core.ended_with_commit() == false);
  // The one after that is another matter.
  REQUIRE(bench.core.begin(bench.version));
  CHECK_FALSE(bench.core.ended_with_commit());
  CHECK(bench.core.admits(kFirst));
  REQUIRE(bench.core.commit());
  CHECK_FALSE(bench.expect(Core::End{true}, ok(kFirstEpoch)));
  CHECK(bench.core.ended_with_commit() == true);
}

TEST_CASE("transaction core: what has been initialised unheard may be initialised once more",
          "[clients][transactions]") {
  Core core{"id", kPatience};
  REQUIRE(core.init());
  REQUIRE(core.next({}) == Core::Question{Core::Init{}});
  CHECK_FALSE(core.answered(Core::Init{}, ok(kFirstEpoch), Instant{}));
  CHECK(core.init());
  CHECK(core.state() == State::ready);
  REQUIRE(core.begin(TransactionVersion::v2));
  CHECK(core.init().error().code == Errc::out_of_turn);
}

TEST_CASE("transaction core: a fenced producer is at its end", "[clients][transactions]") {
  for (const auto code : {ErrorCode::producer_fenced, ErrorCode::invalid_producer_epoch}) {
    Bench bench;
    CHECK(bench.core.admits(kFirst));
    REQUIRE(bench.core.commit());
    CHECK_FALSE(bench.expect(Core::End{true}, says(code)));
    CHECK(bench.core.state() == State::failed);
    CHECK(bench.core.abort().error().code == Errc::fenced);
    CHECK(bench.core.begin(TransactionVersion::v2).error().code == Errc::fenced);
    bench.core.record_failed(kLost);
    bench.expect_nothing();
    CHECK(bench.core.state() == State::failed);
  }
}

TEST_CASE("transaction core: each code means what Kafka's client takes it for",
          "[clients][transactions]") {
  const std::vector<Core::Question> all{Core::Init{}, Core::AddPartitions{}, Core::AddOffsets{},
                                        Core::CommitOffsets{}, Core::End{}};
  const auto meanings = [&](ErrorCode code) {
    std::string text;
    for (const auto& question : all)
      text += std::string{"-raf"}[static_cast<std::size_t>(Core::meaning(question, code))];
    return text;
  };
  //                                                    init, partitions, group, offsets, end
  CHECK(meanings(ErrorCode::none) == "-----");
  CHECK(meanings(ErrorCode::not_coordinator) == "rrrrr");
  CHECK(meanings(ErrorCode::coordinator_not_available) == "rrrrr");
  CHECK(meanings(ErrorCode::coordinator_load_in_progress) == "rrrrr");
  CHECK(meanings(ErrorCode::concurrent_transactions) == "rrrrr");
  CHECK(meanings(ErrorCode::unknown_topic_or_partition) == "frfrf");
  CHECK(meanings(ErrorCode::transaction_abortable) == "aaaaa");
  CHECK(meanings(ErrorCode::topic_authorization_failed) == "fafaf");
  CHECK(meanings(ErrorCode::group_authorization_failed) == "ffaaf");
  CHECK(meanings(ErrorCode::illegal_generation) == "fffaf");
  CHECK(meanings(ErrorCode::unknown_member_id) == "fffaf");
  CHECK(meanings(ErrorCode::fenced_instance_id) == "fffaf");
  CHECK(meanings(ErrorCode::producer_fenced) == "fffff");
  CHECK(meanings(ErrorCode::invalid_producer_epoch) == "fffff");
  CHECK(meanings(ErrorCode::invalid_txn_state) == "fffff");
  CHECK(meanings(ErrorCode::invalid_producer_id_mapping) == "fffff");
  CHECK(meanings(ErrorCode::transactional_id_authorization_failed) == "fffff");
}

TEST_CASE("transaction core: of several codes the one that decides is told",
          "[clients][transactions]") {
  const Core::Question add = Core::AddPartitions{};
  using Codes = std::vector<ErrorCode>;
  const auto of = [&](const Codes& codes) { return Core::decisive(add, codes); };
  CHECK(of({}) == ErrorCode::none);
  CHECK(of({ErrorCode::none, ErrorCode::operation_not_attempted}) ==
        ErrorCode::operation_not_attempted);
  CHECK(of({ErrorCode::operation_not_attempted, ErrorCode::unknown_topic_or_partition}) ==
        ErrorCode::unknown_topic_or_partition);
  CHECK(of({ErrorCode::unknown_topic_or_partition, ErrorCode::topic_authorization_failed}) ==
        ErrorCode::topic_authorization_failed);
  CHECK(of({ErrorCode::producer_fenced, ErrorCode::topic_authorization_failed}) ==
        ErrorCode::producer_fenced);
}
