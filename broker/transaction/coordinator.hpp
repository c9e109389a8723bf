#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/transaction/records.hpp"
#include "broker/transaction/types.hpp"
#include "protocol/base/bytes.hpp"
#include "protocol/base/result.hpp"
#include "protocol/messages/describe_transactions.hpp"
#include "protocol/messages/list_transactions.hpp"

namespace millrace::broker {

/// The transactional ids of one partition of `__transaction_state`: who may produce under an id,
/// and how its transactions end. A core: it has no clock, file or socket; time comes in, and what
/// is to be done goes out as a `TransactionOutput`. Owned by the partition's shard and used on that
/// thread alone. README.md in this folder draws the states and says what always holds.
///
/// What is durable changes only by replaying a record, after the shell has reported its write as
/// committed. While a write of an id is on its way nothing else is decided for that id: who asks is
/// told CONCURRENT_TRANSACTIONS, and who adds partitions waits a little.
///
/// Life: construct; `replay` every record of the partition in log order; `finish_loading`; then any
/// of the operations; `resign` when the shard loses the partition. Before `finish_loading` the
/// shell answers requests itself with COORDINATOR_LOAD_IN_PROGRESS.
class TransactionCoordinator {
 public:
  /// `epoch`: the partition's leader epoch; markers carry it, and older ones are fenced.
  TransactionCoordinator(const TransactionSettings& settings, std::int32_t epoch);
  TransactionCoordinator(const TransactionCoordinator&) = delete;
  TransactionCoordinator& operator=(const TransactionCoordinator&) = delete;

  // Loading -----------------------------------------------------------------------------------

  enum class Replayed { applied, skipped };
  /// Applies one record of the log. An error means that the record is damaged; it changed nothing.
  Result<Replayed> replay(Bytes key, std::optional<Bytes> value);
  /// The log has been replayed: transactions that were decided are brought to their end.
  TransactionOutput finish_loading(const Moment& at);

  // Requests; each gets exactly one reply for its token, now or from a later call ----------------

  /// A producer begins: whoever had the id before is fenced, and its open transaction is aborted,
  /// which the producer is told to wait for (CONCURRENT_TRANSACTIONS). `fresh` is a producer id
  /// that nobody had; without one the reply may be `needs_producer_id`.
  TransactionOutput init(const InitProducer& request, std::optional<ProducerId> fresh,
                         ReplyToken token, const Moment& at);
  /// The partitions belong to the producer's transaction from the reply on; begins it if need be.
  TransactionOutput add_partitions(AddPartitions request, ReplyToken token, const Moment& at);
  /// Commits or aborts. The reply comes when that is decided for good; the markers follow.
  /// `fresh` as in `init`.
  TransactionOutput end(const EndTransaction& request, std::optional<ProducerId> fresh,
                        ReplyToken token, const Moment& at);

  // Readers -----------------------------------------------------------------------------------

  /// Whether the partition belongs to the producer's open transaction; TRANSACTION_ABORTABLE if
  /// that is all that is wrong.
  [[nodiscard]] protocol::ErrorCode verify(std::string_view transactional_id,
                                           const ProducerIdentity& producer,
                                           const TopicPartition& partition) const;
  [[nodiscard]] protocol::DescribeTransactionsResponse::TransactionState describe(
      std::string_view transactional_id) const;

  struct Filter {
    std::vector<std::string> states;  ///< Kafka's names; empty: all
    std::vector<std::int64_t> producer_ids;
    std::optional<std::chrono::milliseconds> running_for;  ///< longer than this
  };
  /// In the order of the ids.
  [[nodiscard]] std::vector<protocol::ListTransactionsResponse::TransactionState> list(
      const Filter& filter, Timestamp wall) const;
  /// Null when the id is not known.
  [[nodiscard]] const Transaction* find(std::string_view transactional_id) const;
  [[nodiscard]] std::vector<std::string> ids() const;

  // Events ------------------------------------------------------------------------------------

