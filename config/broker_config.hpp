#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/catalogue.hpp"
#include "config/endpoint.hpp"
#include "config/layers.hpp"
#include "config/problem.hpp"
#include "config/value.hpp"
#include "protocol/base/types.hpp"

namespace millrace::config {

/// Where a value comes from, with the ids that DescribeConfigs sends.
enum class Source : std::int8_t {
  dynamic_topic = 1,
  dynamic_broker = 2,
  dynamic_default_broker = 3,
  static_broker = 4,  // file, environment or --set
  default_value = 5,
  dynamic_group = 8,
};

std::ostream& operator<<(std::ostream& out, Source source);

struct LoadedConfig;

/// The settings a broker runs with: a value for every broker setting of the catalogue, each checked
/// against its type and range. A value type; once loaded it does not change, so that any thread may
/// read it. Look-ups search by name: on a hot path, read once and keep.
class BrokerConfig {
 public:
  /// The defaults.
  BrokerConfig();

  /// Defaults, then file, environment and --set, a later one wins. All problems are found, not the
  /// first alone; a value with a problem is left out, so that `config` is usable for reporting, but
  /// a broker must not start on it while `has_errors(problems)`.
  static LoadedConfig load(const Inputs& inputs);
  /// The defaults with some values changed, all of which must be right. For tests and tools.
  static BrokerConfig with(
      std::initializer_list<std::pair<std::string_view, std::string_view>> values);

  /// Typed values. The name must be a broker setting of that kind. Where the value is null, what
  /// stands in for it counts, turned into the unit asked for: `get_long("log.retention.ms")` is
  /// 604800000 by log.retention.hours=168. Without a stand-in the value must not be null: ask
  /// `is_null` first.
  [[nodiscard]] bool get_bool(std::string_view name) const;
  [[nodiscard]] std::int32_t get_int(std::string_view name) const;   // also of type short
  [[nodiscard]] std::int64_t get_long(std::string_view name) const;  // any integer type
  [[nodiscard]] double get_double(std::string_view name) const;
  [[nodiscard]] const std::string& get_string(std::string_view name) const;
  [[nodiscard]] const std::vector<std::string>& get_list(std::string_view name) const;

  /// Neither a value nor a stand-in.
  [[nodiscard]] bool is_null(std::string_view name) const;
  /// Somebody gave the value; false for a default.
  [[nodiscard]] bool is_set(std::string_view name) const;
  [[nodiscard]] Source source(std::string_view name) const;
  /// "server.properties:12", "KAFKA_LOG_DIRS", "--set log.dirs"; empty for a default.
  [[nodiscard]] const std::string& origin(std::string_view name) const;
  /// The setting's own value as Kafka prints it, without stand-ins; nothing for null.
  [[nodiscard]] const std::optional<std::string>& text(std::string_view name) const;
  /// The value as Kafka prints it, stand-ins counted.
  [[nodiscard]] std::optional<std::string> effective_text(std::string_view name) const;

  /// node.id, or broker.id where only that is set.
  [[nodiscard]] BrokerId node_id() const { return BrokerId{get_int("node.id")}; }
  /// Where clients connect; without the listeners that controller.listener.names takes.
  [[nodiscard]] const std::vector<Endpoint>& listeners() const { return listeners_; }
  [[nodiscard]] const std::vector<Endpoint>& controller_listeners() const {
    return controller_listeners_;
  }
  /// What clients are told, by listener name. Empty when unset: then it is the address at which the
  /// client reached us.
  [[nodiscard]] const std::vector<Endpoint>& advertised_listeners() const { return advertised_; }

 private:
  struct Entry {
    std::optional<std::string> text;  // as Kafka prints it
    std::optional<Value> value;       // null exactly when text is
    std::string origin;               // empty exactly for a default
  };

  [[nodiscard]] std::size_t index_of(std::string_view name) const;
  [[nodiscard]] const Entry& entry(std::string_view name) const;
  template <class T>
  [[nodiscard]] const T& get(std::string_view name) const;
  void apply(const Assignment& assignment, std::vector<Problem>& problems);
  void store(const Setting& setting, const Assignment& assignment, std::vector<Problem>& problems);
  void take_older_names(std::vector<Problem>& problems);
  void read_endpoints(std::vector<Problem>& problems);
  [[nodiscard]] std::vector<Endpoint> endpoints_of(std::string_view setting,
                                                   std::vector<Problem>& problems) const;
  void settle(std::vector<Problem>& problems);

  std::vector<Entry> entries_;  // one for each of broker_settings(), in that order
  std::vector<Endpoint> listeners_;
  std::vector<Endpoint> controller_listeners_;
  std::vector<Endpoint> advertised_;
};

struct LoadedConfig {
  [[nodiscard]] bool ok() const { return !has_errors(problems); }
  BrokerConfig config;
  std::vector<Problem> problems;
};

}  // namespace millrace::config
