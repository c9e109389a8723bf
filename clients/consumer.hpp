#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "clients/assignor.hpp"
#include "clients/client.hpp"
#include "clients/errc.hpp"
#include "clients/fetched.hpp"
#include "clients/offset_lookup.hpp"
#include "protocol/base/types.hpp"

namespace millrace::clients {

/// Where to begin when there is no offset, or the one there was is gone from the log.
enum class OffsetReset : std::uint8_t {
  earliest,
  latest,
  fail,  ///< `poll` says `no_position` and names the partition
};

/// By which protocol a group shares out its partitions (Kafka's `group.protocol`).
enum class GroupProtocol : std::uint8_t {
  /// A member leads and assigns; a rebalance takes all partitions from all members.
  classic,
  /// The coordinator assigns (KIP-848); only partitions that move are taken and given.
  consumer,
};

/// Called from `poll` and `stop` with the partitions that come or go, awaited before the rebalance
/// goes on; `commit` may be awaited inside, `poll` may not. A lambda that is itself a coroutine
/// must not capture: let it return the coroutine of a function it calls.
using RebalanceCallback = std::function<net::Awaitable<void>(std::vector<TopicPartition>)>;

struct ConsumerOptions {
  OffsetReset reset = OffsetReset::earliest;
  Isolation isolation = Isolation::read_uncommitted;
  /// A broker waits up to `fetch_wait_max` for `fetch_bytes_min`.
  std::size_t fetch_bytes_min = 1;
  std::chrono::milliseconds fetch_wait_max{500};
  std::size_t fetch_bytes_max = std::size_t{50} << 20;
  std::size_t partition_fetch_bytes_max = std::size_t{1} << 20;
  /// No more is fetched for a partition while this much of it waits to be polled.
  std::size_t prefetch_bytes_per_partition = std::size_t{2} << 20;
  /// Bound on one batch decompressed; a larger one is `corrupt_data`.
  std::size_t decompressed_bytes_max = std::size_t{256} << 20;
  std::size_t poll_records_max = 500;  ///< for `poll`; `poll_batches` gives what is there
  std::string rack;

