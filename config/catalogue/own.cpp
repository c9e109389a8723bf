#include "config/catalogue/tables.hpp"

namespace millrace::config::tables {

namespace {

// Settings that Kafka does not have. Each bounds a resource or states a promise of ours.
constexpr Setting kSettings[] = {
    {"log.flush.mode", string, "sync", one_of(kFlushModes), none, cluster_wide, kUsed,
     "When a batch counts as written: sync, once it is on the disk; async, once the kernel has "
     "it."},
    {"shards", int32, "0", between(0, 1024), count, read_only, kUsed,
     "Threads that serve connections and partitions; 0 takes one per processor core."},
    {"disk.threads", int32, "8", between(1, 1024), count, read_only, kUsed,
     "Threads that sync files and open, check and delete them."},
    {"disk.read.threads", int32, "4", between(1, 1024), count, read_only, kUsed,
     "Threads that read data which is not in memory, compact, and compress produced batches anew; "
     "apart from disk.threads so that no sync waits behind them."},
    {"read.ahead.bytes", int64, "8388608", at_least(0), bytes, read_only, kUsed,
     "How far data that is not in memory is read ahead of a consumer, per connection and file; 0 "
     "not at all."},
    {"log.open.files.max", int32, "0", at_least(0), count, read_only, kUsed,
     "Files of logs that are kept open; others are opened when they are used. 0 takes three "
     "eighths "
     "of the descriptors that the process may have, and that is the most."},
    {"log.checkpoint.interval.bytes", int64, "67108864", at_least(1048576), bytes, read_only, kUsed,
     "Bytes of a partition behind which its recovery point is moved: what a start after a crash "
     "verifies of it at most. That of an idle one is moved after "
     "log.flush.offset.checkpoint.interval.ms."},
    {"metrics.listen", string, kNull, kAny, none, read_only, kUsed,
     "Address HOST:PORT on which /metrics, in the text format of Prometheus, and /ready are served "
     "over HTTP; unset, nowhere."},
    {"storage.min.free", int64, "67108864", at_least(0), bytes, read_only, kUsed,
     "Free bytes of a data directory's disk below which producers are refused, until there is room "
     "again."},
    {"storage.reserve.bytes", int64, "16777216", at_least(0), bytes, read_only, kUsed,
     "Size of a file that is given up when half of storage.min.free is gone too, so that deleting "
     "can still be written."},
    {"journal.bytes", int64, "67108864", at_least(0), bytes, read_only, kUsed,
     "Space in the data directory for the journals, which make small appends of many partitions "
     "durable by one write. It is written once, at the first start; 0 makes each append wait for a "
     "sync of its own segment."},
    {"group.history.bytes", int64, "4194304", at_least(0), bytes, read_only, kUsed,
     "Memory of the broker for the history of rebalances that `millrace group history` shows; each "
     "partition of __consumer_offsets has an equal part. 0 keeps none."},
    {"tail.cache.bytes", int64, "67108864", at_least(0), bytes, read_only, kUsed,
     "Memory of the broker for recently written batches, from which consumers at the end read."},
    {"response.queue.bytes.per.connection", int64, "67108864", at_least(1), bytes, read_only, kUsed,
     "Answers that a slow reader may leave unsent before its further requests wait."},
};

}  // namespace

std::span<const Setting> own() {
  return kSettings;
}

}  // namespace millrace::config::tables
