#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::broker {

/// What a metric is: every one that is served has its row in the table of exposition.cpp, and the
/// same name in the table of broker/README.md.
struct MetricInfo {
  std::string_view name;  ///< ends in the unit, and in `_total` if it only rises
  bool counter = false;   ///< otherwise a gauge
  std::string_view help;
};

std::span<const MetricInfo> all_metrics();

/// Collects values and writes them in the text format of Prometheus, 0.0.4: per metric its help,
/// its type and its samples, in the order of the table. A core; not thread-safe.
class Exposition {
 public:
  /// `label` is `name="value"` with a value that needs no escaping, or empty. A name that the table
  /// does not have is a broken invariant.
  void add(std::string_view name, std::uint64_t value, std::string_view label = {});
  [[nodiscard]] std::string text() const;

 private:
  struct Sample {
    std::string label;
    std::uint64_t value = 0;
  };
  std::map<std::string_view, std::vector<Sample>> samples_;
};

}  // namespace millrace::broker
