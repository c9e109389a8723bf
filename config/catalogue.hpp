#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <ostream>
#include <span>
#include <string_view>
#include <vector>

namespace millrace::config {

/// Kinds of values, with the ids that DescribeConfigs sends.
enum class ConfigType : std::int8_t {
  boolean = 1,
  string = 2,
  int32 = 3,
  int16 = 4,
  int64 = 5,
  float64 = 6,
  list = 7,        // comma separated
  class_name = 8,  // of a Java class; never used
  password = 9,    // never shown
};

/// What a number counts. `bytes` also takes `512MiB`, `ms` also takes `7d 12h`; see value.hpp.
enum class Unit : std::uint8_t {
  none,
  count,
  bytes,
  bytes_per_second,
  ms,
  seconds,
  minutes,
  hours,
  ratio,
};

enum class Scope : std::uint8_t { broker, topic, group };

/// Whether a running broker takes a new value. Settings of topics and groups always do.
enum class Dynamic : std::uint8_t {
  read_only,     // from the next start on
  per_broker,    // at once, for one broker
  cluster_wide,  // at once, for one broker or for all
};

/// Whether this version does anything with a setting; if not, `reason` says why.
struct Effect {
  enum class Kind : std::uint8_t { used, no_effect };
  friend bool operator==(const Effect&, const Effect&) = default;
  Kind kind = Kind::used;
  std::string_view reason;  // a clause without a full stop; empty when used
};

/// Values that are allowed beyond what the type says.
struct Valid {
  std::optional<std::int64_t> min;           // inclusive
  std::optional<std::int64_t> max;           // inclusive
  std::optional<std::int64_t> also;          // one more number outside of min..max
  std::span<const std::string_view> one_of;  // the value, or each item of a list; empty: any
  bool distinct = false;                     // no item of the list twice
};

/// One setting: all that the broker, `config check`, `config explain`, DescribeConfigs and the
/// sample file know of it. Plain data; every view is of static storage.
struct Setting {
  [[nodiscard]] bool used() const { return effect.kind == Effect::Kind::used; }
  [[nodiscard]] bool sensitive() const { return type == ConfigType::password; }

  std::string_view name;
  ConfigType type = ConfigType::string;
  /// As Kafka prints it; nothing is Kafka's null, "" is an empty string or list.
  std::optional<std::string_view> default_value;
  Valid valid;
  Unit unit = Unit::none;
  Dynamic dynamic = Dynamic::read_only;
  Effect effect;
  std::string_view doc;  // one sentence
  /// Settings of topics and groups: the broker settings that supply the default, the first one that
  /// is set wins. Unused places are empty.
  std::array<std::string_view, 3> broker_synonyms{};
  Scope scope = Scope::broker;
};

/// Settings that belong together, in the order in which a reader wants them.
struct Section {
  std::string_view title;
  std::string_view doc;
  std::span<const Setting> settings;
};

/// A name that Kafka once had. Setting it is no error, but does nothing.
struct RetiredSetting {
  std::string_view name;  // a trailing `*` stands for any ending
  Scope scope;
  std::string_view reason;
};

/// Broker settings by theme, as the sample file shows them.
std::span<const Section> broker_sections();

/// All settings of a scope, sorted by name. Built once; safe from any thread.
const std::vector<Setting>& broker_settings();
const std::vector<Setting>& topic_settings();
const std::vector<Setting>& group_settings();

/// Null when there is no setting of that name.
const Setting* find_broker_setting(std::string_view name);
const Setting* find_topic_setting(std::string_view name);
const Setting* find_group_setting(std::string_view name);
const RetiredSetting* find_retired_setting(Scope scope, std::string_view name);

/// The broker setting behind names that carry a prefix: `listener.name.<listener>.<setting>`, with
/// a SASL mechanism in between where Kafka allows one. Null for other names.
const Setting* find_listener_setting(std::string_view name);

/// Why a name that belongs to a plug-in (`config.providers.x.class`, `rsm.config.*`) is ignored;
/// nothing for names that belong to none.
std::optional<std::string_view> plug_in_reason(std::string_view name);

/// Broker settings that stand in for `setting` while it is not set, nearest first: minutes and
/// hours for log.retention.ms. The setting itself is not among them.
std::vector<const Setting*> stand_ins(const Setting& setting);

/// The name in `scope` nearest to `name` by edit distance; nothing when none is near enough to be
/// what was meant.
std::optional<std::string_view> nearest_name(Scope scope, std::string_view name);

/// "int", "list"... as Kafka's documentation calls them.
std::string_view type_name(ConfigType type);
/// "bytes", "ms"...; empty for `Unit::none`.
std::string_view unit_name(Unit unit);

std::ostream& operator<<(std::ostream& out, ConfigType type);
std::ostream& operator<<(std::ostream& out, const Effect& effect);

}  // namespace millrace::config
