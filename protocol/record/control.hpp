#pragma once

#include <cstdint>
#include <optional>
#include <ostream>

#include "protocol/base/result.hpp"
#include "protocol/record/record.hpp"

// Control records are written by brokers, never by producers, and never shown to applications.
//   key    int16 version (0), int16 type
//   value  of abort and commit: int16 version (0), int32 coordinator epoch
namespace millrace::protocol {

enum class ControlType : std::int16_t {
  abort = 0,
  commit = 1,
  leader_change = 2,
  snapshot_header = 3,
  snapshot_footer = 4,
  kraft_version = 5,
  kraft_voters = 6,
};
std::ostream& operator<<(std::ostream& out, ControlType type);

struct ControlRecord {
  /// May be a value without a name: readers skip those.
  ControlType type = ControlType::abort;
  /// Of the transaction coordinator; set for abort and commit.
  std::optional<std::int32_t> coordinator_epoch;
  friend bool operator==(const ControlRecord&, const ControlRecord&) = default;
};

/// `truncated` if key or value is null or too short. A version above ours is read as ours.
[[nodiscard]] Result<ControlRecord> parse_control_record(const RecordView& record);

}  // namespace millrace::protocol
