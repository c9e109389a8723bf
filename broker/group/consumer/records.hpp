#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "broker/group/consumer/changes.hpp"
#include "broker/group/types.hpp"
#include "protocol/base/bytes.hpp"
#include "protocol/base/result.hpp"
#include "protocol/wire/reader.hpp"

/// The changes of consumer groups as records. In bytes:
///
///     key    0  2  record type: 3 group epoch, 5 subscription, 6 target's epoch, 7 target,
///                  8 progress, 16 regular expression
///            2  .. the group's id; then the member's id (5, 7, 8) or the expression (16)
///     value  0  2  version, 0
///            2  .. the fields that protocol/messages/consumer_group_records.hpp lists
///
/// Type 4, which Kafka 3 wrote, is superseded by the hash in type 3 and skipped.
namespace millrace::broker {

struct ConsumerGroupRecord {
  friend bool operator==(const ConsumerGroupRecord&, const ConsumerGroupRecord&) = default;
  std::string group;
  ConsumerChange change;
};

/// All texts must be at most `kRecordTextBytesMax` long.
[[nodiscard]] GroupRecord encode_change(std::string_view group, const ConsumerChange& change);

/// Is this one of the types above?
[[nodiscard]] bool is_consumer_record(std::int16_t type);
/// `key` stands behind the type, which `is_consumer_record`. Nothing when the value has a version
/// or a member state that this build does not know.
[[nodiscard]] Result<std::optional<ConsumerGroupRecord>> decode_consumer_record(
    std::int16_t type, protocol::Reader& key, std::optional<Bytes> value);

}  // namespace millrace::broker
