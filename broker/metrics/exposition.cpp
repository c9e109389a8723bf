#include "broker/metrics/exposition.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "protocol/base/ensure.hpp"

namespace millrace::broker {
namespace {

constexpr MetricInfo kMetrics[] = {
    {"millrace_log_dir_online", false, "1, or 0 after a failed write or sync."},
    {"millrace_log_dir_total_bytes", false, "Size of the disk of the data directory."},
    {"millrace_log_dir_free_bytes", false, "Bytes that may still be written to it."},
    {"millrace_log_dir_accepts_produce", false,
     "1, or 0 while the disk has less than storage.min.free."},
    {"millrace_log_dir_reserve_held", false, "1 while the reserve file is in its place."},
    {"millrace_partitions", false, "Partitions by the state of their log."},
    {"millrace_replicas_led", false, "Partitions led here that have followers."},
    {"millrace_replicas_followed", false, "Partitions that are copied from other brokers."},
    {"millrace_partitions_under_replicated", false,
     "Of those led here, with fewer replicas in sync than there are."},
    {"millrace_partitions_under_min_in_sync", false,
     "Of those led here, with fewer than acks=all takes."},
    {"millrace_partitions_leaderless", false, "Partitions with a replica here that nobody leads."},
    {"millrace_replica_lag_max_records", false,
     "Records that the slowest follower of a partition led here is behind."},
    {"millrace_log_bytes", false, "Size of all logs, what is not written yet included."},
    {"millrace_tail_cache_bytes", false, "Memory for recently written batches."},
    {"millrace_tail_cache_budget_bytes", false, "What tail.cache.bytes allows."},
    {"millrace_index_bytes", false, "Memory for index entries."},
    {"millrace_recovery_partitions", false, "Partitions that were to be opened since the start."},
    {"millrace_recovery_opened", false, "Those of them that are."},
    {"millrace_recovery_verified_bytes_total", true, "Bytes of batches that recovery verified."},
    {"millrace_recovery_torn_bytes_total", true, "Bytes that a crash left unfinished, cut off."},
    {"millrace_recovery_damages_total", true, "Places in files that are not what was written."},
    {"millrace_retention_segments_total", true, "Segments that retention deleted."},
    {"millrace_retention_bytes_total", true, "Bytes in these segments."},
    {"millrace_compaction_passes_total", true, "Passes of compaction that came to their end."},
    {"millrace_compaction_before_bytes_total", true, "Bytes of the segments that they read."},
    {"millrace_compaction_after_bytes_total", true, "Bytes of those that took their place."},
    {"millrace_compaction_dropped_records_total", true, "Records that they dropped."},
};

}  // namespace

std::span<const MetricInfo> all_metrics() {
  return kMetrics;
}

void Exposition::add(std::string_view name, std::uint64_t value, std::string_view label) {
  const auto* const found = std::ranges::find(kMetrics, name, &MetricInfo::name);
  ENSURE(found != std::end(kMetrics));
  samples_[found->name].push_back({std::string{label}, value});
}

std::string Exposition::text() const {
  std::string text;
  for (const MetricInfo& metric : kMetrics) {
    const auto found = samples_.find(metric.name);
    if (found == samples_.end()) continue;
    fmt::format_to(std::back_inserter(text), "# HELP {} {}\n# TYPE {} {}\n", metric.name,
                   metric.help, metric.name, metric.counter ? "counter" : "gauge");
    for (const Sample& sample : found->second) {
      if (sample.label.empty())
        fmt::format_to(std::back_inserter(text), "{} {}\n", metric.name, sample.value);
      else
        fmt::format_to(std::back_inserter(text), "{}{{{}}} {}\n", metric.name, sample.label,
                       sample.value);
    }
  }
  return text;
}

}  // namespace millrace::broker
