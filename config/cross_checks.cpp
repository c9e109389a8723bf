#include "config/cross_checks.hpp"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <algorithm>
#include <set>

#include "config/broker_config.hpp"

template <>
struct fmt::formatter<millrace::config::Endpoint> : fmt::ostream_formatter {};

namespace millrace::config {

namespace {

/// Collects findings about one configuration.
class Checker {
 public:
  Checker(const BrokerConfig& config, std::vector<Problem>& problems)
      : config_{config}, problems_{problems} {}

  void identity();
  void listeners();
  void advertised();
  void ranges();
  void groups();
  void superseded();
  void access();
  void metrics();

 private:
  void report(Severity severity, std::string_view key, std::string message, std::string hint = "") {
    problems_.push_back(
        {severity, config_.origin(key), std::string{key}, std::move(message), std::move(hint)});
  }
  /// Reports when `small` is above `large`, unless both are defaults.
  void ordered(Severity severity, std::string_view small, std::string_view large);
  [[nodiscard]] std::optional<std::string> protocol_of(const ProtocolMap& map,
                                                       const Endpoint& listener,
                                                       bool controller) const;
  void check_protocol(const ProtocolMap& map, const Endpoint& listener, bool controller);

  const BrokerConfig& config_;
  std::vector<Problem>& problems_;
};

void Checker::identity() {
  if (config_.get_list("process.roles").empty())
    report(Severity::error, "process.roles", "process.roles is empty",
           "broker,controller runs both in this process");
  if (config_.get_list("log.dirs").empty())
    report(Severity::error, "log.dirs", "log.dirs names no directory",
           "name one directory per disk");
}

std::optional<std::string> Checker::protocol_of(const ProtocolMap& map, const Endpoint& listener,
                                                bool controller) const {
  if (const auto at = map.find(listener.name); at != map.end()) return at->second;
  // As in Kafka, a controller's listener needs no entry as long as nobody set the map.
  if (controller && !config_.is_set("listener.security.protocol.map")) return "PLAINTEXT";
  return std::nullopt;
}

void Checker::check_protocol(const ProtocolMap& map, const Endpoint& listener, bool controller) {
  const auto protocol = protocol_of(map, listener, controller);
  if (!protocol) {
    report(Severity::error, "listeners",
           fmt::format("listener {} has no security protocol", listener.name),
           fmt::format("add {}:PLAINTEXT to listener.security.protocol.map", listener.name));
  } else if (*protocol != "PLAINTEXT") {
    // Serving it without encryption or login would betray whoever wrote the line.
    report(Severity::error, "listeners",
           fmt::format("listener {} asks for {}, and this version serves PLAINTEXT only",
                       listener.name, *protocol));
  }
}

void Checker::listeners() {
  const auto map = parse_protocol_map("listener.security.protocol.map",
                                      config_.get_string("listener.security.protocol.map"));
  if (!map) report(Severity::error, "listener.security.protocol.map", map.error().text);
  std::set<std::string_view> names;
  std::set<std::pair<std::string_view, std::uint16_t>> addresses;
  const auto check = [&](const std::vector<Endpoint>& listeners, bool controller) {
    for (const Endpoint& listener : listeners) {
      if (!names.insert(listener.name).second)
        report(Severity::error, "listeners",
               fmt::format("listener {} is named twice", listener.name));
      if (listener.port != 0 && !addresses.emplace(listener.host, listener.port).second)
        report(Severity::error, "listeners",
               fmt::format("{} is at the address of another listener", listener));
      if (map) check_protocol(*map, listener, controller);
    }
  };
  check(config_.listeners(), false);
  check(config_.controller_listeners(), true);
  const auto roles = config_.get_list("process.roles");
  const bool broker = std::ranges::find(roles, "broker") != roles.end();
  const bool unreadable = std::ranges::any_of(problems_, [](const Problem& problem) {
    return problem.key == "listeners" && problem.severity == Severity::error;
  });
  if (broker && config_.listeners().empty() && !unreadable)
    report(Severity::error, "listeners", "no listener is left for clients",
           "add one that is not in controller.listener.names, such as PLAINTEXT://:9092");
}

void Checker::advertised() {
  constexpr std::string_view kKey = "advertised.listeners";
  std::set<std::string_view> names;
  for (const Endpoint& endpoint : config_.advertised_listeners()) {
    if (!names.insert(endpoint.name).second)
      report(Severity::error, kKey, fmt::format("listener {} is named twice", endpoint.name));
    if (endpoint.host.empty() || endpoint.host == "0.0.0.0" || endpoint.host == "::")
      report(Severity::error, kKey,
             fmt::format("{} is no address that a client could connect to", endpoint),
             "name a host, or leave the setting out");
    if (endpoint.port == 0)
      report(Severity::error, kKey,
             fmt::format("{} has port 0, which nobody can connect to", endpoint));
    const auto same_name = [&](const Endpoint& other) { return other.name == endpoint.name; };
    if (std::ranges::none_of(config_.listeners(), same_name) &&
        std::ranges::none_of(config_.controller_listeners(), same_name))
      report(Severity::error, kKey,
             fmt::format("listener {} is advertised but not among the listeners", endpoint.name));
  }
}

void Checker::ordered(Severity severity, std::string_view small, std::string_view large) {
  const auto low = config_.get_long(small);
  const auto high = config_.get_long(large);
  if (low <= high || (!config_.is_set(small) && !config_.is_set(large))) return;
  const bool small_is_given = config_.is_set(small);
  report(severity, small_is_given ? small : large,
         fmt::format("{} is {}, more than {} with {}", small, low, large, high));
}

void Checker::ranges() {
  ordered(Severity::error, "group.min.session.timeout.ms", "group.max.session.timeout.ms");
  for (const std::string_view what :
       {"heartbeat.interval", "session.timeout", "assignment.interval"}) {
    const auto named = [&](std::string_view bound) {
      return fmt::format("group.consumer.{}{}.ms", bound, what);
    };
    ordered(Severity::error, named("min."), named(""));
    ordered(Severity::error, named(""), named("max."));
  }
  ordered(Severity::error, "group.consumer.heartbeat.interval.ms",
          "group.consumer.session.timeout.ms");
  ordered(Severity::error, "log.cleaner.min.compaction.lag.ms",
          "log.cleaner.max.compaction.lag.ms");
  ordered(Severity::warning, "message.max.bytes", "socket.request.max.bytes");
  ordered(Severity::warning, "message.max.bytes", "log.segment.bytes");
  ordered(Severity::warning, "min.insync.replicas", "default.replication.factor");
}

void Checker::groups() {
  const auto needs = [this](std::string_view key, std::string_view hint) {
    if (config_.get_list(key).empty()) {
      report(Severity::error, key, fmt::format("{} is empty", key), std::string{hint});
    }
  };
  needs("group.consumer.assignors", "name uniform, range or both");
}

void Checker::superseded() {
  for (const Setting& setting : broker_settings()) {
    if (!config_.is_set(setting.name)) continue;
    for (const Setting* stand_in : stand_ins(setting))
      if (config_.is_set(stand_in->name))
        report(Severity::warning, stand_in->name,
               fmt::format("{} does not count, because {} is set", stand_in->name, setting.name),
               "remove one of the two");
  }
  if (config_.is_set("log.dir") && config_.is_set("log.dirs") &&
      config_.origin("log.dir") != config_.origin("log.dirs"))
    report(Severity::warning, "log.dir", "log.dir does not count, because log.dirs is set",
           "remove one of the two");
}

void Checker::access() {
  if (!config_.get_string("authorizer.class.name").empty())
    report(Severity::warning, "authorizer.class.name",
           "an authorizer is asked for, but this version lets every client do everything",
           "keep the listeners out of reach of those who may not");
}

void Checker::metrics() {
  const auto address = config_.text("metrics.listen");
  if (!address) return;
  const auto parsed = parse_address("metrics.listen", *address);
  if (!parsed) report(Severity::error, "metrics.listen", parsed.error().text);
}

}  // namespace

void check_together(const BrokerConfig& config, std::vector<Problem>& problems) {
  Checker checker{config, problems};
  checker.identity();
  checker.listeners();
  checker.advertised();
  checker.ranges();
  checker.groups();
  checker.superseded();
  checker.access();
  checker.metrics();
}

}  // namespace millrace::config
