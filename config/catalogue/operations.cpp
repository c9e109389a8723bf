#include "config/catalogue/tables.hpp"

namespace millrace::config::tables {

namespace {

// Metrics, quotas, threads and plug-ins.
constexpr Setting kSettings[] = {
    {"background.threads", int32, "10", at_least(1), count, cluster_wide, kThreads,
     "Threads for housekeeping."},
    {"alter.config.policy.class.name", class_name, kNull, kAny, none, read_only, kJvm,
     "Class that may refuse a change of settings."},
    {"create.topic.policy.class.name", class_name, kNull, kAny, none, read_only, kJvm,
     "Class that may refuse a new topic."},
    {"client.quota.callback.class", class_name, kNull, kAny, none, read_only, kJvm,
     "Class that computes client quotas."},
    {"config.providers", list, "", kDistinct, none, cluster_wide, kJvm,
     "Classes that look up settings elsewhere."},
    {"kafka.metrics.polling.interval.secs", int32, "10", at_least(1), seconds, read_only, kMetrics,
     "How often metrics are polled for reporters."},
    {"kafka.metrics.reporters", list, "", kDistinct, none, read_only, kJvm,
     "Classes that report metrics."},
    {"metric.reporters", list, "org.apache.kafka.common.metrics.JmxReporter", kDistinct, none,
     cluster_wide, kJvm, "Classes that report metrics."},
    {"metrics.num.samples", int32, "2", at_least(1), count, read_only, kMetrics,
     "Samples kept per metric."},
    {"metrics.recording.level", string, "INFO", kAny, none, read_only, kMetrics,
     "Detail of metrics."},
    {"metrics.sample.window.ms", int64, "30000", at_least(1), ms, read_only, kMetrics,
     "Length of a metric's sample."},
    {"telemetry.max.bytes", int32, "1048576", at_least(1), bytes, read_only, kNotServed,
     "Largest metrics push of a client."},
    {"quota.window.num", int32, "11", at_least(1), count, read_only, kQuotas,
     "Windows kept for client quotas."},
    {"quota.window.size.seconds", int32, "1", at_least(1), seconds, read_only, kQuotas,
     "Length of a window for client quotas."},
    {"replication.quota.window.num", int32, "11", at_least(1), count, read_only, kQuotas,
     "Windows kept for replication quotas."},
    {"replication.quota.window.size.seconds", int32, "1", at_least(1), seconds, read_only, kQuotas,
     "Length of a window for replication quotas."},
    {"alter.log.dirs.replication.quota.window.num", int32, "11", at_least(1), count, read_only,
     kQuotas, "Windows kept for quotas on directory moves."},
    {"alter.log.dirs.replication.quota.window.size.seconds", int32, "1", at_least(1), seconds,
     read_only, kQuotas, "Length of a window for quotas on directory moves."},
    {"controller.quota.window.num", int32, "11", at_least(1), count, read_only, kQuotas,
     "Windows kept for quotas on cluster changes."},
    {"controller.quota.window.size.seconds", int32, "1", at_least(1), seconds, read_only, kQuotas,
     "Length of a window for quotas on cluster changes."},
};

}  // namespace

std::span<const Setting> operations() {
  return kSettings;
}

}  // namespace millrace::config::tables
