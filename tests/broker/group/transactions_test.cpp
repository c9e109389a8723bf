#include <catch2/catch.hpp>

#include "broker/group/coordinator.hpp"
#include "tests/broker/group/topics.hpp"

/// Offsets that are committed with transactions.
namespace millrace::broker {
namespace {

using protocol::ErrorCode;

constexpr TransactionOf kCopier{ProducerId{100}, ProducerEpoch{0}};
constexpr TransactionOf kOther{ProducerId{200}, ProducerEpoch{0}};

/// A coordinator, and the log of what it wrote, with markers between the records.
class Offsets {
 public:
  struct Entry {
    GroupRecord record;
    std::optional<TransactionOf> transaction;
    std::optional<bool> marker;  // commit or abort, instead of a record
  };

  Offsets() {
    topics_.create("t", 3);
    core_ = std::make_unique<GroupCoordinator>(GroupSettings{});
    core_->finish_loading(at_);
  }
  ErrorCode commit(std::int64_t offset, std::optional<TransactionOf> transaction = {},
                   std::int32_t generation = -1, std::string member = "") {
    protocol::OffsetCommitRequest request;
    request.group_id = "g";
    request.generation_id_or_member_epoch = generation;
    request.member_id = std::move(member);
    auto& topic = request.topics.emplace_back();
    topic.name = "t";
    topic.partitions.push_back({.partition_index = 0, .committed_offset = offset});
    const GroupClient client{"c", "/10.0.0.1", 8};
    auto out = transaction
                   ? core_->txn_offset_commit(request, *transaction, client, 1, at_, topics_)
                   : core_->offset_commit(request, client, 1, at_, topics_);
    if (out.ticket) {
      REQUIRE(out.transaction == transaction);
      for (const auto& record : out.records) log_.push_back({record, out.transaction, {}});
      auto done = core_->committed(*out.ticket, at_);
      out.replies = std::move(done.replies);
    }
    REQUIRE(out.replies.size() == 1);
    const auto& response = std::get<protocol::OffsetCommitResponse>(out.replies[0].response);
    return response.topics.at(0).partitions.at(0).error_code;
  }
  void end(const TransactionOf& transaction, bool commit) {
    log_.push_back({{}, transaction, commit});
    core_->end_transaction(transaction.producer, commit);
  }
  void restart() {
    core_ = std::make_unique<GroupCoordinator>(GroupSettings{});
    for (const auto& [record, transaction, marker] : log_) {
      if (marker) {
        core_->end_transaction(transaction->producer, *marker);
      } else if (transaction) {
        REQUIRE(core_->replay_in_transaction(transaction->producer, record.key, *record.value)
                    .has_value());
      } else {
        REQUIRE(core_->replay(record.key, *record.value, at_.wall).has_value());
      }
    }
    core_->finish_loading(at_);
  }
  /// As compaction would leave it: of each key the last record.
  void compact() {
    std::erase_if(log_, [&](const Entry& entry) {
      if (entry.marker) return false;
      const auto last = std::find_if(log_.rbegin(), log_.rend(), [&](const Entry& other) {
        return !other.marker && other.record.key == entry.record.key;
      });
      return &*last != &entry;
    });
  }
  std::pair<std::int64_t, ErrorCode> fetch(bool stable = false) const {
    protocol::OffsetFetchRequest::OffsetFetchRequestGroup request;
    request.group_id = "g";
    request.topics.emplace();
    request.topics->push_back({.name = "t", .partition_indexes = {0}});
    const auto answer = core_->offset_fetch(request, 8, topics_, stable);
    const auto& partition = answer.topics.at(0).partitions.at(0);
    return {partition.committed_offset, partition.error_code};
  }

 private:
  FakeTopics topics_;
  std::unique_ptr<GroupCoordinator> core_;
  std::vector<Entry> log_;
  Moment at_{Instant{}, Timestamp{1'000'000}};
};

using Fetched = std::pair<std::int64_t, ErrorCode>;

TEST_CASE("group transactions: an offset counts with its marker", "[broker][group][transaction]") {
  Offsets g;
  REQUIRE(g.commit(5) == ErrorCode::none);
  REQUIRE(g.commit(9, kCopier) == ErrorCode::none);
  const bool restarted = GENERATE(false, true);
  if (restarted) g.restart();
  CHECK(g.fetch() == Fetched{5, ErrorCode::none});
  CHECK(g.fetch(true) == Fetched{-1, ErrorCode::unstable_offset_commit});
  const bool commit = GENERATE(false, true);
  g.end(kCopier, commit);
  CHECK(g.fetch(true) == Fetched{commit ? 9 : 5, ErrorCode::none});
  g.restart();
  CHECK(g.fetch(true) == Fetched{commit ? 9 : 5, ErrorCode::none});
}

TEST_CASE("group transactions: the last of several in one transaction counts",
          "[broker][group][transaction]") {
  Offsets g;
  g.commit(1, kCopier);
  g.commit(2, kCopier);
  g.end(kOther, true);
  CHECK(g.fetch(true).second == ErrorCode::unstable_offset_commit);
  g.end(kCopier, true);
  CHECK(g.fetch(true) == Fetched{2, ErrorCode::none});
}

TEST_CASE("group transactions: the later record counts, whatever marker comes first, and compacted",
          "[broker][group][transaction]") {
  Offsets g;
  g.commit(1, kCopier);
  SECTION("a commit without a transaction") {
    g.commit(2);
    g.end(kCopier, true);
  }
  SECTION("one of another transaction") {
    g.commit(2, kOther);
    g.end(kOther, true);
    g.end(kCopier, true);
  }
  CHECK(g.fetch(true) == Fetched{2, ErrorCode::none});
  g.restart();
  CHECK(g.fetch(true) == Fetched{2, ErrorCode::none});
  g.compact();
  g.restart();
  CHECK(g.fetch(true) == Fetched{2, ErrorCode::none});
}

TEST_CASE("group transactions: who names a member must be it", "[broker][group][transaction]") {
  Offsets g;
  CHECK(g.commit(1, kCopier, 3, "m") == ErrorCode::illegal_generation);  // there is no such group
  CHECK(g.commit(1, kCopier) == ErrorCode::none);
  CHECK(g.commit(1, kCopier, 3, "m") == ErrorCode::unknown_member_id);
  CHECK(g.fetch().first == -1);
}

}  // namespace
}  // namespace millrace::broker
