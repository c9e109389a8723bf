#include "config/catalogue/tables.hpp"

namespace millrace::config::tables {

namespace {

constexpr std::string_view kRebalanceProtocols[] = {"consumer", "classic", "share", "streams"};
constexpr std::string_view kAssignors[] = {"uniform", "range"};
constexpr std::string_view kMigrationPolicy[] = {"bidirectional", "upgrade", "downgrade",
                                                 "disabled"};

// Consumer groups and committed offsets.
constexpr Setting kSettings[] = {
    {"offsets.topic.num.partitions", int32, "50", at_least(1), count, read_only, kUsed,
     "Partitions of the topic that holds committed offsets; fixed once it exists."},
    {"offsets.topic.segment.bytes", int32, "104857600", at_least(1048576), bytes, read_only, kUsed,
     "Segment size of the offsets topic."},
    {"offsets.topic.replication.factor", int16, "3", at_least(1), count, read_only, kUsed,
     "Replicas of the offsets topic."},
    {"offsets.topic.compression.codec", int32, "0", kAny, none, read_only, kNotServed,
     "Codec id for the offsets topic."},
    {"offsets.retention.minutes", int32, "10080", at_least(1), minutes, read_only, kUsed,
     "How long the offsets of an empty group are kept."},
    {"offsets.retention.check.interval.ms", int64, "600000", at_least(1), ms, read_only, kUsed,
     "How often expired offsets are looked for."},
    {"offset.metadata.max.bytes", int32, "4096", kAny, bytes, read_only, kUsed,
     "Longest text a client may attach to a committed offset."},
    {"offsets.commit.timeout.ms", int32, "5000", at_least(1), ms, read_only, kUsed,
     "How long an offset commit may wait to be stored."},
    {"offsets.load.buffer.size", int32, "5242880", at_least(1), bytes, read_only, kNotServed,
     "Bytes per read when a coordinator loads its offsets."},
    {"group.initial.rebalance.delay.ms", int32, "3000", kAny, ms, read_only, kUsed,
     "How long an empty group waits for more members before its first rebalance."},
    {"group.min.session.timeout.ms", int32, "6000", kAny, ms, read_only, kUsed,
     "Smallest session timeout a member may ask for."},
    {"group.max.session.timeout.ms", int32, "1800000", kAny, ms, read_only, kUsed,
     "Largest session timeout a member may ask for."},
    {"group.max.size", int32, "2147483647", at_least(1), count, read_only, kUsed,
     "Most members of a group."},
    {"group.coordinator.rebalance.protocols", list, "classic,consumer,streams",
     some_of(kRebalanceProtocols), none, read_only, kUsed,
     "Group protocols that are offered: classic always, consumer if it is named; no other."},
    {"group.coordinator.threads", int32, "4", at_least(1), count, read_only, kThreads,
     "Threads that run group coordinators."},
    {"group.coordinator.background.threads", int32, "2", at_least(1), count, read_only, kThreads,
     "Threads for a coordinator's slow work."},
    {"group.coordinator.append.linger.ms", int32, "-1", at_least(-1), ms, read_only, kNotServed,
     "How long a coordinator gathers records before writing."},
    {"group.coordinator.cached.buffer.max.bytes", int32, "1048588", at_least(524288), bytes,
     cluster_wide, kNotServed, "Largest write buffer that a coordinator keeps."},
    {"group.consumer.assignors", list, "uniform,range", some_of(kAssignors), none, read_only, kUsed,
     "Assignors of the consumer protocol, the first is the default."},
    {"group.consumer.migration.policy", string, "bidirectional", one_of(kMigrationPolicy), none,
     read_only, kUsed,
     "Whether groups with members may move between the classic and the consumer protocol."},
    {"group.consumer.assignment.interval.ms", int32, "1000", at_least(0), ms, cluster_wide, kUsed,
     "Least time between two assignments."},
    {"group.consumer.min.assignment.interval.ms", int32, "0", at_least(0), ms, read_only, kUsed,
     "Lower bound of a group's assignment interval."},
    {"group.consumer.max.assignment.interval.ms", int32, "15000", at_least(0), ms, read_only, kUsed,
     "Upper bound of a group's assignment interval."},
    {"group.consumer.heartbeat.interval.ms", int32, "5000", at_least(1), ms, read_only, kUsed,
     "Heartbeat interval given to members."},
    {"group.consumer.min.heartbeat.interval.ms", int32, "5000", at_least(1), ms, read_only, kUsed,
     "Lower bound of a group's heartbeat interval."},
    {"group.consumer.max.heartbeat.interval.ms", int32, "15000", at_least(1), ms, read_only, kUsed,
     "Upper bound of a group's heartbeat interval."},
    {"group.consumer.session.timeout.ms", int32, "45000", at_least(1), ms, read_only, kUsed,
     "Silence after which a member is removed."},
    {"group.consumer.min.session.timeout.ms", int32, "45000", at_least(1), ms, read_only, kUsed,
     "Lower bound of a group's session timeout."},
    {"group.consumer.max.session.timeout.ms", int32, "60000", at_least(1), ms, read_only, kUsed,
     "Upper bound of a group's session timeout."},
    {"group.consumer.max.size", int32, "2147483647", at_least(1), count, read_only, kUsed,
     "Most members of a group of the consumer protocol."},
    {"group.streams.assignors", list, "sticky", kDistinct, none, read_only, kStreams,
     "Assignors of the streams protocol, the first is the default."},
    {"group.streams.assignment.interval.ms", int32, "1000", at_least(0), ms, cluster_wide, kStreams,
     "Least time between two assignments."},
    {"group.streams.min.assignment.interval.ms", int32, "0", at_least(0), ms, read_only, kStreams,
     "Lower bound of a group's assignment interval."},
    {"group.streams.max.assignment.interval.ms", int32, "15000", at_least(0), ms, read_only,
     kStreams, "Upper bound of a group's assignment interval."},
    {"group.streams.heartbeat.interval.ms", int32, "5000", at_least(1), ms, read_only, kStreams,
     "Heartbeat interval given to members."},
    {"group.streams.min.heartbeat.interval.ms", int32, "5000", at_least(1), ms, read_only, kStreams,
     "Lower bound of a group's heartbeat interval."},
    {"group.streams.max.heartbeat.interval.ms", int32, "15000", at_least(1), ms, read_only,
     kStreams, "Upper bound of a group's heartbeat interval."},
    {"group.streams.session.timeout.ms", int32, "45000", at_least(1), ms, read_only, kStreams,
     "Silence after which a member is removed."},
    {"group.streams.min.session.timeout.ms", int32, "45000", at_least(1), ms, read_only, kStreams,
     "Lower bound of a group's session timeout."},
    {"group.streams.max.session.timeout.ms", int32, "60000", at_least(1), ms, read_only, kStreams,
     "Upper bound of a group's session timeout."},
    {"group.streams.initial.rebalance.delay.ms", int32, "3000", at_least(0), ms, read_only,
     kStreams, "How long an empty group waits for more members."},
    {"group.streams.max.size", int32, "2147483647", at_least(1), count, read_only, kStreams,
     "Most members of a streams group."},
    {"group.streams.num.standby.replicas", int32, "0", at_least(0), count, read_only, kStreams,
     "Standby copies of each task."},
    {"group.streams.max.standby.replicas", int32, "2", at_least(0), count, read_only, kStreams,
     "Upper bound of a group's standby copies."},
    {"group.streams.rack.aware.assignment.tags", list, "", kDistinct, none, read_only, kStreams,
     "Client tags over which standby copies are spread."},
    {"group.streams.topology.description.plugin.class", class_name, "", kAny, none, read_only, kJvm,
     "Class that describes a streams topology."},
};

// Settings of single groups. Their bounds are the broker's group.consumer.min.* and .max.*
constexpr Setting kOverrides[] = {
    {"consumer.session.timeout.ms", int32, "45000", at_least(1), ms, read_only, kUsed,
     "Silence after which a member of the group is removed.",
     from("group.consumer.session.timeout.ms")},
    {"consumer.heartbeat.interval.ms", int32, "5000", at_least(1), ms, read_only, kUsed,
     "Heartbeat interval given to members of the group.",
     from("group.consumer.heartbeat.interval.ms")},
    {"consumer.assignment.interval.ms", int32, "1000", at_least(0), ms, read_only, kUsed,
     "Least time between two assignments of the group.",
     from("group.consumer.assignment.interval.ms")},
};

}  // namespace

std::span<const Setting> groups() {
  return kSettings;
}

std::span<const Setting> group_overrides() {
  return kOverrides;
}

}  // namespace millrace::config::tables
