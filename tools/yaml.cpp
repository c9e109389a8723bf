#include "tools/yaml.hpp"

#include <algorithm>
#include <array>
#include <boost/json/serialize.hpp>
#include <cctype>
#include <string_view>

namespace millrace::tools {
namespace {

namespace json = boost::json;

/// Letters first, then letters, digits and what stands in names; and no word that means a value.
bool is_plain(std::string_view text) {
  constexpr std::array kWords{"true", "false", "null", "yes", "no", "on", "off", "y", "n"};
  const auto letter = [](char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; };
  const auto fits = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-' || c == '.' ||
           c == '/';
  };
  if (text.empty() || !letter(text.front()) || !std::ranges::all_of(text, fits)) return false;
  std::string lower{text};
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return std::ranges::find(kWords, lower) == kWords.end();
}

/// A string in JSON's quotes is one in YAML's double quotes too.
std::string scalar(const json::value& value) {
  if (value.is_string() && is_plain(value.get_string())) return value.get_string().c_str();
  return json::serialize(value);
}

bool is_nested(const json::value& value) {
  return (value.is_object() && !value.get_object().empty()) ||
         (value.is_array() && !value.get_array().empty());
}

void write(std::string& out, const json::value& value, std::size_t indent, bool first_is_placed);

void write_entry(std::string& out, const json::value& value, std::size_t indent) {
  if (is_nested(value)) {
    out += '\n';
    write(out, value, indent, false);
  } else {
    out += ' ' + scalar(value) + '\n';
  }
}

/// `first_is_placed`: the cursor stands where the first line begins, behind a dash.
void write(std::string& out, const json::value& value, std::size_t indent, bool first_is_placed) {
  const auto begin_line = [&] {
    if (!std::exchange(first_is_placed, false)) out.append(indent, ' ');
  };
  if (value.is_object()) {
    for (const auto& [key, inner] : value.get_object()) {
      begin_line();
      out += scalar(json::value(key)) + ':';
      write_entry(out, inner, indent + 2);
    }
    return;
  }
  for (const auto& inner : value.get_array()) {
    begin_line();
    out += "- ";
    if (is_nested(inner)) {
      write(out, inner, indent + 2, true);
    } else {
      out += scalar(inner) + '\n';
    }
  }
}

}  // namespace

std::string to_yaml(const boost::json::value& value) {
  if (!is_nested(value)) return scalar(value) + '\n';
  std::string out;
  write(out, value, 0, false);
  return out;
}

}  // namespace millrace::tools
