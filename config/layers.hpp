#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/problem.hpp"

namespace millrace::config {

/// What a broker is started with. Whoever calls reads the file and the process environment; this
/// library touches neither.
struct Inputs {
  std::string file_name = "server.properties";                   // only to say where a problem is
  std::string file_text;                                         // empty: no file
  std::vector<std::pair<std::string, std::string>> environment;  // all of it, in any order
  std::vector<std::string> sets;  // each `key=value`, as given to --set, in order
};

/// One value that somebody gave, and where.
struct Assignment {
  friend bool operator==(const Assignment&, const Assignment&) = default;
  std::string key;
  std::string text;
  std::string where;
};

struct Layers {
  std::vector<Assignment> assignments;  // a later one wins: file, then environment, then --set
  std::vector<Problem> problems;        // what could not be read, and keys that a file has twice
};

/// Reads the three layers above the defaults. Values are not looked at yet.
Layers collect_layers(const Inputs& inputs);

/// The setting that an environment variable stands for, by the rule of Kafka's container image:
/// `KAFKA_` is dropped, letters are lowered, `___` becomes `-`, `__` becomes `_` and `_` becomes
/// `.`. Nothing for variables without the prefix, those that the image and its scripts use for
/// themselves (KAFKA_OPTS, KAFKA_HEAP_OPTS, KAFKA_LOG4J_*...), and those that Kubernetes sets
/// for a service of the name kafka (KAFKA_PORT, KAFKA_SERVICE_HOST...).
std::optional<std::string> setting_of_variable(std::string_view variable);

}  // namespace millrace::config
