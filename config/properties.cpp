#include "config/properties.hpp"

#include <charconv>
#include <cstdint>
#include <optional>

namespace millrace::config {

namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\f';
}

void drop_leading_blanks(std::string_view& text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
}

/// Takes one line off `text`, without its end: LF, CR or CR LF.
std::string_view take_line(std::string_view& text) {
  const auto end = std::min(text.find_first_of("\r\n"), text.size());
  const auto line = text.substr(0, end);
  text.remove_prefix(end);
  if (text.starts_with("\r\n")) {
    text.remove_prefix(2);
  } else if (!text.empty()) {
    text.remove_prefix(1);
  }
  return line;
}

bool is_continued(std::string_view line) {
  const auto last_other = line.find_last_not_of('\\');
  const auto backslashes =
      line.size() - (last_other == std::string_view::npos ? 0 : last_other + 1);
  return backslashes % 2 == 1;
}

void append_utf8(std::string& to, std::uint32_t code) {
  const auto put = [&](std::uint32_t byte) { to.push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | (code >> 6));
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | (code >> 12));
    put(0x80 | ((code >> 6) & 0x3F));
    put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | (code >> 18));
    put(0x80 | ((code >> 12) & 0x3F));
    put(0x80 | ((code >> 6) & 0x3F));
    put(0x80 | (code & 0x3F));
  }
}

/// Takes the four hexadecimal digits behind `\u` off `text`.
std::optional<std::uint32_t> take_hex(std::string_view& text) {
  constexpr std::size_t kDigits = 4;
  if (text.size() < kDigits) return std::nullopt;
  std::uint32_t unit = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + kDigits, unit, 16);
  if (error != std::errc{} || end != text.data() + kDigits) return std::nullopt;
  text.remove_prefix(kDigits);
  return unit;
}

/// Takes what follows `\u`: one UTF-16 unit, or two that form a pair.
std::optional<std::uint32_t> take_code_point(std::string_view& text) {
  const auto unit = take_hex(text);
  if (!unit) return std::nullopt;
  if (*unit < 0xD800 || *unit > 0xDFFF) return unit;
  if (*unit > 0xDBFF || !text.starts_with("\\u")) return std::nullopt;
  text.remove_prefix(2);
  const auto second = take_hex(text);
  if (!second || *second < 0xDC00 || *second > 0xDFFF) return std::nullopt;
  return 0x10000 + ((*unit - 0xD800) << 10) + (*second - 0xDC00);
}

/// Takes what follows a backslash off `text` and appends what it means; false if it means nothing.
bool take_escape(std::string_view& text, std::string& to) {
  if (text.empty()) return true;  // a lone backslash at the end of the text
  const char kind = text.front();
  text.remove_prefix(1);
  if (kind == 'u') {
    const auto code = take_code_point(text);
    if (code) append_utf8(to, *code);
    return code.has_value();
  }
  constexpr std::string_view kLetters = "tnrf";
  constexpr std::string_view kMeanings = "\t\n\r\f";
  const auto at = kLetters.find(kind);
  to.push_back(at == std::string_view::npos ? kind : kMeanings[at]);
  return true;
}

/// Splits a whole line, continuations joined; nothing when an escape cannot be read.
std::optional<Property> split(std::string_view line) {
  Property property;
  while (!line.empty() && line.front() != '=' && line.front() != ':' && !is_blank(line.front())) {
    const char c = line.front();
    line.remove_prefix(1);
    if (c != '\\') {
      property.key.push_back(c);
    } else if (!take_escape(line, property.key)) {
      return std::nullopt;
    }
  }
  drop_leading_blanks(line);
  if (line.starts_with('=') || line.starts_with(':')) {
    line.remove_prefix(1);
    drop_leading_blanks(line);
  }
  while (!line.empty()) {
    const char c = line.front();
    line.remove_prefix(1);
    if (c != '\\') {
      property.value.push_back(c);
    } else if (!take_escape(line, property.value)) {
      return std::nullopt;
    }
  }
  return property;
}

}  // namespace

Properties parse_properties(std::string_view text) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  Properties result;
  int line_number = 0;
  while (!text.empty()) {
    auto line = take_line(text);
    const int first_line = ++line_number;
    drop_leading_blanks(line);
    if (line.empty() || line.front() == '#' || line.front() == '!') continue;
    std::string whole{line};
    while (is_continued(whole)) {
      whole.pop_back();
      if (text.empty()) break;
      auto next = take_line(text);
      ++line_number;
      drop_leading_blanks(next);
      whole += next;
    }
    auto property = split(whole);
    if (!property) {
      result.errors.push_back(
          {first_line, "a \\u escape needs four hexadecimal digits that name a character"});
    } else if (property->key.empty()) {
      result.errors.push_back({first_line, "there is a value but no key before it"});
    } else {
      property->line = first_line;
      result.entries.push_back(*std::move(property));
    }
  }
  return result;
}

}  // namespace millrace::config
