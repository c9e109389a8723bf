#include "config/value.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace millrace::config {

namespace {

using Int = std::int64_t;

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string lowered(std::string_view text) {
  std::string result{text};
  std::ranges::transform(result, result.begin(), lower);
  return result;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f';
}

/// All of `text` as a number, with an optional sign.
template <class Number>
std::optional<Number> number(std::string_view text) {
  if (text.starts_with('+') && text.size() > 1 && text[1] != '-') text.remove_prefix(1);
  Number result{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), result);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return result;
}

/// Digits and the letters behind them, taken off the front of `text`; nothing if it starts
/// otherwise or the digits overflow.
struct Term {
  Int amount;
  std::string suffix;
};
std::optional<Term> take_term(std::string_view& text) {
  const auto digits_end = std::ranges::find_if_not(text, is_digit);
  const auto amount = number<Int>(std::string_view{text.begin(), digits_end});
  if (!amount || text.begin() == digits_end) return std::nullopt;
  const auto suffix_begin = std::find_if_not(digits_end, text.end(), is_blank);
  const auto suffix_end =
      std::find_if(suffix_begin, text.end(), [](char c) { return is_digit(c) || is_blank(c); });
  Term term{*amount, lowered({suffix_begin, suffix_end})};
  text = trimmed({suffix_end, text.end()});
  return term;
}

std::optional<Int> product(Int a, Int b) {
  Int result = 0;
  if (__builtin_mul_overflow(a, b, &result)) return std::nullopt;
  return result;
}

/// `512MiB`, `64kB`, `1g`.
std::optional<Int> size_with_suffix(std::string_view text) {
  const auto term = take_term(text);
  if (!term || !text.empty() || term->suffix.empty()) return std::nullopt;
  if (term->suffix == "b") return term->amount;
  constexpr std::string_view kPowers = "kmgt";
  const auto power = kPowers.find(term->suffix.front());
  const auto rest = std::string_view{term->suffix}.substr(1);
  if (power == std::string_view::npos || !(rest.empty() || rest == "ib" || rest == "b"))
    return std::nullopt;
  const Int step = rest == "b" ? 1000 : 1024;
  std::optional<Int> bytes = term->amount;
  for (std::size_t i = 0; i <= power && bytes; ++i) bytes = product(*bytes, step);
  return bytes;
}

