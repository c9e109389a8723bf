#include "replication/controller/topic_names.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace millrace::replication {
namespace {

constexpr std::size_t kNameLengthMax = 249;

bool is_legal(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-';
}

}  // namespace

bool is_internal_topic(std::string_view name) {
  return name == kOffsetsTopic || name == kTransactionTopic;
}

std::optional<std::string> invalid_topic_name(std::string_view name) {
  if (name.empty()) return "a topic name must have at least one character";
  if (name == "." || name == "..") return fmt::format("a topic cannot be named '{}'", name);
  if (name.size() > kNameLengthMax) {
    return fmt::format("a topic name has at most {} characters, this one has {}", kNameLengthMax,
                       name.size());
  }
  if (!std::ranges::all_of(name, is_legal)) {
    return "a topic name may contain letters, digits, '.', '_' and '-' only";
  }
  return std::nullopt;
}

std::string collision_key(std::string_view name) {
  std::string key{name};
  std::ranges::replace(key, '.', '_');
  return key;
}

}  // namespace millrace::replication
