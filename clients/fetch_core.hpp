#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "clients/consumer.hpp"
#include "clients/fetch_decode.hpp"
#include "protocol/messages/fetch.hpp"

namespace millrace::clients {

/// The positions of a consumer and what was fetched ahead for them. A core: says what to look up
/// and fetch, takes the answers in, and hands out records in order. At most one fetch per broker
/// is under way. `options` outlives it.
///
/// A leader may name a replica nearer to the consumer's rack to read from (KIP-392). It is asked
/// instead, until it refuses, or is gone, or `replica_age_max` after it was named: the leader then
/// has the next word.
class FetchCore {
 public:
  FetchCore(const ConsumerOptions& options, std::chrono::milliseconds replica_age_max)
      : options_{options}, replica_age_max_{replica_age_max} {}

  /// Replaces the assignment; partitions that stay keep neither position nor data.
  void assign(std::vector<Assignment> partitions);
  /// The others stay as they are.
  void add(std::vector<Assignment> partitions);
  void remove(const std::vector<TopicPartition>& partitions);
  Outcome<void> seek(const TopicPartition& partition, StartPosition to);
  Outcome<void> set_paused(const TopicPartition& partition, bool paused);

  /// Positions that must be looked up; they count as being looked up from now on.
  [[nodiscard]] std::map<TopicPartition, StartPosition> lookups_due(Instant now);
  /// The outcomes of a lookup. Partitions that were moved meanwhile ignore them.
  void looked_up(const std::map<TopicPartition, StartPosition>& asked,
                 const std::map<TopicPartition, Outcome<OffsetAtTime>>& outcomes, Instant now);

  struct Item {
    TopicPartition partition;
    Offset offset;
    std::uint64_t generation = 0;  // of the partition's position
    std::optional<LeaderEpoch> leader_epoch;
  };
  struct Fetch {
    BrokerId broker;
    std::vector<Item> items;
  };
  struct Leader {
    BrokerId broker;
    std::optional<LeaderEpoch> epoch;
  };
  using LeaderOf = std::function<std::optional<Leader>(const TopicPartition&)>;
  using Knows = std::function<bool(BrokerId)>;
  /// Fetches to start now. `knows` tells whether a broker can be reached at all.
  [[nodiscard]] std::vector<Fetch> plan(const LeaderOf& leader_of, const Knows& knows, Instant now);
  /// Topics with partitions that the last `plan` left out because whom to ask is not known.
  [[nodiscard]] const std::set<std::string>& leaderless_topics() const {
    return leaderless_topics_;
  }
  [[nodiscard]] protocol::FetchRequest request_for(const Fetch& fetch) const;
  /// True when an error asks for fresh metadata.
  bool answered(const Fetch& fetch, const protocol::FetchResponse& response, Instant now);
  void lost(const Fetch& fetch, Instant now);
  /// When time alone lets `lookups_due` or `plan` go on.
  [[nodiscard]] std::optional<Instant> next_event(Instant now) const;

  /// The next records in turn over the partitions; an error is told once, in its partition's turn.
  /// Empty when there is nothing.
  Outcome<std::vector<ConsumedRecord>> take_records(std::size_t records_max);
  Outcome<std::vector<FetchedBatch>> take_batches();

  [[nodiscard]] std::optional<Offset> position(const TopicPartition& partition) const;
  [[nodiscard]] PartitionOffsets positions() const;
  [[nodiscard]] std::optional<Offset> known_end(const TopicPartition& partition) const;
  [[nodiscard]] std::vector<TopicPartition> assignment() const;

 private:
  struct Partition {
    std::shared_ptr<const TopicPartition> source;
    std::optional<StartPosition> start;  // to be looked up; else `fetch_from` holds
    bool looking_up = false;
    Offset fetch_from;
    std::optional<Offset> position;  // what the application has got up to
    std::uint64_t generation = 0;    // grows whenever the position is moved from outside
    std::deque<FetchedBatch> batches;
    std::optional<FetchedBatch::Cursor> cursor;  // into the first batch, when it was begun
    std::size_t buffered_bytes = 0;
    Offset skipped_to;  // behind `batches`: everything up to here has been filtered out
    std::optional<Offset> known_end;
    std::optional<ClientError> error;  // to be told when `batches` is used up
    bool halted = false;               // after an error, until a seek
    bool paused = false;
    Instant not_before;
    struct Replica {
      BrokerId broker;
      Instant until;
    };
    std::optional<Replica> replica;  // to read from, as the leader said
  };

  void move_to(Partition& partition, StartPosition to);
  void out_of_range(Partition& partition);
  void backoff(Partition& partition, Instant now);
  [[nodiscard]] bool wants_fetch(const Partition& partition) const;
  /// Whom to ask for it; nothing when metadata has to be asked first.
  [[nodiscard]] std::optional<BrokerId> reader_of(Partition& partition, const Leader& leader,
                                                  const Knows& knows, Instant now);
  bool take_answer(Partition& partition, const Item& item, BrokerId from,
                   const protocol::FetchResponse::FetchableTopicResponse::PartitionData& data,
                   Instant now);
  void drop_front(Partition& partition);
  std::optional<ClientError> take_error(Partition& partition);

  const ConsumerOptions& options_;
  std::chrono::milliseconds replica_age_max_;
  std::map<TopicPartition, Partition> partitions_;
  std::set<BrokerId> fetching_;
  std::set<std::string> leaderless_topics_;
  std::optional<TopicPartition> fetched_last_;    // where the next fetch begins its list
  std::optional<TopicPartition> delivered_last_;  // where the next take begins
  std::uint64_t next_generation_ = 0;
};

}  // namespace millrace::clients
