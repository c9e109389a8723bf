#include "log/file_names.hpp"

#include <fmt/format.h>

#include <charconv>

namespace millrace::log {
namespace {

constexpr std::size_t kDigits = 20;

}  // namespace

std::string file_name(Offset base, std::string_view suffix) {
  return fmt::format("{:020}{}", base.value, suffix);
}

std::optional<Offset> parse_file_name(std::string_view name, std::string_view suffix) {
  if (name.size() != kDigits + suffix.size() || !name.ends_with(suffix)) return std::nullopt;
  Offset base;
  const char* const digits = name.data();
  const auto [end, error] = std::from_chars(digits, digits + kDigits, base.value);
  if (error != std::errc{} || end != digits + kDigits || base < Offset{0}) return std::nullopt;
  return base;
}

}  // namespace millrace::log
