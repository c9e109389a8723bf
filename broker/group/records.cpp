#include "broker/group/records.hpp"

#include <cstdint>
#include <utility>
#include <vector>

#include "broker/group/record_codec.hpp"

namespace millrace::broker {

namespace {

using protocol::GroupMetadataKey;
using protocol::GroupMetadataValue;
using protocol::OffsetCommitKey;
using protocol::OffsetCommitValue;

constexpr std::int16_t kLegacyOffsetType = 0;
constexpr std::int16_t kOffsetType = 1;
constexpr std::int16_t kGroupType = 2;
constexpr std::int16_t kKeyVersion = 0;
constexpr std::int16_t kGroupVersion = 3;
constexpr std::int16_t kOffsetVersion = 3;
constexpr std::int16_t kOffsetVersionWithExpiry = 1;
constexpr std::int16_t kOffsetVersionWithTopicId = 4;

std::vector<std::byte> offset_key(std::string_view group, const TopicPartition& partition) {
  const OffsetCommitKey key{.group = std::string{group},
                            .topic = partition.topic,
                            .partition = partition.partition.value};
  return encode_prefixed(kOffsetType, key, kKeyVersion);
}

std::vector<std::byte> group_key(std::string_view group) {
  return encode_prefixed(kGroupType, GroupMetadataKey{.group = std::string{group}}, kKeyVersion);
}

CommittedOffset to_offset(OffsetCommitValue value) {
  CommittedOffset offset{.offset = value.offset,
                         .leader_epoch = value.leader_epoch,
                         .metadata = std::move(value.metadata),
                         .committed_at = Timestamp{value.commit_timestamp},
                         .expires_at = {},
                         .topic_id = value.topic_id};
  if (value.expire_timestamp >= 0) offset.expires_at = Timestamp{value.expire_timestamp};
  return offset;
}

Result<DecodedRecord> decode_offset(protocol::Reader& key_in, std::optional<Bytes> value) {
  auto key = decode_rest<OffsetCommitKey>(key_in, kKeyVersion);
  if (!key) return key.error();
  OffsetRecord record{.group = std::move(key->group),
                      .partition = {std::move(key->topic), PartitionIndex{key->partition}},
                      .offset = {}};
  if (!value) return DecodedRecord{std::move(record)};
  auto decoded = decode_value<OffsetCommitValue>(*value);
  if (!decoded) return decoded.error();
  if (!decoded->has_value()) return DecodedRecord{};
  record.offset = to_offset(**std::move(decoded));
  return DecodedRecord{std::move(record)};
}

Result<DecodedRecord> decode_group(protocol::Reader& key_in, std::optional<Bytes> value) {
  auto key = decode_rest<GroupMetadataKey>(key_in, kKeyVersion);
  if (!key) return key.error();
  ClassicGroupRecord record{.group = std::move(key->group), .metadata = {}};
  if (!value) return DecodedRecord{std::move(record)};
  auto decoded = decode_value<GroupMetadataValue>(*value);
  if (!decoded) return decoded.error();
  if (!decoded->has_value()) return DecodedRecord{};
  record.metadata = *std::move(decoded);
  return DecodedRecord{std::move(record)};
}

}  // namespace

GroupRecord encode_offset(std::string_view group, const TopicPartition& partition,
                          const CommittedOffset& offset) {
  const OffsetCommitValue value{
      .offset = offset.offset,
      .leader_epoch = offset.leader_epoch,
      .metadata = offset.metadata,
      .commit_timestamp = offset.committed_at.value,
      .expire_timestamp = offset.expires_at ? offset.expires_at->value : -1,
      .topic_id = offset.topic_id};
  const std::int16_t version = offset.expires_at           ? kOffsetVersionWithExpiry
                               : offset.topic_id.is_zero() ? kOffsetVersion
                                                           : kOffsetVersionWithTopicId;
  return {offset_key(group, partition), encode_prefixed(version, value, version)};
}

GroupRecord encode_offset_tombstone(std::string_view group, const TopicPartition& partition) {
  return {offset_key(group, partition), std::nullopt};
}

GroupRecord encode_group(std::string_view group, const GroupMetadataValue& metadata) {
  return {group_key(group), encode_prefixed(kGroupVersion, metadata, kGroupVersion)};
}

GroupRecord encode_group_tombstone(std::string_view group) {
  return {group_key(group), std::nullopt};
}

Result<DecodedRecord> decode_record(Bytes key, std::optional<Bytes> value) {
  protocol::Reader in{SharedBytes::copy_of(key)};
  const auto type = in.integer<std::int16_t>();
  if (!in.ok()) return in.error();
  if (type == kLegacyOffsetType || type == kOffsetType) return decode_offset(in, value);
  if (type == kGroupType) return decode_group(in, value);
  if (is_consumer_record(type)) {
    auto record = decode_consumer_record(type, in, value);
    if (!record) return record.error();
    if (*record) return DecodedRecord{**std::move(record)};
  }
  return DecodedRecord{};
}

}  // namespace millrace::broker
