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
  /// `invalid_argument`, `sequence_broken` or `stopped`.
  Outcome<void> enqueue(const RecordRef& record, DeliveryCallback callback = {});

  /// Returns when records fit again, or the producer was stopped.
  net::Awaitable<void> room();

  /// Sends everything without lingering; returns when every record enqueued before is delivered or
  /// given up. The first failure among them, if any, is the outcome, or `timed_out`.
  net::Awaitable<Outcome<void>> flush(Instant deadline);

  /// Bytes and records that wait for delivery.
  [[nodiscard]] std::size_t buffered_bytes() const;
  [[nodiscard]] std::size_t buffered_records() const;

  /// Gives up what is not delivered (its callbacks get `stopped`): flush first to lose nothing.
  /// Returns when nothing of the producer runs any more.
  net::Awaitable<void> stop();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace millrace::clients
