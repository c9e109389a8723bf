#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/broker_config.hpp"
#include "config/group_config.hpp"
#include "config/topic_config.hpp"

namespace millrace::config {

/// One level that could give a value.
struct ConfigSynonym {
  friend bool operator==(const ConfigSynonym&, const ConfigSynonym&) = default;
  std::string_view name;             // at that level: log.retention.hours
  std::optional<std::string> value;  // in that name's own unit; never that of a password
  Source source = Source::default_value;
};

/// One line of a DescribeConfigs answer.
struct ConfigEntry {
  std::string_view name;
  std::optional<std::string> value;  // nothing: null, or a password
  Source source = Source::default_value;
  ConfigType type = ConfigType::string;
  bool read_only = false;
  bool sensitive = false;
  std::string doc;                      // says so where the setting has no effect
  std::vector<ConfigSynonym> synonyms;  // levels that are set, the one that counts first
};

std::ostream& operator<<(std::ostream& out, const ConfigSynonym& synonym);

/// All topic settings as they hold for a topic, by name.
std::vector<ConfigEntry> describe_topic(const TopicOverrides& overrides,
                                        const BrokerConfig& broker);

/// All settings of a group as they hold for it, by name.
std::vector<ConfigEntry> describe_group(const GroupOverrides& overrides,
                                        const BrokerConfig& broker);

/// All broker settings, by name. A null value with stand-ins stays null, as in Kafka; the synonyms
/// show what counts instead.
std::vector<ConfigEntry> describe_broker(const BrokerConfig& broker);

}  // namespace millrace::config
