#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/catalogue.hpp"
#include "protocol/base/result.hpp"

namespace millrace::config {

/// Why a value was refused: names the setting, the value and what is allowed. For people.
struct Refusal {
  friend bool operator==(const Refusal&, const Refusal&) = default;
  /// Not a constructor, so that a `Checked<std::string>` takes a bare string for its value.
  static Refusal because(std::string text) {
    Refusal refusal;
    refusal.text = std::move(text);
    return refusal;
  }
  friend std::ostream& operator<<(std::ostream& out, const Refusal& refusal) {
    return out << refusal.text;
  }
  Refusal() = default;

  std::string text;
};

/// A value or the reason why there is none.
template <class T>
using Checked = boost::system::result<T, Refusal>;

/// What the text of a setting means. All integer types share one form, classes and passwords are
/// strings.
using Value = std::variant<bool, std::int64_t, double, std::string, std::vector<std::string>>;

/// Reads `text` as a value of `setting` and checks that it is allowed. Beyond Kafka's spelling:
/// - bytes take one suffix: `k m g t` and `KiB MiB GiB TiB` (powers of 1024), `kB MB GB TB` (powers
/// of
///   1000), `B`; upper or lower case alike, a space before the suffix is fine;
/// - milliseconds take a sum of `d h m s ms` terms, each unit once, largest first: `7d 12h`,
/// `1h30m`. A refusal never repeats the text of a password.
Checked<Value> parse_value(const Setting& setting, std::string_view text);

/// The value as Kafka prints it: `512MiB` reads `536870912`, lists have no blanks.
std::string to_text(const Value& value);

/// `parse_value`, then `to_text`; a plain double stays as it was written.
Checked<std::string> canonical_text(const Setting& setting, std::string_view text);

/// What `setting` takes, for messages and documentation: "a whole number from 1 to 9, or -1".
std::string allowed_form(const Setting& setting);

/// Milliseconds in one of `unit`; 1 for units that are not times.
std::int64_t ms_per(Unit unit);

/// `text` without blanks at both ends.
std::string_view trimmed(std::string_view text);

}  // namespace millrace::config
