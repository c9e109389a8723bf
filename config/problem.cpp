#include "config/problem.hpp"

#include <algorithm>

namespace millrace::config {

std::ostream& operator<<(std::ostream& out, Severity severity) {
  switch (severity) {
    case Severity::notice:
      return out << "notice";
    case Severity::warning:
      return out << "warning";
    case Severity::error:
      return out << "error";
  }
  return out;
}

std::ostream& operator<<(std::ostream& out, const Problem& problem) {
  if (!problem.where.empty()) out << problem.where << ": ";
  out << problem.severity << ": " << problem.message;
  if (!problem.hint.empty()) out << " (" << problem.hint << ')';
  return out;
}

bool has_errors(std::span<const Problem> problems) {
  return std::ranges::find(problems, Severity::error, &Problem::severity) != problems.end();
}

}  // namespace millrace::config
