#include "broker/settings.hpp"

#include <algorithm>
#include <limits>

#include "config/catalogue.hpp"
#include "config/describe.hpp"
#include "config/group_config.hpp"
#include "config/topic_config.hpp"
#include "replication/controller/topic_names.hpp"

namespace millrace::broker {
namespace {

using std::chrono::milliseconds;

milliseconds ms(const config::BrokerConfig& config, std::string_view name) {
  return milliseconds{config.get_long(name)};
}

std::optional<protocol::Codec> target_codec(config::CompressionType type) {
  switch (type) {
    case config::CompressionType::producer:
      return std::nullopt;
    case config::CompressionType::uncompressed:
      return protocol::Codec::none;
    case config::CompressionType::gzip:
      return protocol::Codec::gzip;
    case config::CompressionType::snappy:
      return protocol::Codec::snappy;
    case config::CompressionType::lz4:
      return protocol::Codec::lz4;
    case config::CompressionType::zstd:
      return protocol::Codec::zstd;
  }
  return std::nullopt;
}

std::optional<int> target_level(const config::TopicConfig& topic) {
  switch (topic.compression) {
    case config::CompressionType::gzip:
      return topic.gzip_level;
    case config::CompressionType::lz4:
      return topic.lz4_level;
    case config::CompressionType::zstd:
      return topic.zstd_level;
    default:
      return std::nullopt;
  }
}

TransactionSettings transaction_settings(const config::BrokerConfig& config) {
  return {
      .timeout_max = ms(config, "transaction.max.timeout.ms"),
      .id_expiration = ms(config, "transactional.id.expiration.ms"),
      .timeout_check = ms(config, "transaction.abort.timed.out.transaction.cleanup.interval.ms"),
      .expiration_check = ms(config, "transaction.remove.expired.transaction.cleanup.interval.ms"),
      .add_wait_max = ms(config, "add.partitions.to.txn.retry.backoff.max.ms")};
}

GroupSettings group_settings(const config::BrokerConfig& config) {
  GroupSettings groups;
  groups.session_timeout_min = ms(config, "group.min.session.timeout.ms");
  groups.session_timeout_max = ms(config, "group.max.session.timeout.ms");
  groups.initial_rebalance_delay = ms(config, "group.initial.rebalance.delay.ms");
  groups.members_max = static_cast<std::size_t>(config.get_int("group.max.size"));
  groups.offset_metadata_bytes_max =
      static_cast<std::size_t>(config.get_int("offset.metadata.max.bytes"));
  groups.offsets_retention = std::chrono::minutes{config.get_int("offsets.retention.minutes")};
  groups.offsets_check_interval = ms(config, "offsets.retention.check.interval.ms");
  groups.write_timeout = ms(config, "offsets.commit.timeout.ms");
  groups.history_bytes_max = static_cast<std::size_t>(
      config.get_long("group.history.bytes") / config.get_int("offsets.topic.num.partitions"));
  ConsumerGroupSettings& consumer = groups.consumer;
  const auto& protocols = config.get_list("group.coordinator.rebalance.protocols");
  consumer.offered = std::ranges::find(protocols, "consumer") != protocols.end();
  consumer.times.heartbeat_interval = ms(config, "group.consumer.heartbeat.interval.ms");
  consumer.times.session_timeout = ms(config, "group.consumer.session.timeout.ms");
  consumer.times.assignment_interval = ms(config, "group.consumer.assignment.interval.ms");
  consumer.members_max = static_cast<std::size_t>(config.get_int("group.consumer.max.size"));
  consumer.assignors = config.get_list("group.consumer.assignors");
  const std::string policy = config.get_string("group.consumer.migration.policy");
  consumer.upgrade = policy == "upgrade" || policy == "bidirectional";
  consumer.downgrade = policy == "downgrade" || policy == "bidirectional";
  return groups;
}

CleanerSettings cleaner_settings(const config::BrokerConfig& config) {
  const auto bytes = [](std::int64_t value) {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(value, 0));
  };
  CleanerSettings cleaner;
  cleaner.enabled = config.get_bool("log.cleaner.enable");
  cleaner.passes_max = config.get_int("log.cleaner.threads");
  // A pause of nothing would be a loop that never ends.
  cleaner.backoff = std::max(ms(config, "log.cleaner.backoff.ms"), milliseconds{1});
  cleaner.key_map_bytes = bytes(config.get_long("log.cleaner.dedupe.buffer.size"));
  cleaner.key_map_load = config.get_double("log.cleaner.io.buffer.load.factor");
  cleaner.buffer_bytes = bytes(config.get_int("log.cleaner.io.buffer.size"));
  cleaner.bytes_per_second = config.get_double("log.cleaner.io.max.bytes.per.second");
  return cleaner;
}

ReplicaSettings replica_settings(const config::BrokerConfig& config) {
  return {.fetch_wait = ms(config, "replica.fetch.wait.max.ms"),
          .socket_timeout = ms(config, "replica.socket.timeout.ms"),
          .fetch_backoff = ms(config, "replica.fetch.backoff.ms"),
          .lag_max = ms(config, "replica.lag.time.max.ms"),
          .checkpoint_interval = ms(config, "replica.high.watermark.checkpoint.interval.ms"),
          .fetch_bytes_min = config.get_int("replica.fetch.min.bytes"),
          .fetch_bytes_max = config.get_int("replica.fetch.response.max.bytes"),
          .partition_bytes_max = config.get_int("replica.fetch.max.bytes"),
          .fetchers = config.get_int("num.replica.fetchers")};
}

/// The selector that Kafka brings along; by this name, so that its configurations are understood.
constexpr std::string_view kRackAwareSelector =
    "org.apache.kafka.common.replica.RackAwareReplicaSelector";

/// A batch is decompressed on its shard's thread, so a bomb holds up its neighbours for as long as
/// this many bytes take: about 0.1 s.
constexpr std::size_t kDecompressedBytesMax = std::size_t{64} << 20;
constexpr auto kForever = std::chrono::duration_cast<milliseconds>(std::chrono::hours{24 * 36500});

replication::InternalFactors internal_factors_of(const config::BrokerConfig& config) {
  const auto factor = [&](std::string_view name) {
    return static_cast<std::size_t>(std::max(config.get_int(name), 1));
  };
  return {{std::string{replication::kOffsetsTopic}, factor("offsets.topic.replication.factor")},
          {std::string{replication::kTransactionTopic},
           factor("transaction.state.log.replication.factor")}};
}

QuorumSettings quorum_settings(const config::BrokerConfig& config) {
  QuorumSettings quorum;
  const auto& roles = config.get_list("process.roles");
  quorum.votes = std::ranges::find(roles, "controller") != roles.end();
  constexpr std::string_view kServers = "controller.quorum.bootstrap.servers";
  for (const auto& text : config.get_list(kServers))
    if (const auto at = config::parse_address(kServers, text))
      quorum.servers.push_back({at->host, at->port});
  quorum.election_timeout =
      std::max(ms(config, "controller.quorum.election.timeout.ms"), milliseconds{50});
  quorum.request_timeout =
      std::max(ms(config, "controller.quorum.request.timeout.ms"), milliseconds{50});
  quorum.join_patience = ms(config, "initial.broker.registration.timeout.ms");
  quorum.bytes_between_snapshots =
      config.get_long("metadata.log.max.record.bytes.between.snapshots");
  return quorum;
}

std::string inter_broker(const config::BrokerConfig& config) {
  if (const auto& name = config.text("inter.broker.listener.name")) return config::capitals(*name);
  return config.listeners().empty() ? std::string{} : config.listeners().front().name;
}

}  // namespace

