#include "tools/print_format.hpp"

#include <fmt/format.h>

#include <iterator>

namespace millrace::tools {
namespace {

void append_number(std::string& out, std::int64_t number) {
  const fmt::format_int digits{number};
  out.append(digits.data(), digits.size());
}

void append_bytes(std::string& out, const std::optional<Bytes>& bytes) {
  if (bytes) out.append(as_text(*bytes));
}

std::int64_t size_of(const std::optional<Bytes>& bytes) {
  return bytes ? static_cast<std::int64_t>(bytes->size()) : -1;
}

void append_headers(std::string& out, const protocol::HeaderRange& headers) {
  bool first = true;
  for (const auto& header : headers) {
    if (!std::exchange(first, false)) out += ',';
    out.append(header.key);
    out += '=';
    append_bytes(out, header.value);
  }
}

void append_field(std::string& out, char verb, const PrintedRecord& record) {
  switch (verb) {
    case 't':
      out.append(record.topic);
      break;
    case 'p':
      append_number(out, record.partition);
      break;
    case 'o':
      append_number(out, record.offset);
      break;
    case 'T':
    case 'd':
      append_number(out, record.timestamp);
      break;
    case 'k':
      append_bytes(out, record.key);
      break;
    case 'v':
      append_bytes(out, record.value);
      break;
    case 'K':
      append_number(out, size_of(record.key));
      break;
    case 'V':
      append_number(out, size_of(record.value));
      break;
    case 'h':
      append_headers(out, record.headers);
      break;
    case 'H':
      append_number(out, record.headers.size());
      break;
    case 'i':
      append_number(out, static_cast<std::int64_t>(record.number));
      break;
    default:
      out += '\n';
      break;
  }
}

}  // namespace

clients::Outcome<PrintFormat> PrintFormat::parse(std::string_view format) {
  auto tokens = tokenize_format(format, "tpoTdkvKVhHin");
  if (!tokens) return tokens.error();
  PrintFormat parsed;
  parsed.tokens_ = std::move(*tokens);
  return parsed;
}

void PrintFormat::append(std::string& out, const PrintedRecord& record) const {
  for (const auto& token : tokens_) {
    if (token.verb == 0) {
      out += token.text;
    } else {
      append_field(out, token.verb, record);
    }
  }
}

}  // namespace millrace::tools
