#include "broker/group/records.hpp"

#include <catch2/catch.hpp>

#include "broker/group/coordinator.hpp"
#include "protocol/base/rng.hpp"
#include "protocol/errc.hpp"

namespace millrace::broker {
namespace {

std::string hex(Bytes bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const std::byte b : bytes) {
    text += kDigits[std::to_integer<unsigned>(b) >> 4];
    text += kDigits[std::to_integer<unsigned>(b) & 0xf];
  }
  return text;
}

const TopicPartition kPartition{"t", PartitionIndex{3}};

CommittedOffset some_offset() {
  return {.offset = 5,
          .leader_epoch = 2,
          .metadata = "m",
          .committed_at = Timestamp{7},
          .expires_at = {},
          .topic_id = {}};
}

Result<DecodedRecord> decode(const GroupRecord& record) {
  return decode_record(record.key,
                       record.value ? std::optional<Bytes>{*record.value} : std::nullopt);
}

TEST_CASE("group records: an offset is written byte by byte as Kafka writes it",
          "[broker][group][records]") {
  const auto record = encode_offset("g", kPartition, some_offset());
  CHECK(hex(record.key) ==
        "0001"
        "000167"
        "000174"
        "00000003");
  CHECK(hex(*record.value) ==
        "0003"
        "0000000000000005"
        "00000002"
        "00016d"
        "0000000000000007");
}

TEST_CASE("group records: an offset comes back as it was, in each of the three versions",
          "[broker][group][records]") {
  auto offset = some_offset();
  SECTION("plain") {}
  SECTION("with the topic's id") {
    offset.topic_id.bytes[0] = 9;
  }
  SECTION("with an expiry, which leaves no room for the leader epoch") {
    offset.expires_at = Timestamp{100};
    offset.leader_epoch = -1;
  }
  const auto decoded = decode(encode_offset("g", kPartition, offset));
  CHECK(std::get<OffsetRecord>(decoded.value()) == OffsetRecord{"g", kPartition, offset});
}

TEST_CASE("group records: a group comes back as it was", "[broker][group][records]") {
  protocol::GroupMetadataValue value;
  value.protocol_type = "consumer";
  value.generation = 4;
  value.protocol = "range";
  value.leader = "a-1";
  value.current_state_timestamp = 77;
  value.members.push_back({.member_id = "a-1",
                           .group_instance_id = "i",
                           .client_id = "a",
                           .client_host = "/h",
                           .rebalance_timeout = 1,
                           .session_timeout = 2,
                           .subscription = SharedBytes::copy_of(as_bytes("s")),
                           .assignment = SharedBytes::copy_of(as_bytes("x"))});
  const auto record = encode_group("g", value);
  CHECK(hex(Bytes{*record.value}.first(2)) == "0003");
  CHECK(std::get<ClassicGroupRecord>(decode(record).value()) == ClassicGroupRecord{"g", value});
}

TEST_CASE("group records: tombstones name what they delete", "[broker][group][records]") {
  const auto offset = decode(encode_offset_tombstone("g", kPartition)).value();
  CHECK(std::get<OffsetRecord>(offset) == OffsetRecord{"g", kPartition, std::nullopt});
  const auto group = decode(encode_group_tombstone("g")).value();
  CHECK(std::get<ClassicGroupRecord>(group) == ClassicGroupRecord{"g", std::nullopt});
}

TEST_CASE("group records: every change of a consumer group is read as it was written",
          "[broker][group][records]") {
  TopicId topic;
  topic.bytes[3] = 7;
  const MemberProgress progress{.epoch = 5,
                                .previous_epoch = 4,
                                .state = MemberState::unrevoked_partitions,
                                .assigned = {{topic, {0, 2}}},
                                .revoking = {{topic, {1}}}};
  MemberSubscription subscription;
  subscription.instance_id = "i";
  subscription.subscribed_topic_names = {"t", "u"};
  subscription.subscribed_topic_regex = "t.*";
  subscription.rebalance_timeout_ms = 1'000;
  const std::vector<ConsumerChange> changes{EpochChange{{{7, 99}}},
                                            EpochChange{},
                                            SubscriptionChange{"m", subscription},
                                            SubscriptionChange{"m", {}},
                                            TargetEpochChange{{{6, 1'000}}},
                                            TargetEpochChange{},
                                            TargetChange{"m", PartitionSets{{topic, {0, 1, 2}}}},
                                            TargetChange{"m", PartitionSets{}},
                                            TargetChange{"m", {}},
                                            ProgressChange{"m", progress},
                                            ProgressChange{"m", {}},
                                            RegexChange{"t.*", ResolvedRegex{{"t"}, 1, 2}},
                                            RegexChange{"t.*", {}}};
  for (const auto& change : changes) {
    const auto decoded = decode(encode_change("g", change)).value();
    const auto* const record = std::get_if<ConsumerGroupRecord>(&decoded);
    REQUIRE(record != nullptr);
    CHECK(record->group == "g");
    CHECK(record->change == change);
    auto cut = encode_change("g", change);
    while (cut.value && !cut.value->empty()) {
      cut.value->pop_back();
      CHECK(!decode(cut).has_value());
    }
    cut = encode_change("g", change);
    while (cut.key.size() > 2) {  // what is left of the type is another key
      cut.key.pop_back();
      CHECK(!decode(cut).has_value());
    }
  }
}

TEST_CASE("group records: a member state of a later build is skipped", "[broker][group][records]") {
  auto record = encode_change("g", ProgressChange{"m", MemberProgress{}});
  (*record.value)[10] = std::byte{3};  // behind version and two epochs
  CHECK(std::holds_alternative<std::monostate>(decode(record).value()));
}

TEST_CASE("group records: types and versions of a later build are skipped",
          "[broker][group][records]") {
  const auto good = encode_offset("g", kPartition, some_offset());
  GroupRecord later = good;
  SECTION("type") {
    later.key[1] = std::byte{99};
  }
  SECTION("value version") {
    (*later.value)[1] = std::byte{5};
  }
  CHECK(std::holds_alternative<std::monostate>(decode(later).value()));
  GroupCoordinator core{{}};
  CHECK(core.replay(later.key, Bytes{*later.value}, {}).value() ==
        GroupCoordinator::Replayed::skipped);
}

TEST_CASE("group records: a record cut anywhere is damaged and changes nothing",
          "[broker][group][records]") {
  const auto good = encode_offset("g", kPartition, some_offset());
  GroupCoordinator core{{}};
  for (std::size_t size = 0; size < good.key.size(); ++size) {
    CHECK(core.replay(Bytes{good.key}.first(size), Bytes{*good.value}, {}).has_error());
  }
  for (std::size_t size = 0; size < good.value->size(); ++size) {
    CHECK(core.replay(good.key, Bytes{*good.value}.first(size), {}).has_error());
  }
  auto longer = *good.value;
  longer.push_back(std::byte{0});
  CHECK(core.replay(good.key, Bytes{longer}, {}).error() == protocol::Errc::trailing_bytes);
  core.finish_loading({});
  CHECK(core.list({}, {}).empty());
}

TEST_CASE("group records: random bytes never load as more than they are",
          "[broker][group][records]") {
  SeededRng rng{7};
  const auto good = encode_offset("g", kPartition, some_offset());
  for (int i = 0; i < 20'000; ++i) {
    GroupRecord record = good;
    record.key[rng.below(record.key.size())] = static_cast<std::byte>(rng.next());
    (*record.value)[rng.below(record.value->size())] = static_cast<std::byte>(rng.next());
    (void)decode(record);
  }
}

}  // namespace
}  // namespace millrace::broker
