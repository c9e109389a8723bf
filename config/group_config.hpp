#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "config/broker_config.hpp"

namespace millrace::config {

/// What a group's own settings say, by name; each value as it was given.
using GroupOverrides = std::map<std::string, std::string, std::less<>>;

/// The settings that hold for one group of the consumer protocol: its overrides over the broker's
/// settings. Kafka's resource type 32.
struct GroupConfig {
  using Ms = std::chrono::milliseconds;

  friend bool operator==(const GroupConfig&, const GroupConfig&) = default;
  Ms session_timeout{0};
  Ms heartbeat_interval{0};
  Ms assignment_interval{0};

  /// An override outside of the broker's bounds, which may have been others when it was given,
  /// counts as the nearer bound. One that cannot be read is passed over.
  static GroupConfig of(const GroupOverrides& overrides, const BrokerConfig& broker);
};

/// Why the group's setting `name` cannot be `value`: there is no such setting, it is no such value,
/// or outside of what group.consumer.min.* and group.consumer.max.* of the broker allow. Nothing
/// when it can.
std::optional<std::string> group_override_problem(std::string_view name, std::string_view value,
                                                  const BrokerConfig& broker);
/// The same for all overrides together: a session must outlast a heartbeat.
std::optional<std::string> group_overrides_problem(const GroupOverrides& overrides,
                                                   const BrokerConfig& broker);

}  // namespace millrace::config
