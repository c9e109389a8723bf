#include "config/layers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "config/properties.hpp"
#include "config/value.hpp"

namespace millrace::config {

namespace {

bool is_not_a_setting(std::string_view variable) {
  // The image and Kafka's shell scripts read these themselves; a `*` stands for any ending.
  constexpr std::string_view kReserved[] = {
      "KAFKA_VERSION",       "KAFKA_HOME",          "KAFKA_HEAP_OPTS",
      "KAFKA_OPTS",          "KAFKA_JMX_*",         "KAFKA_LOG4J_*",
      "KAFKA_GC_LOG_*",      "KAFKA_TOOLS_LOG4J_*", "KAFKA_JVM_PERFORMANCE_*",
      "KAFKA_CLUSTER_ID",    "KAFKA_DEBUG",         "KAFKA_SERVICE_HOST",
      "KAFKA_SERVICE_PORT*", "KAFKA_PORT",          "KAFKA_PORT_*"};
  return std::ranges::any_of(kReserved, [&](std::string_view reserved) {
    if (!reserved.ends_with('*')) return variable == reserved;
    return variable.starts_with(reserved.substr(0, reserved.size() - 1));
  });
}

void collect_file(const Inputs& inputs, Layers& into) {
  const Properties properties = parse_properties(inputs.file_text);
  const auto where = [&](int line) { return fmt::format("{}:{}", inputs.file_name, line); };
  for (const SyntaxError& error : properties.errors)
    into.problems.push_back({Severity::error, where(error.line), "", error.message, ""});
  std::map<std::string_view, int> first_line;
  for (const Property& property : properties.entries) {
    const auto [seen, fresh] = first_line.emplace(property.key, property.line);
    if (!fresh)
      into.problems.push_back({Severity::warning, where(property.line), property.key,
                               fmt::format("{} is also set on line {}", property.key, seen->second),
                               "the last one counts"});
    into.assignments.push_back({property.key, property.value, where(property.line)});
  }
}

void collect_environment(const Inputs& inputs, Layers& into) {
  auto variables = inputs.environment;
  std::ranges::sort(variables);  // so that problems come in the same order each time
  for (const auto& [variable, text] : variables)
    if (auto key = setting_of_variable(variable))
      into.assignments.push_back({*std::move(key), text, variable});
}

void collect_sets(const Inputs& inputs, Layers& into) {
  for (const std::string& set : inputs.sets) {
    const auto equals = set.find('=');
    const auto key = trimmed(std::string_view{set}.substr(0, equals));
    if (equals == std::string::npos || key.empty()) {
      into.problems.push_back({Severity::error, fmt::format("--set {}", key), std::string{key},
                               "--set takes key=value", ""});
    } else {
      into.assignments.push_back(
          {std::string{key}, set.substr(equals + 1), fmt::format("--set {}", key)});
    }
  }
}

}  // namespace

std::optional<std::string> setting_of_variable(std::string_view variable) {
  constexpr std::string_view kPrefix = "KAFKA_";
  constexpr std::string_view kMeanings[] = {".", "_", "-"};  // of one, two and three underscores
  if (!variable.starts_with(kPrefix) || is_not_a_setting(variable)) return std::nullopt;
  variable.remove_prefix(kPrefix.size());
  std::string key;
  while (!variable.empty()) {
    if (variable.front() != '_') {
      const char c = variable.front();
      key.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
      variable.remove_prefix(1);
      continue;
    }
    const auto run = std::min(variable.find_first_not_of('_'), variable.size());
    const auto taken = std::min(run, std::size(kMeanings));
    key += kMeanings[taken - 1];
    variable.remove_prefix(taken);
  }
  if (key.empty()) return std::nullopt;
  return key;
}

Layers collect_layers(const Inputs& inputs) {
  Layers layers;
  collect_file(inputs, layers);
  collect_environment(inputs, layers);
  collect_sets(inputs, layers);
  return layers;
}

}  // namespace millrace::config