/// `7d 12h`, `250ms`.
std::optional<Int> time_with_suffixes(std::string_view text) {
  struct TimeUnit {
    std::string_view suffix;
    Int ms;
  };
  constexpr TimeUnit kUnits[] = {
      {"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}};
  Int total = 0;
  auto largest_left = std::begin(kUnits);
  do {
    const auto term = take_term(text);
    if (!term) return std::nullopt;
    const auto unit = std::find_if(largest_left, std::end(kUnits), [&](const TimeUnit& candidate) {
      return candidate.suffix == term->suffix;
    });
    if (unit == std::end(kUnits)) return std::nullopt;
    const auto ms = product(term->amount, unit->ms);
    if (!ms || __builtin_add_overflow(total, *ms, &total)) return std::nullopt;
    largest_left = unit + 1;
  } while (!text.empty());
  return total;
}

bool is_integer(ConfigType type) {
  return type == ConfigType::int16 || type == ConfigType::int32 || type == ConfigType::int64;
}

struct Bounds {
  Int min;
  Int max;
};
Bounds bounds_of(ConfigType type) {
  if (type == ConfigType::int16)
    return {std::numeric_limits<std::int16_t>::min(), std::numeric_limits<std::int16_t>::max()};
  if (type == ConfigType::int32)
    return {std::numeric_limits<std::int32_t>::min(), std::numeric_limits<std::int32_t>::max()};
  return {std::numeric_limits<Int>::min(), std::numeric_limits<Int>::max()};
}

std::optional<Value> parse_integer(const Setting& setting, std::string_view text) {
  auto value = number<Int>(text);
  if (!value && setting.unit == Unit::bytes) value = size_with_suffix(text);
  if (!value && setting.unit == Unit::ms) value = time_with_suffixes(text);
  if (!value) return std::nullopt;
  const auto [type_min, type_max] = bounds_of(setting.type);
  const Valid& valid = setting.valid;
  const bool inside = *value >= std::max(type_min, valid.min.value_or(type_min)) &&
                      *value <= std::min(type_max, valid.max.value_or(type_max));
  if (!inside && valid.also != *value) return std::nullopt;
  return *value;
}

std::optional<Value> parse_double(const Setting& setting, std::string_view text) {
  const auto value = number<double>(text);
  if (!value || !std::isfinite(*value)) return std::nullopt;
  if (setting.valid.min && *value < static_cast<double>(*setting.valid.min)) return std::nullopt;
  if (setting.valid.max && *value > static_cast<double>(*setting.valid.max)) return std::nullopt;
  return *value;
}

std::optional<Value> parse_boolean(std::string_view text) {
  const std::string word = lowered(text);
  if (word == "true") return true;
  if (word == "false") return false;
  return std::nullopt;
}

bool allowed(const Valid& valid, std::string_view word) {
  return valid.one_of.empty() || std::ranges::find(valid.one_of, word) != valid.one_of.end();
}

std::optional<Value> parse_list(const Setting& setting, std::string_view text) {
  std::vector<std::string> items;
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    const auto item = trimmed(text.substr(0, comma));
    // `a,` and `a,,b` are slips of the pen, and an empty item means nothing in any setting.
    if (item.empty() || !allowed(setting.valid, item)) return std::nullopt;
    const bool again = std::ranges::find(items, item) != items.end();
    if (again && setting.valid.distinct) return std::nullopt;
    items.emplace_back(item);
    if (comma == text.size()) break;
    text.remove_prefix(comma + 1);
    if (text.empty()) return std::nullopt;
  }
  return items;
}

std::optional<Value> parse(const Setting& setting, std::string_view text) {
  switch (setting.type) {
    case ConfigType::boolean:
      return parse_boolean(text);
    case ConfigType::int16:
    case ConfigType::int32:
    case ConfigType::int64:
      return parse_integer(setting, text);
    case ConfigType::float64:
      return parse_double(setting, text);
    case ConfigType::list:
      return parse_list(setting, text);
    case ConfigType::string:
    case ConfigType::class_name:
    case ConfigType::password:
      if (!allowed(setting.valid, text)) return std::nullopt;
      return std::string{text};
  }
  return std::nullopt;
}

std::string number_form(const Setting& setting, std::string_view kind) {
  std::string form{kind};
  if (setting.unit != Unit::none && setting.unit != Unit::count && setting.unit != Unit::ratio)
    form += fmt::format(" of {}", unit_name(setting.unit));
  const Valid& valid = setting.valid;
  const bool integer = is_integer(setting.type);
  const Int type_max = bounds_of(setting.type).max;
  const auto max = valid.max                                      ? valid.max
                   : integer && setting.type != ConfigType::int64 ? std::optional{type_max}
                                                                  : std::nullopt;
  if (valid.min && max) {
    form += fmt::format(" from {} to {}", *valid.min, *max);
  } else if (valid.min) {
    form += fmt::format(" from {} on", *valid.min);
  } else if (max) {
    form += fmt::format(" up to {}", *max);
  }
  if (valid.also) form += fmt::format(", or {}", *valid.also);
  if (integer && setting.unit == Unit::bytes) form += ", also like 512MiB or 64kB";
  if (integer && setting.unit == Unit::ms) form += ", also like 7d 12h or 250ms";
  return form;
}

}  // namespace

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

Checked<Value> parse_value(const Setting& setting, std::string_view text) {
  text = trimmed(text);
  auto value = parse(setting, text);
  if (value) return *std::move(value);
  const std::string shown = setting.sensitive() ? "(hidden)" : fmt::format("'{}'", text);
  return Refusal::because(
      fmt::format("{} cannot be {}: it takes {}", setting.name, shown, allowed_form(setting)));
}

std::string to_text(const Value& value) {
  struct Printer {
    std::string operator()(bool v) const { return v ? "true" : "false"; }
    std::string operator()(Int v) const { return std::to_string(v); }
    std::string operator()(double v) const { return fmt::format("{}", v); }
    std::string operator()(const std::string& v) const { return v; }
    std::string operator()(const std::vector<std::string>& v) const {
      return fmt::format("{}", fmt::join(v, ","));
    }
  };
  return std::visit(Printer{}, value);
}

Checked<std::string> canonical_text(const Setting& setting, std::string_view text) {
  const auto value = parse_value(setting, text);
  if (!value) return value.error();
  if (setting.type == ConfigType::float64) return std::string{trimmed(text)};
  return to_text(*value);
}

std::string allowed_form(const Setting& setting) {
  const auto& words = setting.valid.one_of;
  switch (setting.type) {
    case ConfigType::boolean:
      return "true or false";
    case ConfigType::int16:
    case ConfigType::int32:
    case ConfigType::int64:
      return number_form(setting, "a whole number");
    case ConfigType::float64:
      return number_form(setting, "a number");
    case ConfigType::list:
      if (!words.empty())
        return fmt::format("a comma-separated list of {}, none twice", fmt::join(words, ", "));
      return setting.valid.distinct ? "a comma-separated list without repetition"
                                    : "a comma-separated list";
    case ConfigType::string:
      return words.empty() ? "text" : fmt::format("one of {}", fmt::join(words, ", "));
    case ConfigType::class_name:
      return "the name of a Java class";
    case ConfigType::password:
      return "a password";
  }
  return "text";
}

std::int64_t ms_per(Unit unit) {
  if (unit == Unit::seconds) return 1000;
  if (unit == Unit::minutes) return 60'000;
  if (unit == Unit::hours) return 3'600'000;
  return 1;
}

}  // namespace millrace::config