  // For members of a group:
  GroupProtocol group_protocol = GroupProtocol::classic;
  std::optional<std::string> group_instance_id;
  /// Who assigns, of the classic protocol. In the other one it is the coordinator: by the assignor
  /// of this name, or its own choice if empty (`group.remote.assignor`).
  std::vector<Assignor> assignors{Assignor::range, Assignor::roundrobin};
  std::string remote_assignor;
  /// Of the classic protocol; in the other one the coordinator's settings say both.
  std::chrono::milliseconds session_timeout{45'000};
  std::chrono::milliseconds heartbeat_interval{3'000};
  /// How long rebalances wait for members; also how long a member may go without `poll` before it
  /// leaves the group by itself.
  std::chrono::milliseconds poll_interval_max{300'000};
  /// Commits, from inside `poll` and `stop`, the positions of what earlier polls returned.
  bool auto_commit = true;
  std::chrono::milliseconds auto_commit_interval{5'000};
  RebalanceCallback on_assigned;  ///< after positions were looked up, before the first record
  RebalanceCallback on_revoked;   ///< while the partitions are still ours: commit here
  /// The partitions went to others before we were asked (a session expired): a commit would fail.
  RebalanceCallback on_lost;
};

struct Assignment {
  TopicPartition partition;
  StartPosition start = FromEarliest{};
};

struct CommittedOffset {
  Offset offset;  ///< of the next record to read
  std::optional<LeaderEpoch> leader_epoch;
  std::string metadata;
  friend bool operator==(const CommittedOffset&, const CommittedOffset&) = default;
};

/// Reads partitions, given by hand (`assign`) or shared with others in a group (`subscribe`).
/// Fetches ahead in the background; delivers the records of a partition in order, each once,
/// control records never.
///
/// Used from one scheduler's thread, one `poll` at a time. `client` outlives it; await `stop`
/// before destroying it. In a group, heartbeats go on between polls, but rebalances happen inside
/// `poll` only: records that a poll has returned belong to their reader until the next one.
class Consumer {
 public:
  Consumer(Client& client, ConsumerOptions options);
  ~Consumer();
  Consumer(const Consumer&) = delete;
  Consumer& operator=(const Consumer&) = delete;

  /// Reads exactly these partitions from now on; replaces an earlier `assign`. `invalid_argument`
  /// after `subscribe`.
  Outcome<void> assign(std::vector<Assignment> partitions);
  /// Becomes a member of `group`, at the next `poll`. A later call changes the topics.
  Outcome<void> subscribe(std::vector<std::string> topics, std::string group);
  /// The same for all topics, of now and later, whose whole name matches an expression of RE2;
  /// needs `GroupProtocol::consumer`, where the coordinator matches.
  Outcome<void> subscribe_pattern(std::string pattern, std::string group);
  /// Names the group whose offsets `commit` and `committed` use, without being a member; for
  /// `assign`.
  void set_group(std::string group);

  /// The next records, at most `poll_records_max`, as soon as there are any; none at `deadline`.
  /// Errors are of one partition or of the group and do not end the consumer: the next poll goes on
  /// with the others. After `corrupt_data` or `no_position`, `seek` that partition on.
  net::Awaitable<Outcome<std::vector<ConsumedRecord>>> poll(Instant deadline);
  /// The same without making a value per record: whole batches to be walked in place.
  net::Awaitable<Outcome<std::vector<FetchedBatch>>> poll_batches(Instant deadline);

  /// The offset behind the last record that was polled; nothing before the start is known.
  [[nodiscard]] std::optional<Offset> position(const TopicPartition& partition) const;
  [[nodiscard]] PartitionOffsets positions() const;
  [[nodiscard]] std::vector<TopicPartition> assignment() const;
  /// Continues elsewhere; what was fetched ahead is dropped. `not_subscribed` if not assigned.
  Outcome<void> seek(const TopicPartition& partition, StartPosition to);
  /// Fetches and delivers nothing of it until `resume`.
  Outcome<void> pause(const TopicPartition& partition);
  Outcome<void> resume(const TopicPartition& partition);
  /// The highest high watermark (last stable offset, with `read_committed`) that fetches have told.
  [[nodiscard]] std::optional<Offset> known_end(const TopicPartition& partition) const;

  /// Commits the positions of everything that was polled.
  net::Awaitable<Outcome<void>> commit(Instant deadline);
  net::Awaitable<Outcome<void>> commit(PartitionOffsets offsets, Instant deadline);
  /// Of the group, for partitions that have one.
  net::Awaitable<Outcome<std::map<TopicPartition, CommittedOffset>>> committed(
      std::vector<TopicPartition> partitions, Instant deadline);
  net::Awaitable<Outcome<PartitionOffsets>> end_offsets(std::vector<TopicPartition> partitions,
                                                        Instant deadline);
  net::Awaitable<Outcome<PartitionOffsets>> beginning_offsets(
      std::vector<TopicPartition> partitions, Instant deadline);

  /// This member's id, and its generation or member epoch while it is in a group.
  [[nodiscard]] std::string member_id() const;
  [[nodiscard]] std::optional<std::int32_t> generation() const;
  /// When the last request was sent whose answer said that all is well with this member: nobody
  /// else gets its partitions before a session timeout from then. Nothing while it is in no group.
  [[nodiscard]] std::optional<Instant> confirmed_at() const;

  /// Commits (if automatic), calls `on_revoked`, leaves the group (a static member keeps its place
  /// there until its session ends), and returns when nothing of the consumer runs any more. Group
  /// requests are given `deadline`.
  net::Awaitable<void> stop(Instant deadline);

 private:
  struct State;
  Outcome<void> join(std::vector<std::string> topics, std::string pattern, std::string group);
  std::unique_ptr<State> state_;
};

}  // namespace millrace::clients
