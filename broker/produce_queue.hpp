#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "protocol/base/bytes.hpp"
#include "protocol/base/types.hpp"
#include "protocol/error_code.hpp"
#include "protocol/record/validate.hpp"

namespace millrace::broker {

/// What became of a batch that a producer sent.
struct ProduceResult {
  protocol::ErrorCode error = protocol::ErrorCode::none;
  std::string message;
  std::vector<protocol::RecordError> record_errors;
  Offset base_offset;
  Offset end;  // right behind the last record
  std::optional<Timestamp> log_append_time;
};

/// A batch that cannot be judged, and perhaps compressed anew, without holding up the shard; or one
/// that came behind such a batch of its partition and must not overtake it.
struct QueuedBatch {
  SharedBytes records;
  protocol::ProduceRules rules;  // as they were when it came
  Timestamp now;                 // likewise
  std::move_only_function<void(ProduceResult)> done;
};

/// What a pool thread does for a partition's queue: judges batches, and compresses anew those that
/// the topic wants otherwise. Holds all that it needs, so it may outlive the partition.
class PrepareWork {
 public:
  /// The verdicts, in the order of the batches: on the first of them at least, and on all unless
  /// what was built for them takes too much memory.
  [[nodiscard]] std::vector<protocol::ProduceVerdict> run() const;

 private:
  friend class ProduceQueue;
  struct Item {
    SharedBytes records;
    protocol::ProduceRules rules;
    Timestamp now;
  };
  std::vector<Item> items_;
};

/// The produced batches of one partition that are on their way through the pool, in the order in
/// which they came. One group of them is out at a time; what comes meanwhile forms the next. A
/// core: used on the partition's shard alone.
class ProduceQueue {
 public:
  struct Prepared {
    QueuedBatch batch;
    protocol::ProduceVerdict verdict;
  };

  [[nodiscard]] bool empty() const { return batches_.empty(); }
  void add(QueuedBatch batch) { batches_.push_back(std::move(batch)); }
  /// The next group, unless one is out or nothing waits.
  [[nodiscard]] std::optional<PrepareWork> take();
  /// The group that is out has come back: the batches that there are verdicts on, in order; the
  /// others are in front of the next group. None after a `clear`.
  [[nodiscard]] std::vector<Prepared> take_back(std::vector<protocol::ProduceVerdict> verdicts);
  /// Empties the queue; the group that is out is not waited for.
  [[nodiscard]] std::vector<QueuedBatch> clear();

 private:
  std::deque<QueuedBatch> batches_;
  std::size_t out_ = 0;  // so many at the front are out
};

}  // namespace millrace::broker