  TransactionOutput committed(Ticket ticket, const Moment& at);
  /// The records of `ticket` are not in the log and never will be.
  TransactionOutput failed(Ticket ticket, protocol::ErrorCode error, const Moment& at);
  TransactionOutput markers_written(MarkerTicket ticket, const Moment& at);
  /// When `tick` must be called at the latest; may be early, never late.
  [[nodiscard]] Instant next_deadline() const;
  /// Aborts transactions whose time is over, forgets ids that nobody uses, ends waiting.
  TransactionOutput tick(const Moment& at);
  /// Every request that waits is answered with `error`. Nothing else may be called afterwards.
  TransactionOutput resign(protocol::ErrorCode error);

 private:
  struct Waiting {
    AddPartitions request;
    ReplyToken token;
    Instant deadline;
  };
  struct Slot {
    explicit Slot(std::string name) : id{std::move(name)} {}
    const std::string id;
    std::optional<Transaction> durable;
    /// Epoch before the last change, so that a repeated `init` is known. Forgotten by a restart.
    std::optional<ProducerEpoch> last_epoch;
    bool writing = false;                 // a write is on its way
    std::optional<MarkerTicket> markers;  // out
    bool markers_done = false;            // and the end is still to be written
    std::deque<Waiting> waiting;
  };
  struct Change {
    Slot* slot;
    std::optional<Transaction> next;  // none: the id is forgotten
    std::optional<ProducerEpoch> last_epoch;
    std::vector<TransactionReply> replies;  // what is said once it is committed
  };
  struct Write {
    Ticket ticket = 0;
    std::vector<TransactionRecord> records;  // one for each change
    std::vector<Change> changes;
    std::optional<protocol::ErrorCode> outcome;
  };
  /// An operation in progress.
  struct Draft {
    TransactionOutput out;
    std::vector<Change> changes;
  };

  [[nodiscard]] Slot* slot_of(std::string_view transactional_id);
  [[nodiscard]] const Slot* slot_of(std::string_view transactional_id) const;
  Slot& obtain(std::string_view transactional_id);
  void forget_if_unused(Slot& slot);

  void init_known(Slot& slot, const InitProducer& request, std::optional<ProducerId> fresh,
                  ReplyToken token, const Moment& at, Draft& draft);
  void end_known(Slot& slot, const EndTransaction& request, std::optional<ProducerId> fresh,
                 ReplyToken token, const Moment& at, Draft& draft);
  void add_known(Slot& slot, Waiting request, const Moment& at, Draft& draft);
  void prepare(Slot& slot, const EndTransaction& request, std::optional<ProducerId> fresh,
               ReplyToken token, const Moment& at, Draft& draft);
  void fence(Slot& slot, std::vector<TransactionReply> replies, const Moment& at, Draft& draft);

  Change& change(Slot& slot, std::optional<Transaction> next, Draft& draft);
  TransactionOutput seal(Draft draft);
  void report(Ticket ticket, protocol::ErrorCode outcome);
  TransactionOutput drain(const Moment& at);
  void conclude(Change& change, const TransactionRecord& record, protocol::ErrorCode outcome,
                Draft& draft);
  void follow(Slot& slot, const Moment& at, Draft& draft);
  void complete(Slot& slot, const Moment& at, Draft& draft);
  void admit_waiting(Slot& slot, const Moment& at, Draft& draft);
  void apply(DecodedTransaction record);
  void abort_overdue(const Moment& at, Draft& draft);
  void forget_expired(const Moment& at, Draft& draft);
  void end_waiting(const Moment& at, Draft& draft);

  const TransactionSettings settings_;
  const std::int32_t epoch_;
  bool loaded_ = false;
  std::map<std::string, std::unique_ptr<Slot>, std::less<>> slots_;
  std::map<MarkerTicket, Slot*> rounds_;  // markers that are out
  std::deque<Write> writes_;              // ascending tickets, without gaps
  Ticket next_ticket_ = 1;
  MarkerTicket next_round_ = 1;
  std::size_t waiting_ = 0;                // over all slots
  Instant next_waiting_ = Instant::max();  // never behind the earliest deadline
  Instant next_timeout_check_ = Instant::max();
  Instant next_expiration_check_ = Instant::max();
};

}  // namespace millrace::broker
