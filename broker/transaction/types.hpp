#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <ostream>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/group/types.hpp"
#include "protocol/base/types.hpp"
#include "protocol/error_code.hpp"

/// The values that travel between the transaction coordinator's core and its shell. `Moment`,
/// `ReplyToken`, `Ticket` and the form of a record are those of the group coordinator.
namespace millrace::broker {

/// Bounds and delays of a transaction coordinator; the setting's name stands behind each.
struct TransactionSettings {
  std::chrono::milliseconds timeout_max{900'000};        // transaction.max.timeout.ms
  std::chrono::milliseconds id_expiration{604'800'000};  // transactional.id.expiration.ms
  /// transaction.abort.timed.out.transaction.cleanup.interval.ms
  std::chrono::milliseconds timeout_check{10'000};
  /// transaction.remove.expired.transaction.cleanup.interval.ms
  std::chrono::milliseconds expiration_check{3'600'000};
  /// Who adds partitions while the transaction before is being ended waits so long for that.
  /// add.partitions.to.txn.retry.backoff.max.ms
  std::chrono::milliseconds add_wait_max{100};
};

/// A producer as it proves who it is: an older epoch is a zombie.
struct ProducerIdentity {
  friend auto operator<=>(const ProducerIdentity&, const ProducerIdentity&) = default;
  friend std::ostream& operator<<(std::ostream& out, const ProducerIdentity& producer) {
    return out << producer.id << '/' << producer.epoch;
  }
  ProducerId id{-1};
  ProducerEpoch epoch{-1};
};

/// Epochs that a client may be given end here; the one above is for fencing its last.
inline constexpr ProducerEpoch kLastProducerEpoch{32'766};

/// How the client ends its transactions: `v1` keeps the epoch, `v2` takes a new one with each end
/// and leaves it to the broker to add partitions (KIP-890).
enum class TransactionVersion : std::int8_t { v1 = 0, v2 = 2 };

/// As they are kept in the log. Dead and PrepareEpochFence are never written.
enum class TransactionState : std::int8_t {
  empty = 0,
  ongoing = 1,
  prepare_commit = 2,
  prepare_abort = 3,
  complete_commit = 4,
  complete_abort = 5,
};
/// Kafka's name: "PrepareCommit".
[[nodiscard]] std::string_view to_string(TransactionState state);
[[nodiscard]] std::optional<TransactionState> parse_transaction_state(std::string_view name);
std::ostream& operator<<(std::ostream& out, TransactionState state);

/// What is durable of one transactional id.
struct Transaction {
  friend bool operator==(const Transaction&, const Transaction&) = default;
  /// Decided, and its markers are being written.
  [[nodiscard]] bool ending() const {
    return state == TransactionState::prepare_commit || state == TransactionState::prepare_abort;
  }
  [[nodiscard]] ProducerIdentity producer() const { return {producer_id, epoch}; }

  ProducerId producer_id;
  ProducerEpoch epoch;
  ProducerId previous_id{-1};  ///< before the last change of the producer id
  ProducerId next_id{-1};      ///< taken when the transaction that is ending is complete
  std::chrono::milliseconds timeout{};
  TransactionState state = TransactionState::empty;
  std::set<TopicPartition> partitions;  ///< empty unless ongoing or ending
  Timestamp started{-1};                ///< -1 before the first transaction
  Timestamp updated;
  TransactionVersion version = TransactionVersion::v1;  ///< of who began or ended it
};

using TransactionRecord = GroupRecord;

struct InitProducer {
  std::string transactional_id;
  std::chrono::milliseconds timeout{};
  std::optional<ProducerIdentity> current;  ///< who it believes to be
};

struct AddPartitions {
  std::string transactional_id;
  ProducerIdentity producer;
  std::vector<TopicPartition> partitions;
  TransactionVersion version = TransactionVersion::v1;
};

struct EndTransaction {
  std::string transactional_id;
  ProducerIdentity producer;
  bool commit = false;
  TransactionVersion version = TransactionVersion::v1;
};

struct TransactionReply {
  friend bool operator==(const TransactionReply&, const TransactionReply&) = default;
  ReplyToken token = 0;
  protocol::ErrorCode error = protocol::ErrorCode::none;
  ProducerIdentity producer;  ///< to go on with; of `init` and of `end` in version 2
  /// Nothing was decided: ask again with a producer id that nobody had before.
  bool needs_producer_id = false;
};

/// Names one round of markers.
using MarkerTicket = std::uint64_t;

/// The end of a transaction as its partitions are told.
struct TransactionMarker {
  friend bool operator==(const TransactionMarker&, const TransactionMarker&) = default;
  ProducerIdentity producer;
  bool commit = false;
  std::int32_t coordinator_epoch = 0;
  TransactionVersion version = TransactionVersion::v1;
};

struct MarkerRound {
  MarkerTicket ticket = 0;
  std::string transactional_id;
  TransactionMarker marker;
  std::vector<TopicPartition> partitions;  ///< never empty
};

/// What the shell must do after a call, all parts independently of each other:
/// - send `replies`, now;
/// - when `ticket` is set, append `records` in this order, and report `committed` or `failed`, as
///   for `GroupOutput`;
/// - bring each marker to its partitions, however long it takes, and report `markers_written` when
///   every one of them has it durably, or does not exist any more.
struct TransactionOutput {
  std::vector<TransactionRecord> records;  // empty exactly when there is no ticket
  std::optional<Ticket> ticket;
  std::vector<TransactionReply> replies;
  std::vector<MarkerRound> markers;
  /// Transactional ids whose transactions are being aborted because their time is over, and how
  /// long that was: for the operator.
  std::vector<std::pair<std::string, std::chrono::milliseconds>> overdue;
};

}  // namespace millrace::broker
