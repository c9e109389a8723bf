#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "protocol/base/bytes.hpp"
#include "protocol/base/types.hpp"
#include "protocol/wire/codec.hpp"
#include "protocol/wire/schema.hpp"

namespace millrace::protocol {

/// Records of the topic `__consumer_offsets`. The key starts with the record type as int16 (the
/// number in the comments below), the value with its version as int16; a null value is a tombstone.

/// Record type 1: the committed offset of a group in a partition.
struct OffsetCommitKey {
  static constexpr VersionRange kVersions{0, 0};
  static constexpr VersionRange kFlexible = kNoVersions;

  friend bool operator==(const OffsetCommitKey&, const OffsetCommitKey&) = default;
  std::string group;
  std::string topic;
  std::int32_t partition = 0;

  static constexpr auto fields() {
    return std::tuple{field<&OffsetCommitKey::group>("Group", only(0)),
                      field<&OffsetCommitKey::topic>("Topic", only(0)),
                      field<&OffsetCommitKey::partition>("Partition", only(0))};
  }
};

/// Value of record type 1.
struct OffsetCommitValue {
  static constexpr VersionRange kVersions{0, 4};
  static constexpr VersionRange kFlexible = from(4);

  friend bool operator==(const OffsetCommitValue&, const OffsetCommitValue&) = default;
  std::int64_t offset = 0;
  std::int32_t leader_epoch = -1;
  std::string metadata;
  std::int64_t commit_timestamp = 0;
  std::int64_t expire_timestamp = -1;
  Uuid topic_id;

  static constexpr auto fields() {
    return std::tuple{
        field<&OffsetCommitValue::offset>("Offset", from(0)),
        field<&OffsetCommitValue::leader_epoch>("LeaderEpoch", from(3)).ignorable(),
        field<&OffsetCommitValue::metadata>("Metadata", from(0)),
        field<&OffsetCommitValue::commit_timestamp>("CommitTimestamp", from(0)),
        field<&OffsetCommitValue::expire_timestamp>("ExpireTimestamp", only(1)).ignorable(),
        field<&OffsetCommitValue::topic_id>("TopicId", from(4)).tagged(0, from(4)).ignorable()};
  }
};

/// Record type 2: a classic group.
struct GroupMetadataKey {
  static constexpr VersionRange kVersions{0, 0};
  static constexpr VersionRange kFlexible = kNoVersions;

  friend bool operator==(const GroupMetadataKey&, const GroupMetadataKey&) = default;
  std::string group;

  static constexpr auto fields() {
    return std::tuple{field<&GroupMetadataKey::group>("Group", only(0))};
  }
};

/// Value of record type 2: the last generation of a classic group.
struct GroupMetadataValue {
  static constexpr VersionRange kVersions{0, 4};
  static constexpr VersionRange kFlexible = from(4);

  struct MemberMetadata {
    friend bool operator==(const MemberMetadata&, const MemberMetadata&) = default;
    std::string member_id;
    std::optional<std::string> group_instance_id;
    std::string client_id;
    std::string client_host;
    std::int32_t rebalance_timeout = -1;
    std::int32_t session_timeout = 0;
    SharedBytes subscription;
    SharedBytes assignment;

    static constexpr auto fields() {
      return std::tuple{
          field<&MemberMetadata::member_id>("MemberId", from(0)),
          field<&MemberMetadata::group_instance_id>("GroupInstanceId", from(3))
              .nullable(from(3))
              .ignorable(),
          field<&MemberMetadata::client_id>("ClientId", from(0)),
          field<&MemberMetadata::client_host>("ClientHost", from(0)),
          field<&MemberMetadata::rebalance_timeout>("RebalanceTimeout", from(1)).ignorable(),
          field<&MemberMetadata::session_timeout>("SessionTimeout", from(0)),
          field<&MemberMetadata::subscription>("Subscription", from(0)),
          field<&MemberMetadata::assignment>("Assignment", from(0))};
    }
  };

  friend bool operator==(const GroupMetadataValue&, const GroupMetadataValue&) = default;
  std::string protocol_type;
  std::int32_t generation = 0;
  std::optional<std::string> protocol = std::string{};
  std::optional<std::string> leader = std::string{};
  std::int64_t current_state_timestamp = -1;
  std::vector<MemberMetadata> members;

  static constexpr auto fields() {
    return std::tuple{
        field<&GroupMetadataValue::protocol_type>("ProtocolType", from(0)),
        field<&GroupMetadataValue::generation>("Generation", from(0)),
        field<&GroupMetadataValue::protocol>("Protocol", from(0)).nullable(from(0)),
        field<&GroupMetadataValue::leader>("Leader", from(0)).nullable(from(0)),
        field<&GroupMetadataValue::current_state_timestamp>("CurrentStateTimestamp", from(2))
            .ignorable(),
        field<&GroupMetadataValue::members>("Members", from(0))};
  }
};

}  // namespace millrace::protocol

MILLRACE_DECLARE_CODEC(millrace::protocol::OffsetCommitKey);
MILLRACE_DECLARE_CODEC(millrace::protocol::OffsetCommitValue);
MILLRACE_DECLARE_CODEC(millrace::protocol::GroupMetadataKey);
MILLRACE_DECLARE_CODEC(millrace::protocol::GroupMetadataValue);
