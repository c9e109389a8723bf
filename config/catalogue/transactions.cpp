#include "config/catalogue/tables.hpp"

namespace millrace::config::tables {

namespace {

// The transaction coordinator and its topic.
constexpr Setting kSettings[] = {
    {"transaction.max.timeout.ms", int32, "900000", at_least(1), ms, read_only, kTransactions,
     "Longest timeout a transaction may ask for."},
    {"transactional.id.expiration.ms", int32, "604800000", at_least(1), ms, read_only,
     kTransactions, "An unused transactional id is forgotten after this time."},
    {"transaction.abort.timed.out.transaction.cleanup.interval.ms", int32, "10000", at_least(1), ms,
     read_only, kTransactions, "How often timed-out transactions are looked for."},
    {"transaction.remove.expired.transaction.cleanup.interval.ms", int32, "3600000", at_least(1),
     ms, read_only, kTransactions, "How often expired transactional ids are looked for."},
    {"transaction.partition.verification.enable", boolean, "true", kAny, none, cluster_wide,
     kTransactions, "Check that a partition belongs to the transaction before appending."},
    {"transaction.two.phase.commit.enable", boolean, "false", kAny, none, read_only, kTransactions,
     "Allow transactions that an outside coordinator prepares."},
    {"transaction.state.log.load.buffer.size", int32, "5242880", at_least(1), bytes, read_only,
     kTransactions, "Bytes per read when a coordinator loads its transactions."},
    {"transaction.state.log.min.isr", int32, "2", at_least(1), count, read_only, kTransactions,
     "Replicas that must hold transaction state before it counts."},
    {"transaction.state.log.num.partitions", int32, "50", at_least(1), count, read_only,
     kTransactions, "Partitions of the transaction state topic."},
    {"transaction.state.log.replication.factor", int16, "3", at_least(1), count, read_only,
     kTransactions, "Replicas of the transaction state topic."},
    {"transaction.state.log.segment.bytes", int32, "104857600", at_least(1), bytes, read_only,
     kTransactions, "Segment size of the transaction state topic."},
    {"add.partitions.to.txn.retry.backoff.ms", int32, "20", at_least(1), ms, read_only,
     kTransactions, "Pause before partitions are again asked to be verified."},
    {"add.partitions.to.txn.retry.backoff.max.ms", int32, "100", at_least(0), ms, read_only,
     kTransactions, "Longest pause before partitions are again asked to be verified."},
};

}  // namespace

std::span<const Setting> transactions() {
  return kSettings;
}

}  // namespace millrace::config::tables
