#include "broker/group/offsets.hpp"

#include <catch2/catch.hpp>

#include "broker/group/coordinator.hpp"
#include "broker/group/subscription.hpp"
#include "protocol/messages/consumer_protocol.hpp"
#include "tests/broker/group/topics.hpp"

namespace millrace::broker {
namespace {

using std::chrono::milliseconds;

TopicPartition at(const std::string& topic, std::int32_t index) {
  return {topic, PartitionIndex{index}};
}
CommittedOffset committed(std::int64_t wall) {
  CommittedOffset offset;
  offset.committed_at = Timestamp{wall};
  return offset;
}

TEST_CASE("group offsets: subscribed topics do not expire, others do by their commit",
          "[broker][group][offsets]") {
  GroupOffsets offsets;
  offsets.apply(at("old", 0), committed(0));
  offsets.apply(at("old", 1), committed(50));
  offsets.apply(at("used", 0), committed(0));
  const OffsetExpiryRule rule{.applies = true, .idle_since = {}, .subscribed = {"used"}};
  CHECK(offsets.expired(rule, milliseconds{100}, Timestamp{99}).empty());
  CHECK(offsets.expired(rule, milliseconds{100}, Timestamp{100}) == std::vector{at("old", 0)});
  CHECK(offsets.expired({}, milliseconds{100}, Timestamp{1'000}).empty());
}

TEST_CASE("group offsets: in an idle group retention counts from when it became idle",
          "[broker][group][offsets]") {
  GroupOffsets offsets;
  offsets.apply(at("t", 0), committed(0));
  const OffsetExpiryRule rule{.applies = true, .idle_since = Timestamp{500}, .subscribed = {}};
  CHECK(offsets.expired(rule, milliseconds{100}, Timestamp{599}).empty());
  CHECK(offsets.expired(rule, milliseconds{100}, Timestamp{600}).size() == 1);
}

TEST_CASE("group offsets: an expiry of its own goes before the group's retention",
          "[broker][group][offsets]") {
  GroupOffsets offsets;
  auto offset = committed(0);
  offset.expires_at = Timestamp{10};
  offsets.apply(at("t", 0), offset);
  const OffsetExpiryRule rule{.applies = true, .idle_since = {}, .subscribed = {}};
  CHECK(offsets.expired(rule, milliseconds{100}, Timestamp{9}).empty());
  CHECK(offsets.expired(rule, milliseconds{100}, Timestamp{10}).size() == 1);
}

TEST_CASE("group offsets: what is on its way does not expire, and is deleted with the rest",
          "[broker][group][offsets]") {
  GroupOffsets offsets;
  offsets.apply(at("t", 0), committed(0));
  offsets.begin_write(at("t", 0));
  offsets.begin_write(at("t", 0));
  offsets.begin_write(at("u", 7));
  const OffsetExpiryRule rule{.applies = true, .idle_since = {}, .subscribed = {}};
  offsets.end_write(at("t", 0));
  CHECK(offsets.expired(rule, milliseconds{1}, Timestamp{100}).empty());
  CHECK(offsets.to_delete() == std::vector{at("t", 0), at("u", 7)});
  CHECK(offsets.to_delete("u") == std::vector{at("u", 7)});
  CHECK(offsets.to_delete("tu").empty());
  offsets.end_write(at("t", 0));
  CHECK(offsets.expired(rule, milliseconds{1}, Timestamp{100}).size() == 1);
}

SharedBytes subscription_to(const std::string& topic) {
  using protocol::ConsumerProtocolSubscription;
  using Codec = protocol::MessageCodec<ConsumerProtocolSubscription>;
  ConsumerProtocolSubscription subscription;
  subscription.topics = {topic};
  protocol::Sizer size;
  size.integer(std::int16_t{1});
  Codec::measure(size, subscription, 1);
  protocol::Writer out{size.own()};
  out.integer(std::int16_t{1});
  Codec::encode(out, subscription, 1);
  return SharedBytes::from(std::move(out).finish().flatten());
}

TEST_CASE("group subscriptions: topics are read from a consumer's metadata, and only from such",
          "[broker][group][offsets]") {
  CHECK(subscribed_topics(subscription_to("t")) == std::vector<std::string>{"t"});
  CHECK_FALSE(subscribed_topics(SharedBytes{}));
  CHECK_FALSE(subscribed_topics(SharedBytes::copy_of(as_bytes("something else"))));
  const auto whole = subscription_to("t");
  CHECK_FALSE(subscribed_topics(whole.slice(0, 5)));
}

TEST_CASE("group offsets: a stable group keeps the offsets of what it subscribes to",
          "[broker][group][offsets]") {
  GroupSettings settings;
  settings.initial_rebalance_delay = milliseconds{0};
  settings.offsets_retention = milliseconds{1'000};
  settings.offsets_check_interval = milliseconds{5'000};
  GroupCoordinator core{settings};
  FakeTopics topics;
  topics.create("left", 1);
  topics.create("used", 1);
  SeededRng rng{1};
  const Moment start{};
  core.finish_loading(start);

  protocol::JoinGroupRequest join;
  join.group_id = "g";
  join.session_timeout_ms = 10'000;
  join.protocol_type = "consumer";
  join.protocols = {{"range", subscription_to("used")}};
  const auto joined = core.join(join, {"c", "/h", 3}, 1, start, topics, rng);
  const auto member =
      std::get<protocol::JoinGroupResponse>(joined.replies.at(0).response).member_id;
  const auto synced =
      core.sync({.group_id = "g", .generation_id = 1, .member_id = member}, 2, start, topics);
  core.committed(*synced.ticket, start);
  protocol::OffsetCommitRequest commit;
  commit.group_id = "g";
  commit.generation_id_or_member_epoch = 1;
  commit.member_id = member;
  for (const char* topic : {"left", "used"}) {
    commit.topics.push_back({.name = topic, .topic_id = {}, .partitions = {{}}});
  }
  const auto write = core.offset_commit(commit, {"c", "/h", 9}, 3, start, topics);
  core.committed(*write.ticket, start);

  const Moment later{start.now + milliseconds{5'000}, start.wall + milliseconds{5'000}};
  const auto out = core.tick(later, topics);
  CHECK(out.records == std::vector{encode_offset_tombstone("g", at("left", 0))});
}

TEST_CASE("group offsets: versions 1 to 7 of OffsetFetch keep their flat shape",
          "[broker][group][offsets]") {
  protocol::OffsetFetchRequest request;
  request.group_id = "g";
  request.topics->push_back({"t", {0, 1}});
  const auto group = single_group_form(request);
  CHECK(group.group_id == "g");
  CHECK(group.topics->at(0).partition_indexes == std::vector<std::int32_t>{0, 1});
  request.topics.reset();
  CHECK_FALSE(single_group_form(request).topics);

  GroupCoordinator core{{}};
  core.finish_loading({});
  const auto flat = flat_form(core.offset_fetch(group, 7, FakeTopics{}));
  CHECK(flat.topics.at(0).name == "t");
  CHECK(flat.topics.at(0).partitions.at(1).committed_offset == -1);
  CHECK(flat.error_code == protocol::ErrorCode::none);
}

}  // namespace
}  // namespace millrace::broker
