#include "tools/format_tokens.hpp"

#include <fmt/format.h>

#include <charconv>

#include "tools/options.hpp"

namespace millrace::tools {
namespace {

using clients::Outcome;

/// Reads the escape at the start of `text`, behind the backslash, and takes it off.
Outcome<char> take_escape(std::string_view& text) {
  const char kind = text.empty() ? '\0' : text.front();
  text.remove_prefix(text.empty() ? 0 : 1);
  switch (kind) {
    case 'n':
      return '\n';
    case 't':
      return '\t';
    case 'r':
      return '\r';
    case '0':
      return '\0';
    case '\\':
      return '\\';
    case 'x': {
      unsigned value = 0;
      const auto* const end = text.data() + std::min<std::size_t>(2, text.size());
      const auto [rest, error] = std::from_chars(text.data(), end, value, 16);
      if (error != std::errc{} || rest != text.data() + 2)
        return usage_error("an escape \\x in a format takes two hexadecimal digits");
      text.remove_prefix(2);
      return static_cast<char>(value);
    }
    default:
      return usage_error("a format knows the escapes \\n \\t \\r \\0 \\\\ and \\xHH");
  }
}

void add_text(std::vector<FormatToken>& tokens, char c) {
  if (tokens.empty() || tokens.back().verb != 0) tokens.emplace_back();
  tokens.back().text += c;
}

}  // namespace

Outcome<std::vector<FormatToken>> tokenize_format(std::string_view format, std::string_view verbs) {
  std::vector<FormatToken> tokens;
  std::string_view rest = format;
  while (!rest.empty()) {
    const char c = rest.front();
    rest.remove_prefix(1);
    if (c == '\\') {
      const auto escaped = take_escape(rest);
      if (!escaped) return escaped.error();
      add_text(tokens, *escaped);
    } else if (c != '%') {
      add_text(tokens, c);
    } else if (rest.starts_with('%')) {
      add_text(tokens, '%');
      rest.remove_prefix(1);
    } else if (!rest.empty() && verbs.contains(rest.front())) {
      tokens.push_back({.verb = rest.front()});
      rest.remove_prefix(1);
    } else {
      std::string known;
      for (const char verb : verbs) known += fmt::format(" %{}", verb);
      return usage_error(
          fmt::format("the format '{}' has a verb that is not known here: '%{}'; "
                      "there are{}, and %% for a percent sign",
                      format, rest.substr(0, 1), known));
    }
  }
  return tokens;
}

}  // namespace millrace::tools
