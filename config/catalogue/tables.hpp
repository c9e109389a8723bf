#pragma once

#include "config/catalogue.hpp"

// The words that the data files of the catalogue are written in. Nobody else includes this.
namespace millrace::config::tables {

using enum ConfigType;
using enum Unit;
using enum Dynamic;

inline constexpr std::nullopt_t kNull = std::nullopt;

inline constexpr Valid kAny{};
inline constexpr Valid kDistinct{.distinct = true};
constexpr Valid at_least(std::int64_t min) {
  return {.min = min};
}
constexpr Valid between(std::int64_t min, std::int64_t max) {
  return {.min = min, .max = max};
}
/// From `min` on, or `also`; Kafka's habit of letting -1 stand for "no limit".
constexpr Valid at_least_or(std::int64_t min, std::int64_t also) {
  return {.min = min, .also = also};
}
constexpr Valid between_or(std::int64_t min, std::int64_t max, std::int64_t also) {
  return {.min = min, .max = max, .also = also};
}
/// `names` must be of static storage.
constexpr Valid one_of(std::span<const std::string_view> names) {
  return {.one_of = names};
}
constexpr Valid some_of(std::span<const std::string_view> names) {
  return {.one_of = names, .distinct = true};
}

/// The broker settings that a setting of topics or groups takes its default from.
constexpr std::array<std::string_view, 3> from(std::string_view first, std::string_view second = {},
                                               std::string_view third = {}) {
  return {first, second, third};
}

constexpr Effect no_effect(std::string_view reason) {
  return {Effect::Kind::no_effect, reason};
}

inline constexpr Effect kUsed{};
inline constexpr Effect kNotServed = no_effect("not served by this version");
inline constexpr Effect kRecoveryPool = no_effect("logs are recovered by the disk.threads");
inline constexpr Effect kStartIsDurable =
    no_effect("a moved start of a partition is on the disk before it is answered");
inline constexpr Effect kCluster =
    no_effect("not served by this version, which runs no cluster of several brokers");
inline constexpr Effect kOneReplica =
    no_effect("every partition has one replica in this version, and no more can be asked of it");
inline constexpr Effect kStreams = no_effect("streams groups are not served by this version");
inline constexpr Effect kShare = no_effect("share groups are not served by this version");
inline constexpr Effect kWaitsInLine =
    no_effect("who adds partitions to a transaction waits in line and is asked once");
inline constexpr Effect kTls = no_effect("TLS is not served by this version");
inline constexpr Effect kSasl = no_effect("SASL logins are not served by this version");
inline constexpr Effect kTokens = no_effect("delegation tokens are not served by this version");
inline constexpr Effect kQuotas = no_effect("quotas are not served by this version");
inline constexpr Effect kTiering = no_effect("tiered storage is not served by this version");
inline constexpr Effect kKerberos = no_effect("Kerberos is not supported");
inline constexpr Effect kJvm =
    no_effect("it belongs to the Java virtual machine, which is not used here");
inline constexpr Effect kThreads =
    no_effect("threads are counted by `shards` and `disk.threads` instead");
inline constexpr Effect kQueue =
    no_effect("requests are worked on where they arrive, without a queue");
inline constexpr Effect kPurgatory =
    no_effect("finished waits are removed at once, nothing is purged");
inline constexpr Effect kKernel = no_effect("the kernel sizes socket buffers by itself");
inline constexpr Effect kMetrics = no_effect("metrics are counters that are read, not samples");

inline constexpr std::string_view kCompressionTypes[] = {"uncompressed", "zstd", "lz4",
                                                         "snappy",       "gzip", "producer"};
inline constexpr std::string_view kTimestampTypes[] = {"CreateTime", "LogAppendTime"};
inline constexpr std::string_view kCleanupPolicies[] = {"compact", "delete"};
inline constexpr std::string_view kFlushModes[] = {"sync", "async"};

std::span<const Setting> network();
std::span<const Setting> storage();
std::span<const Setting> cluster();
std::span<const Setting> groups();
std::span<const Setting> group_overrides();
std::span<const Setting> share_groups();
std::span<const Setting> transactions();
std::span<const Setting> security();
std::span<const Setting> operations();
std::span<const Setting> tiering();
std::span<const Setting> own();
std::span<const Setting> topics();
std::span<const RetiredSetting> retired();

}  // namespace millrace::config::tables
