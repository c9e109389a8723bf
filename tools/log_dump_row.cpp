#include "tools/log_dump_row.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/serialize.hpp>

#include "tools/base64.hpp"
#include "tools/utf8.hpp"

namespace millrace::tools {
namespace {

bool is_plain(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c == '-' || c == '.' || c == '/' || c == ':';
  });
}

/// The first `bytes_max` bytes, without half a character at the end of a text.
std::string_view cut(std::string_view bytes, std::size_t bytes_max) {
  if (bytes.size() <= bytes_max) return bytes;
  const auto front = bytes.substr(0, bytes_max);
  for (std::size_t back = 0; back < 4 && back <= front.size(); ++back) {
    const auto shorter = front.substr(0, front.size() - back);
    if (is_utf8(shorter)) return shorter;
  }
  return front;
}

}  // namespace

std::string quoted(std::string_view bytes) {
  std::string out{'"'};
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte > 0x7e) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  out += '"';
  return out;
}

DumpRow::DumpRow(std::string_view type, bool json, int depth) : json_{json} {
  if (json_) {
    object_["type"] = type;
  } else {
    line_.assign(static_cast<std::size_t>(2 * depth), ' ');
    line_ += type;
  }
}

void DumpRow::put(std::string_view name, std::string_view shown) {
  line_ += fmt::format(" {}={}", name, shown);
}

void DumpRow::number(std::string_view name, std::int64_t value) {
  if (json_)
    object_[name] = value;
  else
    put(name, fmt::to_string(value));
}

void DumpRow::number_or_none(std::string_view name, std::int64_t value) {
  if (value != -1) return number(name, value);
  if (json_) object_[name] = nullptr;
}

void DumpRow::text(std::string_view name, std::string_view value) {
  if (json_)
    object_[name] = is_utf8(value) ? std::string{value} : quoted(value);
  else
    put(name, is_plain(value) ? std::string{value} : quoted(value));
}

void DumpRow::flag(std::string_view name, bool value) {
  if (json_)
    object_[name] = value;
  else if (value)
    line_ += fmt::format(" {}", name);
}

void DumpRow::bytes(std::string_view name, const std::optional<Bytes>& value,
                    std::size_t bytes_max) {
  if (!value) {
    if (json_)
      object_[name] = nullptr;
    else
      put(name, "null");
    return;
  }
  const auto shown = cut(as_text(*value), bytes_max);
  if (!json_) {
    put(name, quoted(shown));
  } else if (is_utf8(shown)) {
    object_[name] = shown;
  } else {
    std::string base64;
    append_base64(base64, shown);
    object_[fmt::format("{}_base64", name)] = base64;
  }
  if (shown.size() < value->size())
    number(fmt::format("{}_bytes", name), static_cast<std::int64_t>(value->size()));
}

void DumpRow::value(std::string_view name, boost::json::value value) {
  if (json_)
    object_[name] = std::move(value);
  else
    put(name, boost::json::serialize(value));
}

std::string DumpRow::take() && {
  auto line = json_ ? boost::json::serialize(object_) : std::move(line_);
  line += '\n';
  return line;
}

}  // namespace millrace::tools
