#pragma once

#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "broker/cleaner_budget.hpp"
#include "log/compaction/work.hpp"
#include "protocol/base/result.hpp"
#include "protocol/base/types.hpp"

namespace millrace::broker {

class Partition;
class Shard;

/// Compacts the partitions of one shard, the one with most to gain first: the shell around
/// `log::CompactionWork`. Used on the shard's thread; steps run on pool threads, and between two of
/// them nobody waits, so that the throttle holds up no thread.
class Cleaner {
 public:
  Cleaner(Shard& shard, CleanerBudget& budget) : shard_{shard}, budget_{budget} {}
  Cleaner(const Cleaner&) = delete;
  Cleaner& operator=(const Cleaner&) = delete;

  /// Starts passes where they are due, as many as the budget allows. The shard calls it from time
  /// to time, until it stops.
  void look();

  /// What passes that came to their end did, since the start.
  struct Totals {
    std::uint64_t passes = 0;
    std::uint64_t bytes_before = 0;  // of the segments that they read
    std::uint64_t bytes_after = 0;   // of those that took their place
    std::uint64_t records_dropped = 0;
  };
  [[nodiscard]] const Totals& totals() const { return totals_; }

 private:
  struct Pass {
    std::shared_ptr<Partition> partition;
    std::shared_ptr<log::CompactionWork> work;
  };
  using PassPtr = std::shared_ptr<Pass>;

  void fill();
  [[nodiscard]] bool can_start(const Partition& partition) const;
  [[nodiscard]] std::shared_ptr<Partition> dirtiest();
  [[nodiscard]] bool start(const std::shared_ptr<Partition>& partition);
  void step(const PassPtr& pass);
  void stepped(const PassPtr& pass, const Result<log::CompactionStep>& step);
  void end(const PassPtr& pass, const Result<log::CompactionStep>& last);

  Shard& shard_;
  CleanerBudget& budget_;
  using Place = std::pair<TopicId, PartitionIndex>;
  std::vector<PassPtr> passes_;
  std::set<Place> damaged_;  // a pass found damage: left alone until the broker starts again
  std::set<Place> stuck_;    // a pass changed nothing: left alone until the next look
  Totals totals_;
};

}  // namespace millrace::broker
