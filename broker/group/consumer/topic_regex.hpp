#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace re2 {
class RE2;
}

namespace millrace::broker {

/// A regular expression that topics are subscribed with, in RE2's syntax (which is that of RE2/J,
/// Kafka's). It must match the whole name. Matching takes time linear in the name, and one that
/// would take long for each letter is refused, so that an expression from outside cannot stall the
/// broker.
class TopicRegex {
 public:
  explicit TopicRegex(std::string_view expression);
  ~TopicRegex();
  TopicRegex(TopicRegex&&) noexcept;
  TopicRegex& operator=(TopicRegex&&) noexcept;

  [[nodiscard]] bool ok() const;
  /// What is wrong with the expression; empty when it is `ok`.
  [[nodiscard]] const std::string& problem() const;
  /// Must be `ok`.
  [[nodiscard]] bool matches(std::string_view topic) const;

 private:
  std::unique_ptr<re2::RE2> compiled_;
  std::string problem_;
};

}  // namespace millrace::broker
