#include "config/catalogue/tables.hpp"

namespace millrace::config::tables {

namespace {

// Share groups: queues over topics, and their dead letters.
constexpr Setting kSettings[] = {
    {"group.share.assignors", list, "simple", kDistinct, none, read_only, kShare,
     "Assignors of share groups."},
    {"group.share.assignment.interval.ms", int32, "1000", at_least(0), ms, cluster_wide, kShare,
     "Least time between two assignments."},
    {"group.share.min.assignment.interval.ms", int32, "0", at_least(0), ms, read_only, kShare,
     "Lower bound of a group's assignment interval."},
    {"group.share.max.assignment.interval.ms", int32, "15000", at_least(0), ms, read_only, kShare,
     "Upper bound of a group's assignment interval."},
    {"group.share.heartbeat.interval.ms", int32, "5000", at_least(1), ms, read_only, kShare,
     "Heartbeat interval given to members."},
    {"group.share.min.heartbeat.interval.ms", int32, "5000", at_least(1), ms, read_only, kShare,
     "Lower bound of a group's heartbeat interval."},
    {"group.share.max.heartbeat.interval.ms", int32, "15000", at_least(1), ms, read_only, kShare,
     "Upper bound of a group's heartbeat interval."},
    {"group.share.session.timeout.ms", int32, "45000", at_least(1), ms, read_only, kShare,
     "Silence after which a member is removed."},
    {"group.share.min.session.timeout.ms", int32, "45000", at_least(1), ms, read_only, kShare,
     "Lower bound of a group's session timeout."},
    {"group.share.max.session.timeout.ms", int32, "60000", at_least(1), ms, read_only, kShare,
     "Upper bound of a group's session timeout."},
    {"group.share.max.size", int32, "200", between(1, 1000), count, read_only, kShare,
     "Most members of a share group."},
    {"group.share.max.share.sessions", int32, "2000", at_least(1), count, read_only, kShare,
     "Most share sessions of a broker."},
    {"group.share.delivery.count.limit", int32, "5", between(2, 10), count, read_only, kShare,
     "Deliveries after which a record is given up."},
    {"group.share.min.delivery.count.limit", int32, "2", between(2, 5), count, read_only, kShare,
     "Lower bound of a group's delivery limit."},
    {"group.share.max.delivery.count.limit", int32, "10", between(5, 25), count, read_only, kShare,
     "Upper bound of a group's delivery limit."},
    {"group.share.partition.max.record.locks", int32, "2000", between(100, 10000), count, read_only,
     kShare, "Records of a partition that may be locked at a time."},
    {"group.share.min.partition.max.record.locks", int32, "100", between(100, 2000), count,
     read_only, kShare, "Lower bound of a group's record locks."},
    {"group.share.max.partition.max.record.locks", int32, "4000", between(2000, 10000), count,
     read_only, kShare, "Upper bound of a group's record locks."},
    {"group.share.record.lock.duration.ms", int32, "30000", between(1000, 3600000), ms, read_only,
     kShare, "How long a delivered record stays locked."},
    {"group.share.min.record.lock.duration.ms", int32, "15000", between(1000, 30000), ms, read_only,
     kShare, "Lower bound of a group's lock duration."},
    {"group.share.max.record.lock.duration.ms", int32, "60000", between(30000, 3600000), ms,
     read_only, kShare, "Upper bound of a group's lock duration."},
    {"share.coordinator.append.linger.ms", int32, "-1", at_least(-1), ms, read_only, kShare,
     "How long the share coordinator gathers records before writing."},
    {"share.coordinator.cached.buffer.max.bytes", int32, "1048588", at_least(524288), bytes,
     cluster_wide, kShare, "Largest write buffer that the share coordinator keeps."},
    {"share.coordinator.load.buffer.size", int32, "5242880", at_least(1), bytes, read_only, kShare,
     "Bytes per read when share state is loaded."},
    {"share.coordinator.snapshot.update.records.per.snapshot", int32, "500", between(0, 500), count,
     read_only, kShare, "Updates between two snapshots of share state."},
    {"share.coordinator.state.topic.compression.codec", int32, "0", kAny, none, read_only, kShare,
     "Codec id for the share state topic."},
    {"share.coordinator.state.topic.min.isr", int16, "2", at_least(1), count, read_only, kShare,
     "Replicas that must hold share state before it counts."},
    {"share.coordinator.state.topic.num.partitions", int32, "50", at_least(1), count, read_only,
     kShare, "Partitions of the share state topic."},
    {"share.coordinator.state.topic.replication.factor", int16, "3", at_least(1), count, read_only,
     kShare, "Replicas of the share state topic."},
    {"share.coordinator.state.topic.segment.bytes", int32, "104857600", at_least(1), bytes,
     read_only, kShare, "Segment size of the share state topic."},
    {"share.coordinator.threads", int32, "1", at_least(1), count, read_only, kShare,
     "Threads of the share coordinator."},
    {"share.coordinator.write.timeout.ms", int32, "5000", at_least(1), ms, read_only, kShare,
     "How long a write of share state may wait."},
    {"errors.deadletterqueue.auto.create.topics.enable", boolean, "false", kAny, none, cluster_wide,
     kShare, "Create dead letter topics when they are first needed."},
    {"errors.deadletterqueue.topic.name.prefix", string, "dlq.", kAny, none, cluster_wide, kShare,
     "Prefix that the name of a dead letter topic must have."},
};

}  // namespace

std::span<const Setting> share_groups() {
  return kSettings;
}

}  // namespace millrace::config::tables
