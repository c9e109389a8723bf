#include "config/catalogue/tables.hpp"

namespace millrace::config::tables {

namespace {

// The transaction coordinator and its topic.
constexpr Setting kSettings[] = {
    {"transaction.max.timeout.ms", int32, "900000", at_least(1), ms, read_only, kUsed,
     "Longest timeout a transaction may ask for."},
    {"transactional.id.expiration.ms", int32, "604800000", at_least(1), ms, read_only, kUsed,
     "An unused transactional id is forgotten after this time."},
    {"transaction.abort.timed.out.transaction.cleanup.interval.ms", int32, "10000", at_least(1), ms,
     read_only, kUsed, "How often timed-out transactions are looked for."},
    {"transaction.remove.expired.transaction.cleanup.interval.ms", int32, "3600000", at_least(1),
     ms, read_only, kUsed, "How often expired transactional ids are looked for."},
    {"transaction.partition.verification.enable", boolean, "true", kAny, none, cluster_wide, kUsed,
     "Check that a partition belongs to the transaction before appending."},
    {"transaction.two.phase.commit.enable", boolean, "false", kAny, none, read_only, kNotServed,
     "Allow transactions that an outside coordinator prepares."},
    {"transaction.state.log.load.buffer.size", int32, "5242880", at_least(1), bytes, read_only,
     kNotServed, "Bytes per read when a coordinator loads its transactions."},
    {"transaction.state.log.min.isr", int32, "2", at_least(1), count, read_only, kOneReplica,
     "Replicas that must hold transaction state before it counts."},
    {"transaction.state.log.num.partitions", int32, "50", at_least(1), count, read_only, kUsed,
     "Partitions of the transaction state topic."},
    {"transaction.state.log.replication.factor", int16, "3", at_least(1), count, read_only, kUsed,
     "Replicas of the transaction state topic."},
    {"transaction.state.log.segment.bytes", int32, "104857600", at_least(1048576), bytes, read_only,
     kUsed, "Segment size of the transaction state topic."},
    {"add.partitions.to.txn.retry.backoff.ms", int32, "20", at_least(1), ms, read_only,
     kWaitsInLine, "Pause before partitions are again asked to be verified."},
    {"add.partitions.to.txn.retry.backoff.max.ms", int32, "100", at_least(0), ms, read_only, kUsed,
     "Who adds partitions while the transaction before is still being ended waits up to this "
     "time."},
};

}  // namespace

std::span<const Setting> transactions() {
  return kSettings;
}

}  // namespace millrace::config::tables
