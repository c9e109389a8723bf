#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "clients/producer.hpp"
#include "protocol/base/clock.hpp"
#include "protocol/error_code.hpp"
#include "protocol/record/builder.hpp"

namespace millrace::clients {

/// Counts records in the order they were handed over, across all partitions.
using Ticket = std::uint64_t;
/// Names a batch of a queue while it lives.
using BatchNumber = std::uint64_t;

/// What a broker said about one batch.
struct BatchAnswer {
  protocol::ErrorCode code = protocol::ErrorCode::none;
  std::optional<Offset> base_offset;
  std::optional<Timestamp> append_time;
  std::string message;  ///< the broker's, possibly empty
};

/// The batches of one partition on their way out, and the rules that keep them in order. A core:
/// no clock, no network.
///
/// With idempotence each batch takes its sequence when it is first sent and keeps it. Batches go
/// out in order and several may be in flight, except that
/// - the first batch ever goes alone, because a broker that knows nothing of the producer accepts
///   any sequence, so a second one could slip in before a first that failed;
/// - a batch that failed goes again only when nothing of the partition is in flight any more, and
///   everything behind it goes again after it.
/// A batch that is given up leaves one of two situations. Certainly not stored: the batches behind
/// it are numbered anew. Perhaps stored: the sequence has a hole of unknown kind, so the queue is
/// broken and everything in it and after it fails.
///
/// A transaction that is aborted gives everything up: `abandon`. Under another identity the queue
/// begins again at sequence 0: `restart`.
class PartitionQueue {
 public:
  PartitionQueue(TopicPartition id, const ProducerOptions& options)
      : id_{std::move(id)}, options_{options} {}

  /// A record as it waits for its outcome.
  struct Tracked {
    std::int32_t index = 0;  // in its batch
    Timestamp timestamp;
    DeliveryCallback callback;
  };
  /// A batch that left the queue.
  struct Finished {
    std::vector<Tracked> records;  // those with a callback
    Outcome<BatchAnswer> outcome;
    std::int32_t record_count = 0;
    std::size_t bytes = 0;
    Ticket first_ticket = 0;
  };
  struct Sending {
    BatchNumber batch = 0;
    SharedBytes bytes;
  };

  /// Whether `record_bytes` more fit into the batch being filled.
  [[nodiscard]] bool fits_open_batch(std::size_t record_bytes) const;
  /// Takes the record; `bytes` is what it counts towards the memory bound.
  void add(const RecordRef& record, Timestamp timestamp, DeliveryCallback callback, Ticket ticket,
           std::size_t bytes, Instant now);

  /// From when on `take` would give a batch, as far as time alone decides; nothing while an answer
  /// or a producer id has to come first. `flush_until`: batches with records up to this ticket do
  /// not linger. `hurry`: none does.
  [[nodiscard]] std::optional<Instant> sendable_at(bool has_identity, Ticket flush_until,
                                                   bool hurry) const;
  /// Bytes of the next batch before compression, for filling requests.
  [[nodiscard]] std::size_t next_size() const;
  /// The next batch, now in flight; nothing if it could not be built and has failed instead.
  [[nodiscard]] std::optional<Sending> take(const std::optional<ProducerIdentity>& identity);

  /// The broker answered for a batch in flight; `retry_at` is for an answer that asks for one.
  void answered(BatchNumber batch, BatchAnswer answer, Instant retry_at);
  /// No answer came for a batch in flight: it may or may not be stored.
  void lost(BatchNumber batch, const ClientError& error, Instant retry_at);
  /// Gives up what waits, not in flight, past its delivery timeout.
  void expire(Instant now);
  /// When `expire` has something to do next.
  [[nodiscard]] std::optional<Instant> next_expiry() const;
  /// Gives up everything, in flight or not.
  void fail_all(const ClientError& error);
  /// Gives up what is not in flight, and the rest unless its next answer is a success.
  void abandon(const ClientError& error);
  /// Some sequence was used up by a batch of which it is not known whether it is stored, or that
  /// was abandoned: under this identity nothing sound can follow.
  [[nodiscard]] bool unclear() const { return unclear_ || broken_ || renumber_from_; }
  /// The producer has another identity. Nothing may be left. `numbers_checked`: brokers refuse a
  /// first sequence of it that is not 0, so the first batch need not go alone.
  void restart(bool numbers_checked);

  [[nodiscard]] std::vector<Finished> take_finished() { return std::exchange(finished_, {}); }
  [[nodiscard]] const std::optional<ClientError>& broken() const { return broken_; }
  [[nodiscard]] bool empty() const { return batches_.empty(); }
  [[nodiscard]] std::optional<Ticket> oldest_ticket() const;
  [[nodiscard]] const TopicPartition& id() const { return id_; }

 private:
  struct Batch {
    BatchNumber number = 0;
    protocol::BatchBuilder builder;
    std::vector<Tracked> tracked;
    std::size_t bytes = 0;
    Ticket first_ticket = 0;
    Instant created;
    Instant deadline;
    bool in_flight = false;
    bool sent_before = false;
    bool perhaps_stored = false;           // some attempt's fate is not known
    bool renumber = false;                 // it was sent behind a batch that was given up
    std::optional<ClientError> abandoned;  // while in flight
    std::optional<Sequence> sequence;
    SharedBytes sealed;  // empty until built, and again when it must be numbered anew
  };
  using Iterator = std::deque<Batch>::iterator;

  [[nodiscard]] const Batch* next_to_send() const;
  Iterator find(BatchNumber number);
  void retry(Batch& batch, Instant retry_at);
  /// Ends a batch that no broker stored, or perhaps stored.
  void give_up(Iterator batch, ClientError error);
  void finish(Iterator batch, Outcome<BatchAnswer> outcome);
  void finish_abandoned(Iterator batch);
  void break_down(const ClientError& cause);
  void renumber_if_due();
  [[nodiscard]] ClientError broken_error(const ClientError& cause) const;

  TopicPartition id_;
  const ProducerOptions& options_;  // of the producer, which outlives its queues
  std::deque<Batch> batches_;       // in the order of their records, and so of their sequences
  std::vector<Finished> finished_;
  BatchNumber next_number_ = 0;
  int in_flight_ = 0;
  Instant retry_at_;
  bool proven_ = false;  // a broker has stored a batch of ours here
  Sequence next_sequence_;
  std::optional<Sequence> renumber_from_;
  std::optional<ClientError> broken_;
  bool unclear_ = false;
};

}  // namespace millrace::clients