BrokerSettings::BrokerSettings(const config::BrokerConfig& config)
    : node_id{config.node_id()},
      rack{config.text("broker.rack").value_or("")},
      inter_broker_listener{inter_broker(config)},
      request_bytes_max{static_cast<std::size_t>(config.get_int("socket.request.max.bytes"))},
      response_queue_bytes_max{
          static_cast<std::size_t>(config.get_long("response.queue.bytes.per.connection"))},
      connection_idle_max{ms(config, "connections.max.idle.ms")},
      connections_max{config.get_int("max.connections")},
      connections_per_ip_max{config.get_int("max.connections.per.ip")},
      fetch_bytes_max{config.get_int("fetch.max.bytes")},
      fetch_sessions_max{
          static_cast<std::size_t>(config.get_int("max.incremental.fetch.session.cache.slots"))},
      request_partitions_max{config.get_int("max.request.partition.size.limit")},
      auto_create_topics{config.get_bool("auto.create.topics.enable")},
      offsets_partitions{config.get_int("offsets.topic.num.partitions")},
      offsets_segment_bytes{config.get_int("offsets.topic.segment.bytes")},
      transaction_partitions{config.get_int("transaction.state.log.num.partitions")},
      transaction_segment_bytes{config.get_int("transaction.state.log.segment.bytes")},
      verify_transactions{config.get_bool("transaction.partition.verification.enable")},
      space{.min_free = static_cast<std::uint64_t>(config.get_long("storage.min.free")),
            .reserve = static_cast<std::uint64_t>(config.get_long("storage.reserve.bytes"))},
      tail_cache_bytes{config.get_long("tail.cache.bytes")},
      read_ahead_bytes{static_cast<std::uint64_t>(config.get_long("read.ahead.bytes"))},
      journal_bytes{static_cast<std::uint64_t>(config.get_long("journal.bytes"))},
      retention_check_interval{ms(config, "log.retention.check.interval.ms")},
      checkpoint_interval{ms(config, "log.flush.offset.checkpoint.interval.ms")},
      replicas{replica_settings(config)},
      selects_by_rack{config.text("replica.selector.class") == kRackAwareSelector},
      cleaner{cleaner_settings(config)},
      groups{group_settings(config)},
      transactions{transaction_settings(config)},
      internal_factors{internal_factors_of(config)},
      leader_balance{config.get_bool("auto.leader.rebalance.enable")},
      leader_balance_interval{config.get_long("leader.imbalance.check.interval.seconds")},
      broker_session_timeout{ms(config, "broker.session.timeout.ms")},
      heartbeat_interval{ms(config, "broker.heartbeat.interval.ms")},
      registration_timeout{ms(config, "initial.broker.registration.timeout.ms")},
      controlled_shutdown{config.get_bool("controlled.shutdown.enable")} {
  controller.partitions_default = config.get_int("num.partitions");
  controller.replication_factor_default =
      static_cast<std::int16_t>(config.get_int("default.replication.factor"));
  controller.delete_topic_enable = config.get_bool("delete.topic.enable");
  quorum = quorum_settings(config);
}

