#include "config/describe.hpp"

#include <fmt/format.h>

namespace millrace::config {

namespace {

ConfigEntry entry_of(const Setting& setting) {
  ConfigEntry entry;
  entry.name = setting.name;
  entry.type = setting.type;
  entry.sensitive = setting.sensitive();
  entry.doc = setting.doc;
  if (!setting.used()) entry.doc += fmt::format(" It has no effect: {}.", setting.effect.reason);
  return entry;
}

/// The levels of one broker setting: what somebody gave, then the default.
void add_levels(const Setting& setting, const BrokerConfig& broker, ConfigEntry& entry) {
  const auto shown = [&](std::optional<std::string> text) {
    return setting.sensitive() ? std::nullopt : std::move(text);
  };
  if (broker.is_set(setting.name))
    entry.synonyms.push_back(
        {setting.name, shown(broker.text(setting.name)), broker.source(setting.name)});
  if (setting.default_value)
    entry.synonyms.push_back(
        {setting.name, shown(std::string{*setting.default_value}), Source::default_value});
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const ConfigSynonym& synonym) {
  return out << synonym.name << '=' << synonym.value.value_or("null") << " (" << synonym.source
             << ')';
}

std::vector<ConfigEntry> describe_topic(const TopicOverrides& overrides,
                                        const BrokerConfig& broker) {
  std::vector<ConfigEntry> entries;
  entries.reserve(topic_settings().size());
  for (const Setting& setting : topic_settings()) {
    ConfigEntry entry = entry_of(setting);
    TopicValue value = topic_value(setting, overrides, broker);
    if (value.source == Source::dynamic_topic)
      entry.synonyms.push_back({setting.name, value.text, value.source});
    for (const std::string_view name : setting.broker_synonyms)
      if (!name.empty()) add_levels(*find_broker_setting(name), broker, entry);
    entry.value = std::move(value.text);
    entry.source = value.source;
    entries.push_back(std::move(entry));
  }
  return entries;
}

std::vector<ConfigEntry> describe_group(const GroupOverrides& overrides,
                                        const BrokerConfig& broker) {
  std::vector<ConfigEntry> entries;
  for (const Setting& setting : group_settings()) {
    ConfigEntry entry = entry_of(setting);
    const auto given = overrides.find(setting.name);
    if (given != overrides.end())
      entry.synonyms.push_back({setting.name, given->second, Source::dynamic_group});
    const std::string_view broker_name = setting.broker_synonyms.front();
    add_levels(*find_broker_setting(broker_name), broker, entry);
    const bool overridden = given != overrides.end();
    entry.value = overridden ? given->second : broker.effective_text(broker_name);
    entry.source = overridden ? Source::dynamic_group : broker.source(broker_name);
    entries.push_back(std::move(entry));
  }
  return entries;
}

std::vector<ConfigEntry> describe_broker(const BrokerConfig& broker) {
  std::vector<ConfigEntry> entries;
  entries.reserve(broker_settings().size());
  for (const Setting& setting : broker_settings()) {
    ConfigEntry entry = entry_of(setting);
    entry.read_only = true;  // whatever Kafka can change while it runs: this broker cannot yet
    if (!setting.sensitive()) entry.value = broker.text(setting.name);
    add_levels(setting, broker, entry);
    for (const Setting* stand_in : stand_ins(setting)) add_levels(*stand_in, broker, entry);
    if (!entry.synonyms.empty()) entry.source = entry.synonyms.front().source;
    entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace millrace::config
