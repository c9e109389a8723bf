#include "protocol/record/control.hpp"

namespace millrace::protocol {
namespace {

constexpr std::size_t kVersionBytes = 2;
constexpr std::size_t kKeyBytes = kVersionBytes + 2;
constexpr std::size_t kEndMarkerBytes = kVersionBytes + 4;

}  // namespace

std::ostream& operator<<(std::ostream& out, ControlType type) {
  switch (type) {
    case ControlType::abort:
      return out << "abort";
    case ControlType::commit:
      return out << "commit";
    case ControlType::leader_change:
      return out << "leader_change";
    case ControlType::snapshot_header:
      return out << "snapshot_header";
    case ControlType::snapshot_footer:
      return out << "snapshot_footer";
    case ControlType::kraft_version:
      return out << "kraft_version";
    case ControlType::kraft_voters:
      return out << "kraft_voters";
  }
  return out << "control type " << static_cast<int>(type);
}

Result<ControlRecord> parse_control_record(const RecordView& record) {
  if (!record.key || record.key->size() < kKeyBytes) return Errc::truncated;
  ControlRecord control;
  control.type =
      static_cast<ControlType>(load_be<std::int16_t>(record.key->data() + kVersionBytes));
  if (control.type != ControlType::abort && control.type != ControlType::commit) return control;
  if (!record.value || record.value->size() < kEndMarkerBytes) return Errc::truncated;
  control.coordinator_epoch = load_be<std::int32_t>(record.value->data() + kVersionBytes);
  return control;
}

}  // namespace millrace::protocol
