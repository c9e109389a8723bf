#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "broker/group/consumer/records.hpp"
#include "broker/group/offsets.hpp"
#include "broker/group/types.hpp"
#include "protocol/base/bytes.hpp"
#include "protocol/base/result.hpp"
#include "protocol/base/types.hpp"
#include "protocol/messages/group_records.hpp"

/// Records of `__consumer_offsets`: those that committed offsets and classic groups need are drawn
/// here, those of consumer groups in consumer/records.hpp. In bytes:
///
///     key    0  2  record type: 1 committed offset (0 in old logs), 2 classic group
///            2  .. fields of `OffsetCommitKey` or `GroupMetadataKey`, version 0
///     value  0  2  version
///            2  .. fields of `OffsetCommitValue` or `GroupMetadataValue` in that version
///
/// Written are the versions that Kafka 4 writes: a group as 3; an offset as 1 when the commit named
/// its own retention (only that version has room for it), as 4 when the topic's id is known,
/// else 3.
namespace millrace::broker {

/// Longest text that fits a record; keys and most values have lengths of 16 bits.
inline constexpr std::size_t kRecordTextBytesMax = 32'767;

struct OffsetRecord {
  friend bool operator==(const OffsetRecord&, const OffsetRecord&) = default;
  std::string group;
  TopicPartition partition;
  std::optional<CommittedOffset> offset;  // none: a tombstone
};

struct ClassicGroupRecord {
  friend bool operator==(const ClassicGroupRecord&, const ClassicGroupRecord&) = default;
  std::string group;
  std::optional<protocol::GroupMetadataValue> metadata;  // none: a tombstone
};

/// `monostate`: of a type or version that this build does not know.
using DecodedRecord =
    std::variant<std::monostate, OffsetRecord, ClassicGroupRecord, ConsumerGroupRecord>;

/// All texts must be at most `kRecordTextBytesMax` long.
[[nodiscard]] GroupRecord encode_offset(std::string_view group, const TopicPartition& partition,
                                        const CommittedOffset& offset);
[[nodiscard]] GroupRecord encode_offset_tombstone(std::string_view group,
                                                  const TopicPartition& partition);
[[nodiscard]] GroupRecord encode_group(std::string_view group,
                                       const protocol::GroupMetadataValue& metadata);
[[nodiscard]] GroupRecord encode_group_tombstone(std::string_view group);

/// Errors are those of the wire reader: truncated, bad lengths, bytes behind the end.
[[nodiscard]] Result<DecodedRecord> decode_record(Bytes key, std::optional<Bytes> value);

}  // namespace millrace::broker
