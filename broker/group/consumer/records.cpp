#include "broker/group/consumer/records.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "broker/group/record_codec.hpp"

namespace millrace::broker {

namespace {

using protocol::ConsumerGroupCurrentMemberAssignmentKey;
using protocol::ConsumerGroupCurrentMemberAssignmentValue;
using protocol::ConsumerGroupMemberMetadataKey;
using protocol::ConsumerGroupMetadataKey;
using protocol::ConsumerGroupMetadataValue;
using protocol::ConsumerGroupRegularExpressionKey;
using protocol::ConsumerGroupTargetAssignmentMemberKey;
using protocol::ConsumerGroupTargetAssignmentMemberValue;
using protocol::ConsumerGroupTargetAssignmentMetadataKey;
using protocol::ConsumerGroupTargetAssignmentMetadataValue;
using Decoded = Result<std::optional<ConsumerGroupRecord>>;

constexpr std::int16_t kEpochType = 3;
constexpr std::int16_t kSubscriptionType = 5;
constexpr std::int16_t kTargetEpochType = 6;
constexpr std::int16_t kTargetType = 7;
constexpr std::int16_t kProgressType = 8;
constexpr std::int16_t kRegexType = 16;
constexpr std::array kTypes{kEpochType,  kSubscriptionType, kTargetEpochType,
                            kTargetType, kProgressType,     kRegexType};
constexpr std::int16_t kVersion = 0;

template <class Key>
std::vector<std::byte> encode_key(std::int16_t type, const Key& key) {
  return encode_prefixed(type, key, kVersion);
}

template <class Value>
std::optional<std::vector<std::byte>> encode_value(const std::optional<Value>& value) {
  if (!value) return std::nullopt;
  return encode_prefixed(kVersion, *value, kVersion);
}

ConsumerGroupTargetAssignmentMemberValue to_value(const PartitionSets& target) {
  using Value = ConsumerGroupTargetAssignmentMemberValue;
  return {.topic_partitions = listed<decltype(Value::topic_partitions)>(target)};
}

ConsumerGroupCurrentMemberAssignmentValue to_value(const MemberProgress& progress) {
  using Value = ConsumerGroupCurrentMemberAssignmentValue;
  using List = decltype(Value::assigned_partitions);
  return {.member_epoch = progress.epoch,
          .previous_member_epoch = progress.previous_epoch,
          .state = std::to_underlying(progress.state),
          .assigned_partitions = listed<List>(progress.assigned),
          .partitions_pending_revocation = listed<List>(progress.revoking)};
}

struct Encode {
  std::string group;

  GroupRecord operator()(const EpochChange& change) const {
    return {encode_key(kEpochType, ConsumerGroupMetadataKey{group}), encode_value(change.value)};
  }
  GroupRecord operator()(const SubscriptionChange& change) const {
    return {encode_key(kSubscriptionType, ConsumerGroupMemberMetadataKey{group, change.member}),
            encode_value(change.value)};
  }
  GroupRecord operator()(const TargetEpochChange& change) const {
    return {encode_key(kTargetEpochType, ConsumerGroupTargetAssignmentMetadataKey{group}),
            encode_value(change.value)};
  }
  GroupRecord operator()(const TargetChange& change) const {
    const auto value = change.value.transform([](const auto& v) { return to_value(v); });
    return {encode_key(kTargetType, ConsumerGroupTargetAssignmentMemberKey{group, change.member}),
            encode_value(value)};
  }
  GroupRecord operator()(const ProgressChange& change) const {
    const auto value = change.value.transform([](const auto& v) { return to_value(v); });
    const ConsumerGroupCurrentMemberAssignmentKey key{group, change.member};
    return {encode_key(kProgressType, key), encode_value(value)};
  }
  GroupRecord operator()(const RegexChange& change) const {
    return {encode_key(kRegexType, ConsumerGroupRegularExpressionKey{group, change.regex}),
            encode_value(change.value)};
  }
};

/// Reads key and value; `make(key, value)` gives the change, or nothing if it is not to be applied.
template <class Key, class Value, class Make>
Decoded decode_as(protocol::Reader& key_in, std::optional<Bytes> value, const Make& make) {
  auto key = decode_rest<Key>(key_in, kVersion);
  if (!key) return key.error();
  std::optional<Value> decoded;
  if (value) {
    auto read = decode_value<Value>(*value);
    if (!read) return read.error();
    if (!read->has_value()) return Decoded{std::nullopt};
    decoded = *std::move(read);
  }
  std::string group = key->group_id;
  std::optional<ConsumerChange> change = make(*std::move(key), std::move(decoded));
  if (!change) return Decoded{std::nullopt};
  return Decoded{ConsumerGroupRecord{std::move(group), *std::move(change)}};
}

using Maybe = std::optional<ConsumerChange>;

Maybe to_progress(ConsumerGroupCurrentMemberAssignmentKey key,
                  const std::optional<ConsumerGroupCurrentMemberAssignmentValue>& value) {
  ProgressChange change{std::move(key.member_id), std::nullopt};
  if (value) {
    if (value->state < 0 || value->state > std::to_underlying(MemberState::unreleased_partitions)) {
      return std::nullopt;
    }
    change.value = MemberProgress{.epoch = value->member_epoch,
                                  .previous_epoch = value->previous_member_epoch,
                                  .state = MemberState{value->state},
                                  .assigned = sets_of(value->assigned_partitions),
                                  .revoking = sets_of(value->partitions_pending_revocation)};
  }
  return change;
}

}  // namespace

GroupRecord encode_change(std::string_view group, const ConsumerChange& change) {
  return std::visit(Encode{std::string{group}}, change);
}

bool is_consumer_record(std::int16_t type) {
  return std::ranges::find(kTypes, type) != kTypes.end();
}

Result<std::optional<ConsumerGroupRecord>> decode_consumer_record(std::int16_t type,
                                                                  protocol::Reader& key,
                                                                  std::optional<Bytes> value) {
  switch (type) {
    case kEpochType:
      return decode_as<ConsumerGroupMetadataKey, ConsumerGroupMetadataValue>(
          key, value, [](const auto&, auto v) -> Maybe { return EpochChange{v}; });
    case kSubscriptionType:
      return decode_as<ConsumerGroupMemberMetadataKey, MemberSubscription>(
          key, value, [](const auto& k, auto v) -> Maybe {
            return SubscriptionChange{k.member_id, std::move(v)};
          });
    case kTargetEpochType:
      return decode_as<ConsumerGroupTargetAssignmentMetadataKey,
                       ConsumerGroupTargetAssignmentMetadataValue>(
          key, value, [](const auto&, auto v) -> Maybe { return TargetEpochChange{v}; });
    case kTargetType:
      return decode_as<ConsumerGroupTargetAssignmentMemberKey,
                       ConsumerGroupTargetAssignmentMemberValue>(
          key, value, [](const auto& k, const auto& v) -> Maybe {
            return TargetChange{k.member_id, v.transform([](const auto& target) {
                                  return sets_of(target.topic_partitions);
                                })};
          });
    case kProgressType:
      return decode_as<ConsumerGroupCurrentMemberAssignmentKey,
                       ConsumerGroupCurrentMemberAssignmentValue>(key, value, to_progress);
    case kRegexType:
      return decode_as<ConsumerGroupRegularExpressionKey, ResolvedRegex>(
          key, value, [](const auto& k, auto v) -> Maybe {
            return RegexChange{k.regular_expression, std::move(v)};
          });
    default:
      return Decoded{std::nullopt};
  }
}

}  // namespace millrace::broker
