#include "config/unknown_key.hpp"

#include <fmt/format.h>

namespace millrace::config {

namespace {

Problem notice(const Assignment& assignment, std::string_view reason) {
  return {Severity::notice, assignment.where, assignment.key,
          fmt::format("{} has no effect: {}", assignment.key, reason), ""};
}

std::string hint_for_topic_setting(const Setting& setting) {
  const std::string_view broker_name = setting.broker_synonyms.front();
  if (broker_name.empty()) return "set it on a topic";
  return fmt::format("set it on a topic; the default for all topics is {}", broker_name);
}

}  // namespace

Problem problem_of_unknown_key(const Assignment& assignment) {
  const std::string& key = assignment.key;
  if (const RetiredSetting* retired = find_retired_setting(Scope::broker, key))
    return notice(assignment, retired->reason);
  if (const Setting* setting = find_listener_setting(key)) {
    constexpr std::string_view kOneForAll =
        "listeners cannot differ in their settings in this version";
    return notice(assignment, setting->used() ? kOneForAll : setting->effect.reason);
  }
  if (const auto reason = plug_in_reason(key)) return notice(assignment, *reason);
  Problem problem{Severity::error, assignment.where, key, "", ""};
  if (const Setting* topic = find_topic_setting(key)) {
    problem.message = fmt::format("{} is a setting of topics, not of the broker", key);
    problem.hint = hint_for_topic_setting(*topic);
  } else if (const Setting* group = find_group_setting(key)) {
    problem.message = fmt::format("{} is a setting of groups, not of the broker", key);
    problem.hint = fmt::format("the default for all groups is {}", group->broker_synonyms.front());
  } else {
    problem.message = fmt::format("{} is not a setting that is known", key);
    problem.hint = did_you_mean(Scope::broker, key);
  }
  return problem;
}

std::string did_you_mean(Scope scope, std::string_view name) {
  const auto nearest = nearest_name(scope, name);
  return nearest ? fmt::format("did you mean {}?", *nearest) : std::string{};
}

}  // namespace millrace::config
