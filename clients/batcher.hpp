#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "clients/partition_queue.hpp"
#include "clients/producer.hpp"
#include "protocol/base/rng.hpp"

namespace millrace::clients {

/// The producer's accumulator: takes records, chooses their partitions, and says which requests to
/// send when. A core: the shell (`Producer`) sends, reports back, and calls the callbacks that
/// `take_completions` hands out. `options` and `rng` outlive it.
class Batcher {
 public:
  Batcher(const ProducerOptions& options, Rng& rng);

  /// See `Producer::enqueue`. `wall` is for records without a timestamp.
  Outcome<void> add(const RecordRef& record, DeliveryCallback callback, Instant now,
                    Timestamp wall);

  /// Topics with records that wait to be placed, because their partitions are not known.
  [[nodiscard]] std::vector<std::string> topics_wanted() const;
  /// Places the records that waited. `with_leader`: where records without key should go while other
  /// partitions have no leader; may be empty.
  void set_topic(const std::string& topic, std::int32_t partitions,
                 std::vector<PartitionIndex> with_leader, Instant now);
  /// Gives up the records that wait to be placed, as far as they were added up to `added_until`.
  void fail_topic(const std::string& topic, const ClientError& error,
                  Instant added_until = Instant::max());
  /// Every topic that a record was ever for.
  [[nodiscard]] std::vector<std::string> topics() const;

  /// A producer id must be had before anything can be sent.
  [[nodiscard]] bool needs_identity() const;
  /// Another than before begins all sequences anew, and takes nothing to be left; for
  /// `numbers_checked` see `PartitionQueue::restart`.
  void set_identity(ProducerIdentity identity, bool numbers_checked = false);
  [[nodiscard]] const std::optional<ProducerIdentity>& identity() const { return identity_; }

  struct Part {
    TopicPartition partition;
    BatchNumber batch = 0;
    SharedBytes bytes;
  };
  struct Request {
    std::uint64_t id = 0;
    BrokerId broker;
    std::vector<Part> parts;
  };
  using LeaderOf = std::function<std::optional<BrokerId>(const TopicPartition&)>;
  using CanSend = std::function<bool(BrokerId)>;
  using Admits = std::function<bool(const TopicPartition&)>;
  /// Everything that should go now, to partitions that `admits` allows, if there is one, and to
  /// brokers that `can_send` allows.
  [[nodiscard]] std::vector<Request> drain(const LeaderOf& leader_of, const CanSend& can_send,
                                           Instant now, const Admits& admits = {});
  /// Partitions that the last `drain` could not send for want of a leader.
  [[nodiscard]] const std::set<TopicPartition>& leaderless() const { return leaderless_; }

  /// The answer to a request. Parts that it does not mention count as lost. True when an error
  /// asks for fresh metadata.
  bool answered(const Request& request, std::map<TopicPartition, BatchAnswer> answers, Instant now);
  /// There was none.
  void lost(const Request& request, const ClientError& error, Instant now);
  /// Nothing goes out to this broker before its request slots free up.
  [[nodiscard]] int in_flight(BrokerId broker) const;

  void expire(Instant now);
  /// When, later than `now`, `drain` or `expire` has something to do by time alone. What is due
  /// already and was not drained waits for something else.
  [[nodiscard]] std::optional<Instant> next_event(Instant now) const;
  /// `add` has begun or filled a batch since this was asked last: time to drain again.
  [[nodiscard]] bool take_news() { return std::exchange(news_, false); }
  /// After `buffer_full`: the refused record fits, and a quarter of the memory is free, so that who
  /// waits does not come back for every single record.
  [[nodiscard]] bool has_room() const;
  /// Gives up everything but what is in flight, and that too unless its next answer is a success.
  void abandon(const ClientError& error);
  /// See `PartitionQueue::unclear`; of any partition.
  [[nodiscard]] bool unclear() const;
  /// Why the first record was given up that was, since this was asked last.
  [[nodiscard]] std::optional<ClientError> take_failure() {
    return std::exchange(first_failure_, std::nullopt);
  }
  /// Gives up everything, and every record to come.
  void close(const ClientError& error);

  /// Somebody waits for room: batches go without lingering.
  void set_hurry(bool hurry) { hurry_ = hurry; }
  /// What is there now goes without lingering; the ticket for `flushed`.
  Ticket flush();
  /// Nothing up to `ticket` is left.
  [[nodiscard]] bool flushed(Ticket ticket) const;
  /// The first failure among records up to `ticket` since `flush` was first called for it.
  [[nodiscard]] const std::vector<std::pair<Ticket, ClientError>>& failures() const {
    return failures_;
  }
  void forget_failures() { failures_.clear(); }
  void keep_failures(bool keep) { keep_failures_ = keep; }

  struct Completion {
    DeliveryCallback callback;
    Outcome<Delivered> outcome;
  };
  [[nodiscard]] std::vector<Completion> take_completions();

  [[nodiscard]] std::size_t buffered_bytes() const { return buffered_bytes_; }
  [[nodiscard]] std::size_t buffered_records() const { return buffered_records_; }

 private:
  /// A record whose topic is not known yet, with memory of its own.
  struct Unplaced {
    Record record;
    DeliveryCallback callback;
    Ticket ticket = 0;
    std::size_t bytes = 0;
    Timestamp wall;
    Instant added;
  };
  struct Topic {
    std::int32_t partitions = 0;  // 0: not known
    std::vector<PartitionIndex> with_leader;
    std::optional<PartitionIndex> sticky;
    std::map<PartitionIndex, PartitionQueue*> queues;
    std::deque<Unplaced> unplaced;
  };

  Outcome<void> place(Topic& topic, const RecordRef& record, DeliveryCallback& callback,
                      Ticket ticket, std::size_t bytes, Instant now, Timestamp wall);
  PartitionIndex choose(Topic& topic, const RecordRef& record, std::size_t bytes);
  PartitionQueue& queue(Topic& topic, std::string_view name, PartitionIndex partition);
  [[nodiscard]] Instant retry_at(Instant now);
  void settle(PartitionQueue& queue);
  void complete(Unplaced& record, const ClientError& error);
  void note_failure(Ticket ticket, const ClientError& error);

  const ProducerOptions& options_;
  Rng& rng_;
  std::map<std::string, Topic, std::less<>> topics_;
  std::map<TopicPartition, PartitionQueue> queues_;  // only ever grows
  std::map<BrokerId, int> in_flight_;                // requests
  std::optional<TopicPartition> served_last_;        // where `drain` goes on
  std::set<TopicPartition> leaderless_;
  std::optional<ProducerIdentity> identity_;
  std::optional<ClientError> closed_;
  bool hurry_ = false;
  bool news_ = false;
  std::size_t refused_bytes_ = 0;  // of the largest record that did not fit lately
  Ticket next_ticket_ = 1;
  Ticket flush_until_ = 0;
  std::uint64_t next_request_ = 0;
  std::vector<std::pair<Ticket, ClientError>> failures_;
  bool keep_failures_ = false;
  std::optional<ClientError> first_failure_;
  std::vector<Completion> completions_;
  std::size_t buffered_bytes_ = 0;
  std::size_t buffered_records_ = 0;
};

}  // namespace millrace::clients
