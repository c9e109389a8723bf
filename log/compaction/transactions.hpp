#pragma once

#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "protocol/base/types.hpp"
#include "protocol/record/control.hpp"

namespace millrace::log {

/// How the transactions in a stretch of the log ended, learnt from its markers: told of every
/// transactional batch of the stretch in order of offsets. Keeps one entry per aborted transaction.
/// A core; not thread-safe.
class TransactionOutcomes {
 public:
  void data(ProducerId producer, Offset base);
  void marker(ProducerId producer, protocol::ControlType type, Offset offset);
  /// First offset of the oldest transaction whose marker is not in the stretch: how it ends is
  /// unknown, so nothing from there on may be decided.
  [[nodiscard]] std::optional<Offset> first_open() const;
  /// Whether the batch that begins at `base` belongs to an aborted transaction.
  [[nodiscard]] bool aborted(ProducerId producer, Offset base) const;

 private:
  struct Range {
    Offset first;
    Offset marker;
  };
  std::unordered_map<ProducerId, Offset> open_;
  std::unordered_map<ProducerId, std::vector<Range>> aborted_;  // rising offsets
};

/// Tells which markers still have data in the log: walked over the log from its front. A marker
/// must stay as long as any batch of its transaction does, an emptied one included, or whoever
/// replays the log would take the transaction for open.
class MarkerNeed {
 public:
  void data(ProducerId producer) { with_data_.insert(producer); }
  /// At a marker of abort or commit: whether batches of its transaction were met.
  [[nodiscard]] bool marker(ProducerId producer) { return with_data_.erase(producer) > 0; }

 private:
  std::unordered_set<ProducerId> with_data_;
};

}  // namespace millrace::log
