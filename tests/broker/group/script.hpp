#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "broker/group/coordinator.hpp"
#include "tests/broker/group/topics.hpp"

namespace millrace::broker {

/// One line of a scenario: `[label:] operation word... name=value...`.
struct ScriptStep {
  std::string label;
  std::string operation;
  std::vector<std::string> words;
  std::map<std::string, std::string> options;

  static ScriptStep parse(const std::string& line) {
    ScriptStep step;
    std::istringstream in{line};
    for (std::string word; in >> word;) {
      const auto equals = word.find('=');
      if (step.operation.empty() && word.ends_with(':')) {
        step.label = word.substr(0, word.size() - 1);
      } else if (step.operation.empty()) {
        step.operation = word;
      } else if (equals != std::string::npos) {
        step.options[word.substr(0, equals)] = word.substr(equals + 1);
      } else {
        step.words.push_back(word);
      }
    }
    return step;
  }
  [[nodiscard]] std::string word(std::size_t at) const {
    return at < words.size() ? words[at] : std::string{};
  }
  [[nodiscard]] std::string text(const std::string& name, std::string otherwise = {}) const {
    const auto found = options.find(name);
    return found == options.end() ? std::move(otherwise) : found->second;
  }
  [[nodiscard]] std::optional<std::string> maybe(const std::string& name) const {
    const auto found = options.find(name);
    if (found == options.end()) return std::nullopt;
    return found->second;
  }
  template <class Int>
  [[nodiscard]] Int number(const std::string& name, Int otherwise) const {
    const auto found = options.find(name);
    return found == options.end() ? otherwise : static_cast<Int>(std::stoll(found->second));
  }
};

inline std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const auto end = text.find(at);
    parts.emplace_back(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
  }
  return parts;
}

/// Random member ids made readable: the id that client `a` is given first is `a-1` in scripts.
class MemberNames {
 public:
  std::string name_of(const std::string& id) {
    if (id.size() <= kUuidBytes) return id.empty() ? "-" : id;
    if (const auto known = names_.find(id); known != names_.end()) return known->second;
    const std::string prefix = id.substr(0, id.size() - kUuidBytes);
    const std::string name = prefix + "-" + std::to_string(++counts_[prefix]);
    ids_[name] = id;
    return names_[id] = name;
  }
  std::string id_of(const std::string& name) const {
    const auto found = ids_.find(name);
    return found == ids_.end() ? name : found->second;
  }

 private:
  static constexpr std::size_t kUuidBytes = 37;
  std::map<std::string, std::string> names_, ids_;
  std::map<std::string, int> counts_;
};

}  // namespace millrace::broker