PartitionSettings partition_settings(const config::BrokerConfig& config,
                                     const replication::ConfigOverrides& overrides,
                                     std::uint64_t seed) {
  const auto topic = config::TopicConfig::of(overrides, config);
  PartitionSettings settings;
  auto& log = settings.log;
  log.segment_bytes = static_cast<std::uint64_t>(topic.segment_bytes);
  log.segment_ms = topic.segment_age_max.value_or(kForever);
  if (topic.segment_jitter.count() > 0) {
    log.segment_jitter =
        milliseconds{seed % static_cast<std::uint64_t>(topic.segment_jitter.count())};
  }
  log.index_interval_bytes = static_cast<std::uint32_t>(topic.index_interval_bytes);
  log.index_bytes_max = static_cast<std::uint32_t>(topic.segment_index_bytes);
  log.retention_ms = topic.retention;
  log.retention_bytes = std::nullopt;
  if (topic.retention_bytes) {
    log.retention_bytes = static_cast<std::uint64_t>(*topic.retention_bytes);
  }
  log.checkpoint_interval_bytes =
      static_cast<std::uint64_t>(config.get_long("log.checkpoint.interval.bytes"));
  log.delete_old = topic.delete_old;
  log.compact = topic.compact;
  log.min_compaction_lag = topic.min_compaction_lag;
  log.max_compaction_lag = topic.max_compaction_lag;
  log.min_dirty_ratio = topic.min_cleanable_dirty_ratio;
  log.delete_retention = topic.delete_retention;
  log.timestamp_type = topic.timestamp_type == config::TimestampType::log_append_time
                           ? protocol::TimestampType::log_append_time
                           : protocol::TimestampType::create_time;
  log.file_delete_delay = topic.file_delete_delay;
  log.producer_expiration = milliseconds{config.get_int("producer.id.expiration.ms")};

  auto& rules = settings.rules;
  rules.compacted = topic.compact;
  rules.timestamp_type = log.timestamp_type;
  rules.before_max = topic.timestamp_before_max.value_or(milliseconds::max());
  rules.after_max = topic.timestamp_after_max.value_or(milliseconds::max());
  rules.max_message_bytes = topic.max_message_bytes;
  rules.segment_bytes = topic.segment_bytes;
  rules.decompressed_bytes_max = kDecompressedBytesMax;
  rules.target_codec = target_codec(topic.compression);
  rules.target_level = target_level(topic);

  settings.flush_sync = topic.flush_mode == config::FlushMode::sync;
  settings.flush_messages = topic.flush_messages.value_or(std::numeric_limits<std::int64_t>::max());
  settings.flush_ms = topic.flush_interval;
  settings.replication.lag_max = ms(config, "replica.lag.time.max.ms");
  if (topic.min_insync_replicas_given)
    settings.replication.min_in_sync = static_cast<std::size_t>(topic.min_insync_replicas);
  return settings;
}

