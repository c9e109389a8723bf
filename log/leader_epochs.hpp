#pragma once

#include <optional>
#include <ostream>
#include <vector>

#include "protocol/base/bytes.hpp"
#include "protocol/base/result.hpp"
#include "protocol/base/types.hpp"

namespace millrace::log {

/// Where an epoch ends: the start of the next one, or the end of the log.
struct EpochEnd {
  friend bool operator==(const EpochEnd&, const EpochEnd&) = default;
  friend std::ostream& operator<<(std::ostream& out, const EpochEnd& end);
  LeaderEpoch epoch;
  Offset end_offset;
};

/// Which leader wrote which part of a partition: the first offset of each leader epoch, both
/// rising. A core; not thread-safe.
class LeaderEpochs {
 public:
  struct Entry {
    friend bool operator==(const Entry&, const Entry&) = default;
    LeaderEpoch epoch;
    Offset start;
  };
  friend bool operator==(const LeaderEpochs&, const LeaderEpochs&) = default;

  /// Records that `epoch` begins at `start`. Entries which that contradicts (a newer epoch, or a
  /// start at or behind `start`) go. Gives whether anything changed.
  bool assign(LeaderEpoch epoch, Offset start);
  /// The largest epoch up to `asked` and where it ends. Older than all that is known: `asked`
  /// itself and the start of the oldest. Nothing: newer than all that is known.
  [[nodiscard]] std::optional<EpochEnd> end_of(LeaderEpoch asked, Offset log_end) const;
  /// Epoch of the record at `offset`; nothing below the first entry.
  [[nodiscard]] std::optional<LeaderEpoch> at(Offset offset) const;
  [[nodiscard]] std::optional<LeaderEpoch> latest() const;

  /// Forgets epochs that begin at or behind `end`.
  void truncate_to(Offset end);
  /// Forgets what ends at or before `start`; the epoch that covers `start` begins there now.
  void trim_front(Offset start);
  void clear() { entries_.clear(); }
  [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }

  /// The `leader-epoch-checkpoint` file (format in leader_epochs.cpp) and back;
  /// `Errc::corrupt_file` for anything else.
  [[nodiscard]] std::vector<std::byte> encode() const;
  [[nodiscard]] static Result<LeaderEpochs> decode(Bytes file);

 private:
  std::vector<Entry> entries_;  // epoch and start both strictly rising
};

}  // namespace millrace::log
