#include "tools/options.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <sstream>

#include "config/topic_config.hpp"

namespace millrace::tools {

using clients::Outcome;

CLI::Option* add_many(CLI::App& app, const std::string& names, std::vector<std::string>& into,
                      const std::string& description) {
  return app.add_option(names, into, description)->allow_extra_args(false);
}

std::function<std::string(const std::string&)> whole_number_from(std::int64_t least) {
  return [least](const std::string& text) -> std::string {
    std::int64_t number = 0;
    const auto* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, number);
    if (error == std::errc{} && rest == end && number >= least) return {};
    return fmt::format("'{}' is not a whole number from {} on", text, least);
  };
}

CLI::Validator one_of(Choices choices) {
  const auto put_down = [choices = std::move(choices)](std::string& text) -> std::string {
    const auto found = choices.find(CLI::detail::to_lower(text));
    if (found != choices.end()) {
      text = fmt::to_string(found->second);
      return {};
    }
    std::vector<std::string> words;
    for (const auto& [word, value] : choices) words.push_back(word);
    return fmt::format("'{}' is not one of {}", text, fmt::join(words, ", "));
  };
  return {put_down, ""};
}

std::optional<std::chrono::milliseconds> parse_time(std::string_view text) {
  const config::Setting any_time{
      .name = "time", .type = config::ConfigType::int64, .unit = config::Unit::ms};
  const auto value = config::parse_value(any_time, text);
  if (!value) return std::nullopt;
  return std::chrono::milliseconds{std::get<std::int64_t>(*value)};
}

Outcome<std::map<std::string, std::string>> parse_pairs(const std::vector<std::string>& texts) {
  std::map<std::string, std::string> pairs;
  for (const auto& text : texts) {
    const auto equals = text.find('=');
    if (equals == std::string::npos || equals == 0)
      return usage_error(fmt::format("'{}' is not of the form name=value", text));
    pairs.insert_or_assign(text.substr(0, equals), text.substr(equals + 1));
  }
  return pairs;
}

Outcome<std::map<std::string, std::string>> parse_topic_configs(
    const std::vector<std::string>& texts) {
  auto pairs = parse_pairs(texts);
  if (!pairs) return pairs.error();
  for (auto& [name, value] : *pairs) {
    if (config::find_topic_setting(name) == nullptr) continue;
    auto canonical = config::canonical_override(name, value);
    if (!canonical) return usage_error(canonical.error().text);
    value = std::move(*canonical);
  }
  return pairs;
}

Outcome<std::map<std::string, std::string>> parse_group_configs(
    const std::vector<std::string>& texts) {
  auto pairs = parse_pairs(texts);
  if (!pairs) return pairs.error();
  for (auto& [name, value] : *pairs) {
    const auto* const setting = config::find_group_setting(name);
    if (setting == nullptr) continue;
    auto canonical = config::canonical_text(*setting, value);
    if (!canonical) return usage_error(canonical.error().text);
    value = std::move(*canonical);
  }
  return pairs;
}

Outcome<std::string> read_file(const std::string& path) {
  errno = 0;
  const std::ifstream file{path, std::ios::binary};
  std::ostringstream text;
  if (file) text << file.rdbuf();
  if (!file || errno != 0) {
    const std::error_code reason{errno, std::generic_category()};
    return usage_error(fmt::format("cannot read {}: {}", path, reason.message()));
  }
  return std::move(text).str();
}

clients::ClientError usage_error(std::string message) {
  return {.code = clients::Errc::invalid_argument, .message = std::move(message)};
}

}  // namespace millrace::tools
