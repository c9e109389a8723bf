#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "clients/client.hpp"
#include "clients/errc.hpp"
#include "clients/offset_lookup.hpp"
#include "protocol/base/types.hpp"
#include "protocol/record/batch.hpp"
#include "protocol/record/record.hpp"

namespace millrace::clients {

/// How many replicas have a record when it counts as delivered.
enum class Acks : std::int16_t {
  none = 0,    ///< nobody is asked: delivered means handed to the network
  leader = 1,  ///< the leader alone
  all = -1,    ///< every in-sync replica
};

/// Who a producer is to the brokers; one with an older epoch is refused everywhere.
struct ProducerIdentity {
  ProducerId id;
  ProducerEpoch epoch;
  friend bool operator==(const ProducerIdentity&, const ProducerIdentity&) = default;
};

/// The two ways in which Kafka's transactions are spoken. `v1`: the producer adds each partition to
/// the transaction by a request of its own, and keeps its epoch. `v2` (KIP-890): brokers add
/// partitions, and each transaction has an epoch of its own, so that nothing that is late can touch
/// the next one.
enum class TransactionVersion : std::int8_t { v1 = 1, v2 = 2 };

struct ProducerOptions {
  Acks acks = Acks::all;
  /// Retries are neither stored twice nor out of order. Needs `Acks::all` and at most 5 in flight.
  bool idempotent = true;
  /// How long a batch may wait for more records before it goes.
  std::chrono::milliseconds linger{5};
  /// A batch goes at once when it has this size before compression. A larger record is a batch of
  /// its own.
  std::size_t batch_bytes = std::size_t{64} << 10;
  /// Upper bound of one request; a record above it is `too_large`.
  std::size_t request_bytes_max = std::size_t{1} << 20;
  protocol::Codec codec = protocol::Codec::none;
  std::optional<int> compression_level;
  /// Requests in flight per broker.
  int in_flight_max = 5;
  /// From handing a record over to giving it up, retries included.
  std::chrono::milliseconds delivery_timeout{120'000};
  /// How long records wait for a topic that the brokers say does not exist; one that was just
  /// created is not known everywhere at once.
  std::chrono::milliseconds unknown_topic_timeout{10'000};
  /// At least this long between two attempts for one partition.
  std::chrono::milliseconds retry_backoff{100};
  /// For one attempt; also what the broker is told to wait for replicas at most.
  std::chrono::milliseconds request_timeout{30'000};
  /// Bound on records that are not delivered yet, keys, values and headers counted.
  std::size_t memory_bytes_max = std::size_t{32} << 20;

  /// Makes the producer transactional: what it sends counts only once it is committed. Whoever
  /// begins under the same id later takes its place. Needs `idempotent`.
  std::string transactional_id;
  /// A transaction that is open for longer is aborted by the brokers, which allow no more than
  /// their transaction.max.timeout.ms.
  std::chrono::milliseconds transaction_timeout{60'000};
  /// `v2` where the cluster has the feature transaction.version 2, and otherwise `v1`; at most
  /// this.
  TransactionVersion transaction_version_max = TransactionVersion::v2;
};

/// For whom offsets are committed with a transaction. With the consumer's member id and generation
/// a member that was replaced meanwhile is refused; without, whoever asks may.
struct GroupMetadata {
  std::string group;
  std::int32_t generation = -1;
  std::string member_id;
  std::optional<std::string> instance_id;
  friend bool operator==(const GroupMetadata&, const GroupMetadata&) = default;
};

struct RecordHeader {
  std::string key;
  std::optional<std::string> value;
  friend bool operator==(const RecordHeader&, const RecordHeader&) = default;
};

/// A record to send. Without a partition, the key chooses it by murmur2 as Java's producer does;
/// without a key either, records stick to one partition for a batch and then move on.
struct Record {
  std::string topic;
  std::optional<PartitionIndex> partition;
  std::optional<std::string> key;
  std::optional<std::string> value;
  std::vector<RecordHeader> headers;
  std::optional<Timestamp> timestamp;  ///< now, when left out
};

/// The same over memory of the caller's, which is copied before `enqueue` returns.
struct RecordRef {
  std::string_view topic;
  std::optional<PartitionIndex> partition;
  std::optional<Bytes> key;
  std::optional<Bytes> value;
  std::span<const protocol::HeaderView> headers;
  std::optional<Timestamp> timestamp;
};

struct Delivered {
  PartitionIndex partition;
  /// Not known with `Acks::none`, nor when the broker recognised an old retry as stored before.
  std::optional<Offset> offset;
  Timestamp timestamp;  ///< as stored: the broker's own where the topic says log append time
  friend bool operator==(const Delivered&, const Delivered&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Delivered& delivered);
};

/// Called once per record, on the scheduler's thread, never from inside `enqueue`. It may enqueue.
using DeliveryCallback = std::move_only_function<void(const Outcome<Delivered>&)>;

/// Sends records: collects them into batches per partition, a few requests in flight per broker,
/// retries until the delivery timeout. Records of one partition are delivered in the order of their
/// `enqueue` or `send` calls; with `idempotent`, also across retries. When a record of a partition
/// is given up after it was sent, its fate is unknown: everything behind it in that partition fails
/// too with `sequence_broken`, now and later, so that a gap can never pass unnoticed; a new
/// producer starts afresh.
///
/// With a `transactional_id`, in this order:
///
///     co_await producer.init_transactions(deadline);        // once
///     producer.begin_transaction();                         // again and again
///     ... send, enqueue, send_offsets ...
///     co_await producer.commit_transaction(deadline);       // or abort_transaction
///
/// One of these calls at a time. What an error asks for:
/// - `must_abort`: `abort_transaction`, then the same work in another transaction;
/// - `timed_out`: the same call once more; a commit may have come true already;
/// - `fenced`, and anything else that is not retriable: this producer is at its end, and says the
///   same to every call from here. Whether a commit that ended so came true is not known.
/// A transaction that is left open is aborted by its timeout, or by who begins under the id next.
///
/// Used from one scheduler's thread. `client` outlives it; await `stop`, and whatever was awaiting
/// it, before destroying it.
class Producer {
 public:
  Producer(Client& client, ProducerOptions options);
  ~Producer();
  Producer(const Producer&) = delete;
  Producer& operator=(const Producer&) = delete;

  /// Returns when the record is delivered or given up. Waits for room first when the memory bound
  /// is reached. Many sends may be under way at once, and should, for batches to fill.
  net::Awaitable<Outcome<Delivered>> send(Record record);

  /// Takes the record over without waiting; `callback` may be empty. Fails at once, and then does
  /// not call back, with `buffer_full` (await `room`, then try again), `too_large`,
  /// `invalid_argument`, `sequence_broken` or `stopped`; outside of a transaction also
  /// `out_of_turn`, `must_abort` or `fenced`.
  Outcome<void> enqueue(const RecordRef& record, DeliveryCallback callback = {});

  /// Returns when records fit again, or the producer was stopped.
  net::Awaitable<void> room();

  /// Sends everything without lingering; returns when every record enqueued before is delivered or
  /// given up. The first failure among them, if any, is the outcome, or `timed_out`.
  net::Awaitable<Outcome<void>> flush(Instant deadline);

  /// Takes the transactional id over: whoever had it is fenced, and its open transaction aborted.
  /// Done when the producer may begin transactions.
  net::Awaitable<Outcome<void>> init_transactions(Instant deadline);
  /// What is sent from here on belongs to the transaction.
  Outcome<void> begin_transaction();
  /// Commits `offsets` (of the next records to read) for the group when, and only if, the
  /// transaction is committed. Done: the group has them in keeping. After `timed_out` they still
  /// belong to the transaction.
  net::Awaitable<Outcome<void>> send_offsets(PartitionOffsets offsets, GroupMetadata member,
                                             Instant deadline);
  /// Sends what was enqueued, and ends the transaction. Done: the commit is decided for good, and
  /// readers of committed data see all of it soon.
  net::Awaitable<Outcome<void>> commit_transaction(Instant deadline);
  /// Gives up what is not delivered (its callbacks get `must_abort`), and ends the transaction: no
  /// reader of committed data sees any of it.
  net::Awaitable<Outcome<void>> abort_transaction(Instant deadline);
  /// The id and epoch that the producer goes by now; nothing before it was given any.
  [[nodiscard]] std::optional<ProducerIdentity> identity() const;

  /// Bytes and records that wait for delivery.
  [[nodiscard]] std::size_t buffered_bytes() const;
  [[nodiscard]] std::size_t buffered_records() const;

  /// Gives up what is not delivered (its callbacks get `stopped`): flush first to lose nothing. An
  /// open transaction is left to its timeout.
  /// Returns when nothing of the producer runs any more.
  net::Awaitable<void> stop();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace millrace::clients
