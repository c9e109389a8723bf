#include "config/group_config.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "config/unknown_key.hpp"
#include "config/value.hpp"
#include "protocol/base/ensure.hpp"

namespace millrace::config {

namespace {

constexpr std::string_view kSession = "consumer.session.timeout.ms";
constexpr std::string_view kHeartbeat = "consumer.heartbeat.interval.ms";
constexpr std::string_view kAssignment = "consumer.assignment.interval.ms";

/// "consumer.session.timeout.ms" is bounded by "group.consumer.min.session.timeout.ms".
std::string bound_name(const Setting& setting, std::string_view which) {
  constexpr std::string_view kKind = "consumer.";
  ENSURE(setting.name.starts_with(kKind));
  return fmt::format("group.{}{}.{}", kKind, which, setting.name.substr(kKind.size()));
}

std::optional<std::int64_t> number_in(const Setting& setting, std::string_view text) {
  const auto value = parse_value(setting, text);
  if (!value) return std::nullopt;
  return std::get<std::int64_t>(*value);
}

GroupConfig::Ms time_of(std::string_view name, const GroupOverrides& overrides,
                        const BrokerConfig& broker) {
  const Setting* const setting = find_group_setting(name);
  ENSURE(setting != nullptr);
  const auto given = overrides.find(name);
  const auto number = given == overrides.end() ? std::nullopt : number_in(*setting, given->second);
  if (!number) return GroupConfig::Ms{broker.get_long(setting->broker_synonyms.front())};
  const auto least = broker.get_long(bound_name(*setting, "min"));
  const auto most = std::max(least, broker.get_long(bound_name(*setting, "max")));
  return GroupConfig::Ms{std::clamp(*number, least, most)};
}

}  // namespace

GroupConfig GroupConfig::of(const GroupOverrides& overrides, const BrokerConfig& broker) {
  return {.session_timeout = time_of(kSession, overrides, broker),
          .heartbeat_interval = time_of(kHeartbeat, overrides, broker),
          .assignment_interval = time_of(kAssignment, overrides, broker)};
}

std::optional<std::string> group_override_problem(std::string_view name, std::string_view value,
                                                  const BrokerConfig& broker) {
  const Setting* const setting = find_group_setting(name);
  if (setting == nullptr) {
    for (const std::string_view kind : {"share.", "streams.", "errors."}) {
      if (name.starts_with(kind))
        return fmt::format("{} has no effect: groups of its kind are not served by this version",
                           name);
    }
    const auto hint = did_you_mean(Scope::group, name);
    return fmt::format("{} is not a setting of a group{}{}", name, hint.empty() ? "" : "; ", hint);
  }
  const auto parsed = parse_value(*setting, value);
  if (!parsed) return parsed.error().text;
  const auto number = std::get<std::int64_t>(*parsed);
  const auto min_name = bound_name(*setting, "min");
  const auto max_name = bound_name(*setting, "max");
  const auto least = broker.get_long(min_name);
  const auto most = broker.get_long(max_name);
  if (number >= least && number <= most) return std::nullopt;
  return fmt::format("{} cannot be {}: the broker allows {} ({}) to {} ({})", name, number, least,
                     min_name, most, max_name);
}

std::optional<std::string> group_overrides_problem(const GroupOverrides& overrides,
                                                   const BrokerConfig& broker) {
  const auto all = GroupConfig::of(overrides, broker);
  if (all.session_timeout > all.heartbeat_interval) return std::nullopt;
  return fmt::format("{} ({} ms) must be more than {} ({} ms)", kSession,
                     all.session_timeout.count(), kHeartbeat, all.heartbeat_interval.count());
}

}  // namespace millrace::config
