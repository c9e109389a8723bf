#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "protocol/base/bytes.hpp"
#include "protocol/base/types.hpp"
#include "protocol/error_code.hpp"
#include "protocol/wire/schema.hpp"

/// The walker that prints a message, for debug logs and tests. The text is JSON: one object per
/// struct with the protocol's field names, in wire order, of the fields that the version has.
///
///   text       as it is, quotes and control characters escaped; bytes that are not UTF-8 as \u00NN
///   bytes      a string in which each byte is one character, those that are not ASCII as \u00NN
///   uuid       22 characters, as tools print it
///   error      the code's name; its number when the code is not known
///
/// What exceeds a limit is cut, and the text ends in how much there was.
namespace millrace::protocol {

/// As a version: every field that any version has.
inline constexpr std::int16_t kEveryVersion = -1;

struct PrintStyle {
  /// Nothing is cut; one line.
  static constexpr PrintStyle whole() {
    return {.elements_max = SIZE_MAX, .text_bytes_max = SIZE_MAX, .bytes_max = SIZE_MAX};
  }
  bool indented = false;             // one field per line, for people
  std::size_t elements_max = 16;     // of an array
  std::size_t text_bytes_max = 256;  // of a string
  std::size_t bytes_max = 48;        // of a byte string or records
};

/// Builds the text. Everything here is independent of the message, so it is compiled once.
class TextPrinter {
 public:
  explicit TextPrinter(PrintStyle style) : style_{style} {}

  void open(char bracket);
  void close(char bracket);
  /// Comma and line break in front of every element or field.
  void next();
  void name(std::string_view field);
  void null() { text_ += "null"; }
  void boolean(bool value) { text_ += value ? "true" : "false"; }
  void number(std::int64_t value) { text_ += std::to_string(value); }
  void real(double value) { text_ += std::to_string(value); }
  void error(ErrorCode code);
  void uuid(const Uuid& id);
  void string(std::string_view text);
  /// `shown` is the front of the value, at least `style().bytes_max` of its `size` bytes.
  void bytes(Bytes shown, std::size_t size);
  /// In place of the elements that are not printed.
  void omitted(std::size_t count);

  [[nodiscard]] const PrintStyle& style() const { return style_; }
  [[nodiscard]] std::string take() && { return std::move(text_); }

 private:
  void line_break();
  void escaped(unsigned char byte);
  void total(std::size_t size);

  PrintStyle style_;
  std::string text_;
  int depth_ = 0;
  bool first_ = true;  // nothing stands yet in the innermost bracket
};

namespace detail {

template <class T>
void print_value(TextPrinter& out, const T& value, std::int16_t version) {
  if constexpr (IsOptional<T>::value) {
    if (value) {
      print_value(out, *value, version);
    } else {
      out.null();
    }
  } else if constexpr (std::is_same_v<T, std::string>) {
    out.string(value);
  } else if constexpr (std::is_same_v<T, SharedBytes>) {
    out.bytes(value.view(), value.size());
  } else if constexpr (std::is_same_v<T, BytesChain>) {
    out.bytes(value.flatten(), value.size());
  } else if constexpr (IsVector<T>::value) {
    out.open('[');
    std::size_t shown = 0;
    for (const auto& element : value) {
      out.next();
      if (shown++ == out.style().elements_max) {
        out.omitted(value.size() - out.style().elements_max);
        break;
      }
      print_value(out, element, version);
    }
    out.close(']');
  } else if constexpr (Described<T>) {
    out.open('{');
    for_each_field<T>([&](const auto& f) {
      using F = std::decay_t<decltype(f)>;
      if (version != kEveryVersion && !f.versions.contains(version)) return;
      out.next();
      out.name(f.name);
      print_value(out, value.*F::kMember, version);
    });
    out.close('}');
  } else if constexpr (std::is_same_v<T, Uuid>) {
    out.uuid(value);
  } else if constexpr (std::is_same_v<T, ErrorCode>) {
    out.error(value);
  } else if constexpr (std::is_same_v<T, bool>) {
    out.boolean(value);
  } else if constexpr (std::is_enum_v<T>) {
    out.number(std::to_underlying(value));
  } else if constexpr (std::is_same_v<T, double>) {
    out.real(value);
  } else {
    out.number(value);
  }
}

}  // namespace detail

/// Prints one message type in every version that it has.
template <class Message>
struct Printer {
  static std::string print(const Message& message, std::int16_t version, PrintStyle style);
};

// Not inline, like the members of `MessageCodec`.
template <class Message>
std::string Printer<Message>::print(const Message& message, std::int16_t version,
                                    PrintStyle style) {
  TextPrinter out{style};
  detail::print_value(out, message, version);
  return std::move(out).take();
}

/// The fields of `message` that `version` has, as text.
template <class Message>
std::string print(const Message& message, std::int16_t version, PrintStyle style = {}) {
  return Printer<Message>::print(message, version, style);
}

/// All fields of a message or of a struct in one, on one line.
template <Described T>
std::ostream& operator<<(std::ostream& out, const T& value) {
  TextPrinter text{{}};
  detail::print_value(text, value, kEveryVersion);
  return out << std::move(text).take();
}

}  // namespace millrace::protocol