ConsumerGroupTimes group_times(const config::BrokerConfig& config,
                               const replication::ConfigOverrides& overrides) {
  const auto times = config::GroupConfig::of(overrides, config);
  return {.heartbeat_interval = times.heartbeat_interval,
          .session_timeout = times.session_timeout,
          .assignment_interval = times.assignment_interval};
}

std::uint64_t tail_cache_share(const BrokerSettings& settings, std::size_t partitions) {
  constexpr std::uint64_t kShareMax = std::uint64_t{4} << 20;  // more serves no reader at the tail
  const auto total =
      static_cast<std::uint64_t>(std::max<std::int64_t>(settings.tail_cache_bytes, 0));
  return std::min(total / std::max<std::size_t>(partitions, 1), kShareMax);
}

std::optional<std::string> CatalogueRules::check_topic(std::string_view key,
                                                       std::string_view value) const {
  return config::validate_override(key, value);
}

std::optional<std::string> CatalogueRules::check_broker(std::string_view key,
                                                        std::string_view) const {
  return "setting '" + std::string{key} +
         "' of a broker cannot be changed while it runs: set it in the file or by --set and "
         "restart";
}

std::optional<std::string> CatalogueRules::check_group(std::string_view key,
                                                       std::string_view value) const {
  return config::group_override_problem(key, value, config_);
}

std::optional<std::string> CatalogueRules::check_group_whole(
    const replication::ConfigOverrides& overrides) const {
  return config::group_overrides_problem(overrides, config_);
}

bool CatalogueRules::is_list(std::string_view key) const {
  const auto entries = config::describe_topic({}, config_);
  return std::ranges::any_of(entries, [&](const auto& entry) {
    return entry.name == key && entry.type == config::ConfigType::list;
  });
}

std::string CatalogueRules::effective(std::string_view key,
                                      const replication::ConfigOverrides& overrides,
                                      const replication::ConfigOverrides& cluster) const {
  if (const auto found = overrides.find(key); found != overrides.end()) return found->second;
  const auto* const setting = config::find_topic_setting(key);
  if (setting == nullptr) return {};
  for (const auto synonym : setting->broker_synonyms) {
    if (const auto found = cluster.find(synonym); found != cluster.end()) return found->second;
  }
  return std::string{setting->default_value.value_or("")};
}

replication::ConfigOverrides CatalogueRules::as_the_cluster_has_it(
    replication::ConfigOverrides overrides, const replication::MetadataImage& image) const {
  const auto& cluster = image.broker_configs("");
  if (const auto found = cluster.find("min.insync.replicas"); found != cluster.end())
    overrides.emplace(*found);
  for (const std::string_view key : {"flush.mode", "unclean.leader.election.enable"}) {
    if (!overrides.contains(key)) overrides.emplace(key, effective(key, overrides, cluster));
  }
  return overrides;
}

std::vector<protocol::CreateTopicsResponse::CreatableTopicResult::CreatableTopicConfigs>
CatalogueRules::describe_topic(const replication::ConfigOverrides& overrides) const {
  std::vector<protocol::CreateTopicsResponse::CreatableTopicResult::CreatableTopicConfigs> configs;
  for (const auto& entry : config::describe_topic(overrides, config_)) {
    auto& described = configs.emplace_back();
    described.name = entry.name;
    described.value = entry.value;
    described.read_only = entry.read_only;
    described.config_source = static_cast<std::int8_t>(entry.source);
    described.is_sensitive = entry.sensitive;
  }
  return configs;
}

}  // namespace millrace::broker
