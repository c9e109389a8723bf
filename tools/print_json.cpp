#include <fmt/format.h>

#include <iterator>

#include "tools/base64.hpp"
#include "tools/print_format.hpp"
#include "tools/utf8.hpp"

// By hand, because building a value per record would cost more than everything else in `consume`.
namespace millrace::tools {
namespace {

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  std::size_t copied = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out.append(text.substr(copied, i - copied));
    copied = i + 1;
    if (c == '"' || c == '\\') {
      out += '\\';
      out += text[i];
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\r') {
      out += "\\r";
    } else {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", c);
    }
  }
  out.append(text.substr(copied));
  out += '"';
}

void append_member(std::string& out, std::string_view name, const std::optional<Bytes>& bytes) {
  out += '"';
  out += name;
  if (!bytes) {
    out += "\":null";
  } else if (is_utf8(as_text(*bytes))) {
    out += "\":";
    append_quoted(out, as_text(*bytes));
  } else {
    out += "_base64\":\"";
    append_base64(out, as_text(*bytes));
    out += '"';
  }
}

}  // namespace

void append_json(std::string& out, const PrintedRecord& record) {
  out += "{\"topic\":";
  append_quoted(out, record.topic);
  fmt::format_to(std::back_inserter(out), ",\"partition\":{},\"offset\":{},\"timestamp\":{},",
                 record.partition, record.offset, record.timestamp);
  append_member(out, "key", record.key);
  out += ',';
  append_member(out, "value", record.value);
  out += ",\"headers\":[";
  bool first = true;
  for (const auto& header : record.headers) {
    if (!std::exchange(first, false)) out += ',';
    out += '{';
    append_member(out, "key", as_bytes(header.key));
    out += ',';
    append_member(out, "value", header.value);
    out += '}';
  }
  out += "]}\n";
}

}  // namespace millrace::tools
