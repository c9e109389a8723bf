#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/rng.hpp"
#include "protocol/messages/alter_configs.hpp"
#include "protocol/messages/create_partitions.hpp"
#include "protocol/messages/create_topics.hpp"
#include "protocol/messages/delete_topics.hpp"
#include "protocol/messages/incremental_alter_configs.hpp"
#include "replication/controller/image.hpp"

namespace millrace::replication {

/// What the controller decided: records to commit to the metadata log, and the answer to give once
/// they are committed. The image changes only by replaying records, so a restart takes the ordinary
/// path.
template <class Response>
struct ControllerOutcome {
  std::vector<MetadataRecord> records;
  Response response;
};

/// What the controller must know of settings, supplied by the broker that embeds it.
class ConfigRules {
 public:
  virtual ~ConfigRules() = default;
  /// Why `value` cannot be set for the topic setting `key`; nothing when it can.
  [[nodiscard]] virtual std::optional<std::string> check_topic(std::string_view key,
                                                               std::string_view value) const = 0;
  /// The same for a dynamic broker setting.
  [[nodiscard]] virtual std::optional<std::string> check_broker(std::string_view key,
                                                                std::string_view value) const = 0;
  /// The same for a setting of a group.
  [[nodiscard]] virtual std::optional<std::string> check_group(std::string_view key,
                                                               std::string_view value) const = 0;
  /// Why a group cannot have these overrides together.
  [[nodiscard]] virtual std::optional<std::string> check_group_whole(
      const ConfigOverrides& overrides) const = 0;
  /// Whether the value is a list, to which IncrementalAlterConfigs may append.
  [[nodiscard]] virtual bool is_list(std::string_view key) const = 0;
  /// The setting as the whole cluster sees it for a topic with these overrides: they come first,
  /// then `cluster`, what is committed for all brokers, then the default of the catalogue. What the
  /// file of one broker says does not count, for every node must come to the same: a leader that
  /// acknowledges by another `min.insync.replicas` or `flush.mode` than the controller believes
  /// would have replicas elected that lack what it acknowledged.
  [[nodiscard]] virtual std::string effective(std::string_view key,
                                              const ConfigOverrides& overrides,
                                              const ConfigOverrides& cluster) const = 0;
  /// Every setting of a topic with these overrides, for the answer to CreateTopics.
  [[nodiscard]] virtual std::vector<
      protocol::CreateTopicsResponse::CreatableTopicResult::CreatableTopicConfigs>
  describe_topic(const ConfigOverrides& overrides) const = 0;
};

/// `min.insync.replicas` of a topic whose partitions have so many replicas: where nobody says how
/// many, 2 of 3 and more, else 1. Leaders and the controller judge by the same.
std::size_t min_in_sync(const MetadataImage& image, const TopicImage& topic, std::size_t replicas,
                        const ConfigRules& rules);

struct ControllerSettings {
  std::int32_t partitions_default = 1;
  std::int16_t replication_factor_default = 1;
  bool delete_topic_enable = true;
  std::int32_t partitions_max = 100'000;  // of one topic; bounds the batch that creates it
};

/// Decides on administrative requests. A core: no clock, no files, no network; `image` is the
/// newest committed one and the caller keeps requests in order by committing one outcome before
/// asking for the next.
///
/// Replicas of new partitions go to brokers that are up. Internal topics take what there is when it
/// is less than was asked for; they get the rest as brokers join (internal_topics.hpp).
class Controller {
 public:
  Controller(ControllerSettings settings, const ConfigRules& rules)
      : settings_{settings}, rules_{rules} {}

  ControllerOutcome<protocol::CreateTopicsResponse> create_topics(
      const MetadataImage& image, const protocol::CreateTopicsRequest& request, Rng& rng) const;
  ControllerOutcome<protocol::DeleteTopicsResponse> delete_topics(
      const MetadataImage& image, const protocol::DeleteTopicsRequest& request,
      std::int16_t version) const;
  ControllerOutcome<protocol::CreatePartitionsResponse> create_partitions(
      const MetadataImage& image, const protocol::CreatePartitionsRequest& request) const;
  ControllerOutcome<protocol::IncrementalAlterConfigsResponse> alter_configs(
      const MetadataImage& image, const protocol::IncrementalAlterConfigsRequest& request) const;
  /// AlterConfigs: the settings that are not named go back to their defaults.
  ControllerOutcome<protocol::AlterConfigsResponse> replace_configs(
      const MetadataImage& image, const protocol::AlterConfigsRequest& request) const;
  /// The next block of producer ids for a broker: `count` ids from the value in the response.
  ControllerOutcome<std::int64_t> allocate_producer_ids(const MetadataImage& image, BrokerId broker,
                                                        std::int64_t count) const;

 private:
  ControllerSettings settings_;
  const ConfigRules& rules_;
};

}  // namespace millrace::replication
