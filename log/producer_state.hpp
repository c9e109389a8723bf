#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <ostream>
#include <set>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "log/aborted_transactions.hpp"
#include "protocol/base/bytes.hpp"
#include "protocol/base/result.hpp"
#include "protocol/base/types.hpp"
#include "protocol/error_code.hpp"
#include "protocol/record/batch.hpp"
#include "protocol/record/control.hpp"

namespace millrace::log {

/// The batch may be appended.
struct ProducerOk {
  friend bool operator==(const ProducerOk&, const ProducerOk&) = default;
};

/// The batch is in the log already: answer as the first time, append nothing.
struct ProducerDuplicate {
  friend bool operator==(const ProducerDuplicate&, const ProducerDuplicate&) = default;
  Offset base_offset;
  Offset last_offset;
  Timestamp timestamp;  ///< max timestamp of the batch as it was appended
};

/// The batch must not be appended.
struct ProducerRejected {
  friend bool operator==(const ProducerRejected&, const ProducerRejected&) = default;
  protocol::ErrorCode code{};
  std::string message;
};

using ProducerVerdict = std::variant<ProducerOk, ProducerDuplicate, ProducerRejected>;
std::ostream& operator<<(std::ostream& out, const ProducerVerdict& verdict);

/// One of the recent batches of a producer.
struct ProducerBatch {
  friend bool operator==(const ProducerBatch&, const ProducerBatch&) = default;
  Sequence last_sequence;
  Offset last_offset;
  std::int32_t offset_delta = 0;  ///< last minus base offset, and last minus base sequence
  Timestamp timestamp;

  [[nodiscard]] Offset base_offset() const { return Offset{last_offset.value - offset_delta}; }
  [[nodiscard]] Sequence base_sequence() const;
};

/// How many batches of a producer are remembered: as many as a client may have in flight.
inline constexpr std::size_t kProducerBatchesMax = 5;

/// What a partition knows of one producer.
struct ProducerEntry {
  friend bool operator==(const ProducerEntry&, const ProducerEntry&) = default;
  [[nodiscard]] const ProducerBatch* newest() const {
    return batch_count == 0 ? nullptr : &batches[batch_count - 1U];
  }

  ProducerEpoch epoch;
  std::uint8_t batch_count = 0;
  std::array<ProducerBatch, kProducerBatchesMax> batches{};  ///< oldest first, `batch_count` valid
  std::optional<std::int32_t> coordinator_epoch;             ///< of the last marker
  std::optional<Offset> transaction_start;  ///< first offset of the open transaction
  Timestamp last_seen;
};

/// Idempotence and transactions at one partition: which batches may be appended, and how far
/// readers of committed data may read. A core: fed with every batch that is appended or replayed,
/// in order of offsets; `now` comes in. Not thread-safe.
class ProducerState {
 public:
  friend bool operator==(const ProducerState& a, const ProducerState& b) {
    return a.entries_ == b.entries_;
  }

  /// Whether a client's batch may be appended, and if not, why. Changes nothing. Batches without a
  /// producer id and control batches are always fine. `starts_at_zero`: a producer that is not
  /// known must begin at sequence 0, because each of its transactions has an epoch of its own
  /// (KIP-890); others may have been forgotten here.
  [[nodiscard]] ProducerVerdict check(const protocol::BatchView& batch, Timestamp now,
                                      std::chrono::milliseconds expiration,
                                      bool starts_at_zero = false) const;
  /// Whether a coordinator's marker may be appended (`transaction_coordinator_fenced`,
  /// `invalid_producer_epoch`). `new_epoch`: the end of the transaction took an epoch of its own
  /// (KIP-890), so a marker with the epoch of an open transaction is a late one.
  [[nodiscard]] ProducerVerdict check_marker(ProducerId id, ProducerEpoch epoch,
                                             std::int32_t coordinator_epoch,
                                             bool new_epoch = false) const;
  /// Whether this producer has a transaction open here, in this epoch.
  [[nodiscard]] bool in_transaction(ProducerId id, ProducerEpoch epoch) const;

  /// Takes in a batch that is in the log now. Never refuses: the log is the truth. `now` is when
  /// the producer was last heard of; record times may be years old and say nothing about that.
  void apply(const protocol::BatchView& batch, Timestamp now);

  /// Drops producers that wrote nothing for `expiration`, those with an open transaction excepted.
  /// Gives how many.
  std::size_t expire(Timestamp now, std::chrono::milliseconds expiration);
  void clear();

  /// First offset of the oldest open transaction.
  [[nodiscard]] std::optional<Offset> first_open() const;
  /// How far committed data reaches below `high_watermark`. A transaction whose marker is not below
  /// it yet still counts as open. Forgets the others: ask with a high watermark that only rises.
  [[nodiscard]] Offset last_stable(Offset high_watermark);
  /// Transactions that were aborted; the owner forgets those whose data is gone. Not part of the
  /// snapshot, which tells only whether there were any.
  [[nodiscard]] AbortedTransactions& aborted() { return aborted_; }
  [[nodiscard]] const AbortedTransactions& aborted() const { return aborted_; }
  /// In place of what this state has of them.
  void take_aborted(AbortedTransactions aborted) {
    aborted_ = std::move(aborted);
    lacks_aborted_ = false;
  }
  /// Of a decoded one: there were aborted transactions, and they are to be taken from elsewhere.
  [[nodiscard]] bool lacks_aborted() const { return lacks_aborted_; }
  [[nodiscard]] const ProducerEntry* find(ProducerId id) const;
  [[nodiscard]] const std::unordered_map<ProducerId, ProducerEntry>& entries() const {
    return entries_;
  }

  /// The state as a snapshot file holds it (format in producer_snapshot.cpp) and back;
  /// `Errc::corrupt_file` for bytes that are not such a snapshot.
  [[nodiscard]] std::vector<std::byte> encode() const;
  [[nodiscard]] static Result<ProducerState> decode(Bytes snapshot);

 private:
  void apply_marker(const protocol::BatchView& batch, ProducerEntry& entry);
  [[nodiscard]] const ProducerEntry* find_live(ProducerId id, Timestamp now,
                                               std::chrono::milliseconds expiration) const;

  std::unordered_map<ProducerId, ProducerEntry> entries_;
  std::set<Offset> open_;               // the transaction_start of every entry that has one
  std::map<Offset, Offset> completed_;  // first offset to marker, marker maybe not replicated yet
  AbortedTransactions aborted_;
  bool lacks_aborted_ = false;
};

}  // namespace millrace::log
