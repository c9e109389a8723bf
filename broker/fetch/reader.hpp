#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/fetch/sessions.hpp"
#include "broker/partition.hpp"
#include "protocol/net/net.hpp"

namespace millrace::broker {

class Shard;

/// Wakes one fetch that waits for more, whichever shard its partitions are on.
class FetchWaiter final : public ReadWaiter, public std::enable_shared_from_this<FetchWaiter> {
 public:
  explicit FetchWaiter(Shard& home);
  void wake() override;
  [[nodiscard]] bool done() const override { return done_.load(std::memory_order_relaxed); }
  /// From the home shard: returns when woken or at `deadline`. May be used again afterwards.
  net::Awaitable<void> wait_until(Instant deadline);
  void finish() { done_.store(true, std::memory_order_relaxed); }

 private:
  Shard& home_;
  net::Event woken_;
  std::atomic<bool> signalled_ = false;  // a wake-up is on its way home
  std::atomic<bool> done_ = false;
};

/// What to read from one partition.
struct PartitionRead {
  TopicId topic;
  PartitionIndex index;
  Offset offset;
  std::int32_t current_leader_epoch = -1;
  std::int32_t last_fetched_epoch = -1;
  std::size_t bytes_max = 0;
  Offset log_start;  // of the replica's log that asks
};

struct PartitionReadResult {
  protocol::ErrorCode error = protocol::ErrorCode::none;
  Offset high_watermark{-1};
  Offset last_stable_offset{-1};
  Offset log_start{-1};
  LeaderEpoch leader_epoch;
  std::optional<log::EpochEnd> diverging;
  std::optional<BrokerId> nearer;  // where the reader should ask instead; nothing else is given
  BytesChain records;
  Offset next;                                   // behind the last of `records`
  std::vector<log::AbortedTransaction> aborted;  // that reach into them; read_committed only
};

/// How to read: what holds for all partitions of a request.
struct ReadTerms {
  struct Replica {
    BrokerId id;
    std::int64_t epoch = -1;
  };
  std::size_t bytes_max = 0;    // of all records together, but see `whole_first_batch`
  bool committed_only = false;  // read_committed: up to the last stable offset
  /// A follower reads what is written, committed or not, and its offset says how far it is.
  std::optional<Replica> replica;
  bool first = true;         // the request is read for the first time, not after a wait
  bool may_follow = false;   // the reader knows that it may be sent to followers (KIP-392)
  std::string nearest_rack;  // of the reader, when the leader is to choose by it
};

/// Reads all `parts`, each on the shard that owns it, in order within each shard; answers are in
/// the order of `parts`. If `waiter` is given, it is left with every partition that was read, to be
/// woken when more is there. From `home`'s thread.
net::Awaitable<std::vector<PartitionReadResult>> read_partitions(
    Shard& home, std::vector<PartitionRead> parts, ReadTerms terms,
    std::shared_ptr<FetchWaiter> waiter);

}  // namespace millrace::broker
