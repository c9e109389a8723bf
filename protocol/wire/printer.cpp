#include "protocol/wire/printer.hpp"

#include <algorithm>

namespace millrace::protocol {
namespace {

constexpr int kIndentSpaces = 2;
constexpr std::string_view kHexDigits = "0123456789abcdef";

/// Bytes of the UTF-8 character at the front of `text`; 0 when there is none.
std::size_t character_size(std::string_view text) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  const unsigned char lead = byte(0);
  std::size_t size = 0;
  if (lead < 0x80) size = 1;
  if (lead >= 0xc2 && lead < 0xe0) size = 2;
  if (lead >= 0xe0 && lead < 0xf0) size = 3;
  if (lead >= 0xf0 && lead < 0xf5) size = 4;
  if (size == 0 || size > text.size()) return 0;
  for (std::size_t at = 1; at < size; ++at) {
    if ((byte(at) & 0xc0) != 0x80) return 0;
  }
  if (lead == 0xe0 && byte(1) < 0xa0) return 0;   // too long a form
  if (lead == 0xed && byte(1) >= 0xa0) return 0;  // half of a surrogate pair
  if (lead == 0xf0 && byte(1) < 0x90) return 0;   // too long a form
  if (lead == 0xf4 && byte(1) >= 0x90) return 0;  // past the last code point
  return size;
}

}  // namespace

void TextPrinter::open(char bracket) {
  text_ += bracket;
  first_ = true;
  ++depth_;
}

void TextPrinter::close(char bracket) {
  --depth_;
  if (!first_) line_break();
  first_ = false;
  text_ += bracket;
}

void TextPrinter::next() {
  if (!first_) text_ += style_.indented ? "," : ", ";
  first_ = false;
  line_break();
}

void TextPrinter::line_break() {
  if (!style_.indented) return;
  text_ += '\n';
  text_.append(static_cast<std::size_t>(depth_ * kIndentSpaces), ' ');
}

void TextPrinter::name(std::string_view field) {
  text_ += '"';
  text_ += field;
  text_ += "\": ";
}

void TextPrinter::error(ErrorCode code) {
  const std::string_view known = to_string(code);
  if (known == "UNKNOWN") return number(std::to_underlying(code));
  text_ += '"';
  text_ += known;
  text_ += '"';
}

void TextPrinter::uuid(const Uuid& id) {
  text_ += '"';
  text_ += id.to_string();
  text_ += '"';
}

void TextPrinter::string(std::string_view text) {
  text_ += '"';
  std::string_view rest = text.substr(0, std::min(text.size(), style_.text_bytes_max));
  while (!rest.empty()) {
    const std::size_t size = character_size(rest);
    if (size < 2) {
      escaped(static_cast<unsigned char>(rest.front()));
    } else {
      text_ += rest.substr(0, size);
    }
    rest.remove_prefix(std::max<std::size_t>(size, 1));
  }
  if (text.size() > style_.text_bytes_max) total(text.size());
  text_ += '"';
}

void TextPrinter::bytes(Bytes shown, std::size_t size) {
  text_ += '"';
  for (const std::byte byte : shown.first(std::min(shown.size(), style_.bytes_max))) {
    escaped(std::to_integer<unsigned char>(byte));
  }
  if (size > style_.bytes_max) total(size);
  text_ += '"';
}

void TextPrinter::omitted(std::size_t count) {
  text_ += "\"... " + std::to_string(count) + " more\"";
}

void TextPrinter::total(std::size_t size) {
  text_ += "... " + std::to_string(size) + " bytes";
}

void TextPrinter::escaped(unsigned char byte) {
  if (byte >= 0x20 && byte < 0x7f) {
    if (byte == '"' || byte == '\\') text_ += '\\';
    text_ += static_cast<char>(byte);
    return;
  }
  text_ += "\\u00";
  text_ += kHexDigits[byte >> 4];
  text_ += kHexDigits[byte & 0xf];
}

}  // namespace millrace::protocol
