#include "config/catalogue.hpp"

#include <algorithm>

#include "config/catalogue/tables.hpp"
#include "protocol/base/ensure.hpp"

namespace millrace::config {

namespace {

std::vector<Setting> sorted(std::vector<Setting> settings) {
  std::ranges::sort(settings, {}, &Setting::name);
  const auto twice = std::ranges::adjacent_find(settings, {}, &Setting::name);
  ENSURE(twice == settings.end());
  return settings;
}

const Setting* find(const std::vector<Setting>& settings, std::string_view name) {
  const auto at = std::ranges::lower_bound(settings, name, {}, &Setting::name);
  return at != settings.end() && at->name == name ? &*at : nullptr;
}

/// Optimal string alignment: insertions, deletions, changes, and swaps of neighbours count 1.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, change});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    std::swap(before_last, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

}  // namespace

std::span<const Section> broker_sections() {
  static const std::vector<Section> sections{
      {"This node and its topics",
       "Identity and roles of this node, defaults for new topics, replication and the quorum.",
       tables::cluster()},
      {"Network",
       "Listeners, connections and the bounds on what a client may send or leave unread.",
       tables::network()},
      {"Storage", "Where and how partitions are kept: segments, retention, flushing, recovery.",
       tables::storage()},
      {"Groups", "Consumer groups and committed offsets.", tables::groups()},
      {"Share groups", "Queues over topics, and their dead letters.", tables::share_groups()},
      {"Transactions", "The transaction coordinator and its topic.", tables::transactions()},
      {"Security", "Authentication, encryption, authorization and delegation tokens.",
       tables::security()},
      {"Tiered storage", "Segments kept on remote storage.", tables::tiering()},
      {"Operations", "Metrics, quotas, threads and plug-ins.", tables::operations()},
      {"Millrace's own", "Settings that Kafka does not have.", tables::own()},
  };
  return sections;
}

const std::vector<Setting>& broker_settings() {
  static const std::vector<Setting> settings = [] {
    std::vector<Setting> all;
    for (const Section& section : broker_sections())
      all.insert(all.end(), section.settings.begin(), section.settings.end());
    return sorted(std::move(all));
  }();
  return settings;
}

const std::vector<Setting>& topic_settings() {
  static const std::vector<Setting> settings = [] {
    const auto rows = tables::topics();
    std::vector<Setting> all{rows.begin(), rows.end()};
    for (Setting& setting : all) setting.scope = Scope::topic;
    return sorted(std::move(all));
  }();
  return settings;
}

const std::vector<Setting>& group_settings() {
  static const std::vector<Setting> settings = [] {
    const auto rows = tables::group_overrides();
    std::vector<Setting> all{rows.begin(), rows.end()};
    for (Setting& setting : all) setting.scope = Scope::group;
    return sorted(std::move(all));
  }();
  return settings;
}

const Setting* find_broker_setting(std::string_view name) {
  return find(broker_settings(), name);
}

const Setting* find_topic_setting(std::string_view name) {
  return find(topic_settings(), name);
}

const Setting* find_group_setting(std::string_view name) {
  return find(group_settings(), name);
}

const RetiredSetting* find_retired_setting(Scope scope, std::string_view name) {
  for (const RetiredSetting& retired : tables::retired()) {
    if (retired.scope != scope) continue;
    const bool pattern = retired.name.ends_with('*');
    const auto stem = retired.name.substr(0, retired.name.size() - (pattern ? 1 : 0));
    if (pattern ? name.starts_with(stem) : name == stem) return &retired;
  }
  return nullptr;
}

const Setting* find_listener_setting(std::string_view name) {
  constexpr std::string_view kPrefix = "listener.name.";
  if (!name.starts_with(kPrefix)) return nullptr;
  name.remove_prefix(kPrefix.size());
  const auto past_listener = name.find('.');
  if (past_listener == 0 || past_listener == std::string_view::npos) return nullptr;
  name.remove_prefix(past_listener + 1);
  if (const Setting* setting = find_broker_setting(name)) return setting;
  const auto past_mechanism = name.find('.');
  if (past_mechanism == std::string_view::npos) return nullptr;
  const Setting* setting = find_broker_setting(name.substr(past_mechanism + 1));
  const bool per_mechanism = setting != nullptr && (setting->name.starts_with("sasl.") ||
                                                    setting->name == "connections.max.reauth.ms");
  return per_mechanism ? setting : nullptr;
}

std::optional<std::string_view> plug_in_reason(std::string_view name) {
  constexpr std::string_view kPrefixes[] = {"config.providers.", "rlmm.config.", "rsm.config.",
                                            "remote.log.metadata.", "metrics.context."};
  for (const std::string_view prefix : kPrefixes)
    if (name.starts_with(prefix)) return "it belongs to a Java plug-in, which cannot run here";
  return std::nullopt;
}

std::vector<const Setting*> stand_ins(const Setting& setting) {
  std::vector<const Setting*> found;
  for (const Setting& topic : topic_settings()) {
    const auto& chain = topic.broker_synonyms;
    const auto at = std::ranges::find(chain, setting.name);
    if (setting.scope != Scope::broker || at == chain.end()) continue;
    for (auto next = at + 1; next != chain.end() && !next->empty(); ++next)
      found.push_back(find_broker_setting(*next));
    return found;
  }
  return found;
}

std::optional<std::string_view> nearest_name(Scope scope, std::string_view name) {
  constexpr std::size_t kNameCharsMax = 128;  // longer than any name that could be meant
  if (name.size() > kNameCharsMax) return std::nullopt;
  std::optional<std::string_view> nearest;
  std::size_t best = std::max<std::size_t>(2, name.size() / 5) + 1;
  const auto& settings = scope == Scope::broker  ? broker_settings()
                         : scope == Scope::topic ? topic_settings()
                                                 : group_settings();
  for (const Setting& setting : settings) {
    const std::size_t distance = edit_distance(name, setting.name);
    if (distance >= best) continue;
    best = distance;
    nearest = setting.name;
  }
  return nearest;
}

std::string_view type_name(ConfigType type) {
  switch (type) {
    case ConfigType::boolean:
      return "boolean";
    case ConfigType::string:
      return "string";
    case ConfigType::int32:
      return "int";
    case ConfigType::int16:
      return "short";
    case ConfigType::int64:
      return "long";
    case ConfigType::float64:
      return "double";
    case ConfigType::list:
      return "list";
    case ConfigType::class_name:
      return "class";
    case ConfigType::password:
      return "password";
  }
  return "unknown";
}

std::string_view unit_name(Unit unit) {
  switch (unit) {
    case Unit::none:
      return "";
    case Unit::count:
      return "count";
    case Unit::bytes:
      return "bytes";
    case Unit::bytes_per_second:
      return "bytes per second";
    case Unit::ms:
      return "ms";
    case Unit::seconds:
      return "seconds";
    case Unit::minutes:
      return "minutes";
    case Unit::hours:
      return "hours";
    case Unit::ratio:
      return "ratio";
  }
  return "";
}

std::ostream& operator<<(std::ostream& out, ConfigType type) {
  return out << type_name(type);
}

std::ostream& operator<<(std::ostream& out, const Effect& effect) {
  if (effect.kind == Effect::Kind::used) return out << "used";
  return out << "no effect: " << effect.reason;
}

}  // namespace millrace::config
