#include "config/catalogue/tables.hpp"

namespace millrace::config::tables {

namespace {

// Segments kept on remote storage.
constexpr Setting kSettings[] = {
    {"log.local.retention.bytes", int64, "-2", at_least(-2), bytes, cluster_wide, kTiering,
     "Bytes kept locally of a partition on remote storage; -2 follows log.retention.bytes."},
    {"log.local.retention.ms", int64, "-2", at_least(-2), ms, cluster_wide, kTiering,
     "Time records stay local on remote storage; -2 follows log.retention.ms."},
    {"log.remote.copy.lag.bytes", int64, "-1", at_least(-1), bytes, cluster_wide, kTiering,
     "Bytes that may wait to be copied; -1 is no limit."},
    {"log.remote.copy.lag.ms", int64, "0", at_least(-1), ms, cluster_wide, kTiering,
     "Time that records may wait to be copied."},
    {"follower.fetch.last.tiered.offset.enable", boolean, "false", kAny, none, cluster_wide,
     kTiering, "Let a new follower start behind what is on remote storage."},
    {"remote.fetch.max.wait.ms", int32, "500", at_least(1), ms, cluster_wide, kTiering,
     "Longest wait of a fetch from remote storage."},
    {"remote.list.offsets.request.timeout.ms", int64, "30000", at_least(1), ms, cluster_wide,
     kTiering, "Longest wait of an offset look-up on remote storage."},
    {"remote.log.index.file.cache.total.size.bytes", int64, "1073741824", at_least(1), bytes,
     cluster_wide, kTiering, "Disk space for indexes of remote segments."},
    {"remote.log.manager.copier.thread.pool.size", int32, "10", at_least(1), count, cluster_wide,
     kTiering, "Threads that copy segments."},
    {"remote.log.manager.copy.max.bytes.per.second", int64, "9223372036854775807", at_least(1),
     bytes_per_second, cluster_wide, kTiering, "Most bytes per second copied to remote storage."},
    {"remote.log.manager.copy.quota.window.num", int32, "11", at_least(1), count, read_only,
     kTiering, "Windows kept for the copy quota."},
    {"remote.log.manager.copy.quota.window.size.seconds", int32, "1", at_least(1), seconds,
     read_only, kTiering, "Length of a window for the copy quota."},
    {"remote.log.manager.expiration.thread.pool.size", int32, "10", at_least(1), count,
     cluster_wide, kTiering, "Threads that delete remote segments."},
    {"remote.log.manager.fetch.max.bytes.per.second", int64, "9223372036854775807", at_least(1),
     bytes_per_second, cluster_wide, kTiering,
     "Most bytes per second fetched from remote storage."},
    {"remote.log.manager.fetch.quota.window.num", int32, "11", at_least(1), count, read_only,
     kTiering, "Windows kept for the remote fetch quota."},
    {"remote.log.manager.fetch.quota.window.size.seconds", int32, "1", at_least(1), seconds,
     read_only, kTiering, "Length of a window for the remote fetch quota."},
    {"remote.log.manager.follower.thread.pool.size", int32, "2", at_least(1), count, cluster_wide,
     kTiering, "Threads that serve followers' remote work."},
    {"remote.log.manager.task.interval.ms", int64, "30000", at_least(1), ms, read_only, kTiering,
     "How often segments to copy or delete are looked for."},
    {"remote.log.manager.thread.pool.size", int32, "2", at_least(1), count, read_only, kTiering,
     "Threads that schedule remote work."},
    {"remote.log.metadata.custom.metadata.max.bytes", int32, "128", at_least(0), bytes, read_only,
     kTiering, "Most bytes of metadata that a storage plug-in may add."},
    {"remote.log.metadata.manager.class.name", string,
     "org.apache.kafka.server.log.remote.metadata.storage.TopicBasedRemoteLogMetadataManager", kAny,
     none, read_only, kJvm, "Class that keeps the metadata of remote segments."},
    {"remote.log.metadata.manager.class.path", string, kNull, kAny, none, read_only, kJvm,
     "Where that class is found."},
    {"remote.log.metadata.manager.impl.prefix", string, "rlmm.config.", kAny, none, read_only, kJvm,
     "Prefix of that class's own settings."},
    {"remote.log.metadata.manager.listener.name", string, kNull, kAny, none, read_only, kTiering,
     "Listener over which remote metadata is reached."},
    {"remote.log.reader.max.pending.tasks", int32, "100", at_least(1), count, read_only, kTiering,
     "Remote reads that may wait."},
    {"remote.log.reader.threads", int32, "10", at_least(1), count, cluster_wide, kTiering,
     "Threads that read from remote storage."},
    {"remote.log.storage.manager.class.name", string, kNull, kAny, none, read_only, kJvm,
     "Class that stores remote segments."},
    {"remote.log.storage.manager.class.path", string, kNull, kAny, none, read_only, kJvm,
     "Where that class is found."},
    {"remote.log.storage.manager.impl.prefix", string, "rsm.config.", kAny, none, read_only, kJvm,
     "Prefix of that class's own settings."},
    {"remote.log.storage.system.enable", boolean, "false", kAny, none, read_only, kTiering,
     "Use remote storage."},
};

}  // namespace

std::span<const Setting> tiering() {
  return kSettings;
}

}  // namespace millrace::config::tables
