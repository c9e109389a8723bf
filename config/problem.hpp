#pragma once

#include <cstdint>
#include <ostream>
#include <span>
#include <string>

namespace millrace::config {

enum class Severity : std::uint8_t {
  notice,   // nothing to do: a setting without effect
  warning,  // works, but hardly as meant
  error,    // the broker does not start
};

/// Something to tell about the settings that somebody gave.
struct Problem {
  friend bool operator==(const Problem&, const Problem&) = default;
  Severity severity = Severity::error;
  std::string where;    // "server.properties:12", "KAFKA_LOG_DIRS", "--set log.dirs"; may be empty
  std::string key;      // the setting; empty when a line could not be read at all
  std::string message;  // what is wrong, a sentence without a full stop
  std::string hint;     // what to do; empty when the message says it all
};

std::ostream& operator<<(std::ostream& out, Severity severity);

/// One line: `server.properties:12: error: message (hint)`.
std::ostream& operator<<(std::ostream& out, const Problem& problem);

bool has_errors(std::span<const Problem> problems);

}  // namespace millrace::config
