#pragma once

#include "replication/controller/membership.hpp"
#include "replication/controller/records.hpp"

namespace millrace::replication {

using protocol::ErrorCode;
using std::chrono::seconds;

/// Three replicas, so two must be in sync; topics may say `flush.mode=async`.
struct Rules final : ConfigRules {
  [[nodiscard]] std::optional<std::string> check_topic(std::string_view,
                                                       std::string_view) const override {
    return std::nullopt;
  }
  [[nodiscard]] std::optional<std::string> check_broker(std::string_view,
                                                        std::string_view) const override {
    return std::nullopt;
  }
  [[nodiscard]] std::optional<std::string> check_group(std::string_view,
                                                       std::string_view) const override {
    return std::nullopt;
  }
  [[nodiscard]] std::optional<std::string> check_group_whole(
      const ConfigOverrides&) const override {
    return std::nullopt;
  }
  [[nodiscard]] bool is_list(std::string_view) const override { return false; }
  [[nodiscard]] std::string effective(std::string_view key, const ConfigOverrides& overrides,
                                      const ConfigOverrides& cluster) const override {
    if (const auto found = overrides.find(key); found != overrides.end()) return found->second;
    if (const auto found = cluster.find(key); found != cluster.end()) return found->second;
    return key == "flush.mode" ? "sync" : "false";
  }
  [[nodiscard]] std::vector<
      protocol::CreateTopicsResponse::CreatableTopicResult::CreatableTopicConfigs>
  describe_topic(const ConfigOverrides&) const override {
    return {};
  }
};

inline constexpr TopicId kTopic{{1}};

struct Cluster {
  Rules rules;
  Membership membership{{.cluster_id = "ours", .session_timeout = seconds{9}}, rules};
  ImagePtr image = std::make_shared<MetadataImage>();
  std::int64_t offset = 100;  // of the next change
  Instant now{seconds{1000}};

  void commit(const std::vector<MetadataRecord>& records) {
    if (records.empty()) return;
    image = image->with(records);
    membership.committed(records);
    ++offset;
  }
  RegistrationAnswer start(std::int32_t id, std::uint8_t process = 1,
                           std::optional<std::int64_t> stopped_cleanly_at = std::nullopt,
                           std::uint8_t directory = 1) {
    Registration request{.id = BrokerId{id},
                         .incarnation = Uuid{{process}},
                         .directory = Uuid{{directory}},
                         .cluster_id = "ours",
                         .endpoints = {{"PLAINTEXT", "localhost", 9092, "PLAINTEXT"}},
                         .stopped_cleanly_at = stopped_cleanly_at};
    const auto outcome = membership.register_broker(*image, request, offset, now);
    commit(outcome.records);
    return outcome.response;
  }
  BrokerHeartbeatAnswer beat(std::int32_t id, BrokerHeartbeat what = {}) {
    what.id = BrokerId{id};
    if (what.applied == 0) what.applied = offset;  // all there is
    if (what.epoch == -1) what.epoch = image->broker(what.id)->epoch;
    const auto outcome = membership.heartbeat(*image, what, offset, now);
    commit(outcome.records);
    return outcome.response;
  }
  void tick() {
    for (;;) {
      const auto records = membership.tick(*image, now);
      if (records.empty()) return;
      commit(records);
    }
  }
  /// Three brokers, and a topic with one partition on all of them.
  void make(std::string flush_mode = "sync") {
    for (const std::int32_t id : {1, 2, 3}) {
      start(id);
      beat(id);
    }
    PartitionImage partition{.replicas = {BrokerId{1}, BrokerId{2}, BrokerId{3}},
                             .in_sync = {BrokerId{1}, BrokerId{2}, BrokerId{3}},
                             .leader = BrokerId{1}};
    commit({topic_record("t", kTopic), partition_record(kTopic, PartitionIndex{0}, partition),
            topic_config_record("t", "flush.mode", flush_mode)});
  }
  [[nodiscard]] const PartitionImage& partition() const {
    return image->topic(kTopic)->partitions.front();
  }
  [[nodiscard]] std::string in_sync() const {
    std::string text;
    for (const BrokerId id : partition().in_sync) text += std::to_string(id.value);
    return text;
  }
};

}  // namespace millrace::replication
