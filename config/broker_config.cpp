#include "config/broker_config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "config/cross_checks.hpp"
#include "config/unknown_key.hpp"
#include "protocol/base/ensure.hpp"

namespace millrace::config {

BrokerConfig::BrokerConfig() {
  entries_.reserve(broker_settings().size());
  for (const Setting& setting : broker_settings()) {
    Entry entry;
    if (setting.default_value) {
      auto value = parse_value(setting, *setting.default_value);
      ENSURE(value.has_value());
      entry.text = *setting.default_value;
      entry.value = *std::move(value);
    }
    entries_.push_back(std::move(entry));
  }
  std::vector<Problem> problems;
  read_endpoints(problems);
  ENSURE(problems.empty());
}

LoadedConfig BrokerConfig::load(const Inputs& inputs) {
  LoadedConfig loaded;
  Layers layers = collect_layers(inputs);
  loaded.problems = std::move(layers.problems);
  for (const Assignment& assignment : layers.assignments)
    loaded.config.apply(assignment, loaded.problems);
  loaded.config.settle(loaded.problems);
  return loaded;
}

BrokerConfig BrokerConfig::with(
    std::initializer_list<std::pair<std::string_view, std::string_view>> values) {
  Inputs inputs;
  for (const auto& [key, text] : values) inputs.sets.push_back(fmt::format("{}={}", key, text));
  LoadedConfig loaded = load(inputs);
  ENSURE(loaded.ok());
  return std::move(loaded.config);
}

void BrokerConfig::apply(const Assignment& assignment, std::vector<Problem>& problems) {
  if (const Setting* setting = find_broker_setting(assignment.key)) {
    store(*setting, assignment, problems);
  } else {
    problems.push_back(problem_of_unknown_key(assignment));
  }
}

void BrokerConfig::store(const Setting& setting, const Assignment& assignment,
                         std::vector<Problem>& problems) {
  auto value = parse_value(setting, assignment.text);
  if (!value) {
    // A wrong value of a setting without effect does no harm, but is hardly meant.
    const auto severity = setting.used() ? Severity::error : Severity::warning;
    problems.push_back({severity, assignment.where, assignment.key, value.error().text, ""});
    return;
  }
  Entry& entry = entries_[index_of(setting.name)];
  const bool again = !entry.origin.empty();
  entry.text = *canonical_text(setting, assignment.text);
  entry.value = *std::move(value);
  entry.origin = assignment.where;
  if (!setting.used() && !again)
    problems.push_back({Severity::notice, assignment.where, assignment.key,
                        fmt::format("{} has no effect: {}", setting.name, setting.effect.reason),
                        ""});
}

void BrokerConfig::settle(std::vector<Problem>& problems) {
  take_older_names(problems);
  read_endpoints(problems);
  check_together(*this, problems);
}

void BrokerConfig::take_older_names(std::vector<Problem>& problems) {
  if (is_set("broker.id") && is_set("node.id") && text("broker.id") != "-1" &&
      text("broker.id") != text("node.id"))
    problems.push_back(
        {Severity::error, origin("broker.id"), "broker.id",
         fmt::format("broker.id is {}, but node.id is {}", *text("broker.id"), *text("node.id")),
         "leave broker.id out"});
  struct OlderName {
    std::string_view older;
    std::string_view name;
  };
  for (const auto& [older, name] :
       {OlderName{"broker.id", "node.id"}, OlderName{"log.dir", "log.dirs"}}) {
    // Kafka 3 wrote broker.id=-1 for "none".
    if (!is_set(older) || is_set(name) || text(older) == "-1") continue;
    const Setting& setting = *find_broker_setting(name);
    const Assignment taken{std::string{older}, *text(older), origin(older)};
    store(setting, taken, problems);
  }
}

std::vector<Endpoint> BrokerConfig::endpoints_of(std::string_view setting,
                                                 std::vector<Problem>& problems) const {
  std::vector<Endpoint> endpoints;
  if (is_null(setting)) return endpoints;
  for (const std::string& item : get_list(setting)) {
    auto endpoint = parse_endpoint(setting, item);
    if (endpoint) {
      endpoints.push_back(*std::move(endpoint));
    } else {
      problems.push_back(
          {Severity::error, origin(setting), std::string{setting}, endpoint.error().text, ""});
    }
  }
  return endpoints;
}

void BrokerConfig::read_endpoints(std::vector<Problem>& problems) {
  listeners_.clear();
  controller_listeners_.clear();
  std::vector<std::string> controller_names;
  for (const std::string& name : get_list("controller.listener.names"))
    controller_names.push_back(capitals(name));
  for (Endpoint& endpoint : endpoints_of("listeners", problems)) {
    const bool controller =
        std::ranges::find(controller_names, endpoint.name) != controller_names.end();
    (controller ? controller_listeners_ : listeners_).push_back(std::move(endpoint));
  }
  advertised_ = endpoints_of("advertised.listeners", problems);
}

std::size_t BrokerConfig::index_of(std::string_view name) const {
  const Setting* setting = find_broker_setting(name);
  ENSURE(setting != nullptr);
  return static_cast<std::size_t>(setting - broker_settings().data());
}

const BrokerConfig::Entry& BrokerConfig::entry(std::string_view name) const {
  return entries_[index_of(name)];
}

template <class T>
const T& BrokerConfig::get(std::string_view name) const {
  const Entry& found = entry(name);
  ENSURE(found.value.has_value());
  const T* value = std::get_if<T>(&*found.value);
  ENSURE(value != nullptr);
  return *value;
}

bool BrokerConfig::get_bool(std::string_view name) const {
  return get<bool>(name);
}

std::int32_t BrokerConfig::get_int(std::string_view name) const {
  const ConfigType type = broker_settings()[index_of(name)].type;
  ENSURE(type == ConfigType::int32 || type == ConfigType::int16);
  return static_cast<std::int32_t>(get_long(name));
}

std::int64_t BrokerConfig::get_long(std::string_view name) const {
  if (entry(name).value) return get<std::int64_t>(name);
  const Setting& setting = broker_settings()[index_of(name)];
  for (const Setting* stand_in : stand_ins(setting)) {
    if (!entry(stand_in->name).value) continue;
    const auto value = get<std::int64_t>(stand_in->name);
    if (value < 0) return value;  // -1 means "for ever" in every unit
    // Both factors are below 2^31 and 2^22 for the units that stand in for one another.
    return value * (ms_per(stand_in->unit) / ms_per(setting.unit));
  }
  ENSURE(false && "a setting that is null was asked for its value");
  return 0;
}

double BrokerConfig::get_double(std::string_view name) const {
  return get<double>(name);
}

const std::string& BrokerConfig::get_string(std::string_view name) const {
  return get<std::string>(name);
}

const std::vector<std::string>& BrokerConfig::get_list(std::string_view name) const {
  return get<std::vector<std::string>>(name);
}

bool BrokerConfig::is_null(std::string_view name) const {
  if (entry(name).value) return false;
  const auto chain = stand_ins(broker_settings()[index_of(name)]);
  return std::ranges::none_of(chain,
                              [&](const Setting* s) { return entry(s->name).value.has_value(); });
}

bool BrokerConfig::is_set(std::string_view name) const {
  return !entry(name).origin.empty();
}

Source BrokerConfig::source(std::string_view name) const {
  return is_set(name) ? Source::static_broker : Source::default_value;
}

const std::string& BrokerConfig::origin(std::string_view name) const {
  return entry(name).origin;
}

const std::optional<std::string>& BrokerConfig::text(std::string_view name) const {
  return entry(name).text;
}

std::optional<std::string> BrokerConfig::effective_text(std::string_view name) const {
  if (entry(name).text || is_null(name)) return entry(name).text;
  return std::to_string(get_long(name));
}

std::ostream& operator<<(std::ostream& out, Source source) {
  switch (source) {
    case Source::dynamic_topic:
      return out << "topic";
    case Source::dynamic_broker:
      return out << "broker, dynamic";
    case Source::dynamic_default_broker:
      return out << "cluster, dynamic";
    case Source::static_broker:
      return out << "broker";
    case Source::dynamic_group:
      return out << "group";
    case Source::default_value:
      return out << "default";
  }
  return out;
}

}  // namespace millrace::config
