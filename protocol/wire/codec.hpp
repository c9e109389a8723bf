#pragma once

#include <bit>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "protocol/base/result.hpp"
#include "protocol/wire/printer.hpp"
#include "protocol/wire/reader.hpp"
#include "protocol/wire/schema.hpp"
#include "protocol/wire/writer.hpp"

/// The walkers over a message's field list that know the wire: reader, writer and sizer.
/// `printer.hpp` and `generator.hpp` hold the other two. Those that a broker needs are compiled
/// once per message, in the message's own source file (`MILLRACE_MESSAGE_CODEC`).
namespace millrace::protocol {

namespace detail {

struct Context {
  std::int16_t version;
  bool flexible;
};

template <class T>
constexpr std::size_t wire_bytes_min(const Context& context);

/// Least bytes a value of this type takes on the wire; bounds array counts.
template <class T>
constexpr std::size_t struct_bytes_min(const Context& context) {
  std::size_t sum = context.flexible ? 1 : 0;
  for_each_field<T>([&](const auto& f) {
    using F = std::decay_t<decltype(f)>;
    if (f.is_inline_in(context.version)) {
      sum += wire_bytes_min<typename F::Type>(context);
    }
  });
  return sum;
}

template <class T>
constexpr std::size_t wire_bytes_min(const Context& context) {
  if constexpr (IsOptional<T>::value) {
    if constexpr (Described<typename T::value_type>) {
      return 1;
    } else {
      return wire_bytes_min<typename T::value_type>(context);
    }
  } else if constexpr (std::is_same_v<T, Uuid>) {
    return 16;
  } else if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T>) {
    return sizeof(T);
  } else if constexpr (std::is_same_v<T, std::string>) {
    return context.flexible ? 1 : 2;
  } else if constexpr (Described<T>) {
    return struct_bytes_min<T>(context);
  } else {
    return context.flexible ? 1 : 4;  // bytes and arrays
  }
}

template <class T>
void read_struct(Reader& in, T& to, const Context& context);

template <class T>
void read_scalar(Reader& in, T& to) {
  if constexpr (std::is_same_v<T, bool>) {
    to = in.integer<std::uint8_t>() != 0;
  } else if constexpr (std::is_enum_v<T>) {
    to = static_cast<T>(in.integer<std::underlying_type_t<T>>());
  } else if constexpr (std::is_same_v<T, double>) {
    to = std::bit_cast<double>(in.integer<std::uint64_t>());
  } else {
    to = in.integer<T>();
  }
}

/// Reads a value that is not null itself; gives false for a null.
template <class T>
bool read_present(Reader& in, T& to, const Context& context) {
  if constexpr (std::is_same_v<T, std::string>) {
    const auto length = in.string_length(context.flexible);
    if (length < 0) return false;
    to = in.view(static_cast<std::size_t>(length));
  } else if constexpr (std::is_same_v<T, SharedBytes>) {
    const auto length = in.bytes_length(context.flexible);
    if (length < 0) return false;
    to = in.shared(static_cast<std::size_t>(length));
  } else if constexpr (std::is_same_v<T, BytesChain>) {
    const auto length = in.bytes_length(context.flexible);
    if (length < 0) return false;
    to = BytesChain{in.shared(static_cast<std::size_t>(length))};
  } else if constexpr (IsVector<T>::value) {
    using Element = typename T::value_type;
    const auto count =
        in.array_count(context.flexible, wire_bytes_min<Element>(context), sizeof(Element));
    if (count < 0) return false;
    to.clear();
    to.reserve(static_cast<std::size_t>(count));
    for (std::int32_t i = 0; i < count && in.ok(); ++i) {
      if (!read_present(in, to.emplace_back(), context)) in.fail(Errc::null_not_allowed);
    }
  } else if constexpr (Described<T>) {
    read_struct(in, to, context);
  } else if constexpr (std::is_same_v<T, Uuid>) {
    to = in.uuid();
  } else {
    read_scalar(in, to);
  }
  return true;
}

/// Whether a struct that may be null is there. Where it may not be null it has no marker.
inline bool read_struct_marker(Reader& in, bool in_tag) {
  return in_tag ? in.unsigned_varint() != 0 : in.integer<std::int8_t>() >= 0;
}

template <class F, class T>
void read_value(Reader& in, const F& f, T& to, const Context& context, bool in_tag) {
  in.enter_field(f.name);
  if constexpr (IsOptional<T>::value) {
    const bool may_be_null = f.null_in.contains(context.version);
    bool present = true;
    if constexpr (Described<typename T::value_type>) {
      if (may_be_null) present = read_struct_marker(in, in_tag);
    }
    if (present) present = read_present(in, to.emplace(typename T::value_type{}), context);
    if (present || !in.ok()) return;
    if (!may_be_null) return in.fail(Errc::null_not_allowed);
    to.reset();
  } else {
    if (!read_present(in, to, context)) in.fail(Errc::null_not_allowed);
  }
}

template <class T>
void read_struct(Reader& in, T& to, const Context& context) {
  for_each_field<T>([&](const auto& f) {
    using F = std::decay_t<decltype(f)>;
    if (!f.is_inline_in(context.version) || !in.ok()) return;
    read_value(in, f, to.*F::kMember, context, false);
  });
  if (!context.flexible || !in.ok()) return;
  in.tagged_section([&]([[maybe_unused]] std::uint32_t tag) {
    bool known = false;
    if constexpr (has_tagged_fields<T>()) {
      for_each_field<T>([&](const auto& f) {
        using F = std::decay_t<decltype(f)>;
        if (!f.is_tagged_in(context.version) || static_cast<std::uint32_t>(f.tag) != tag) return;
        known = true;
        read_value(in, f, to.*F::kMember, context, true);
      });
    }
    return known;
  });
}

template <class Out, class T>
void write_struct(Out& out, const T& from, const Context& context);

template <class Out>
void write_length(Out& out, std::size_t length, bool flexible, bool is_short) {
  if (flexible) {
    out.unsigned_varint(static_cast<std::uint32_t>(length + 1));
  } else if (is_short) {
    out.integer(static_cast<std::int16_t>(length));
  } else {
    out.integer(static_cast<std::int32_t>(length));
  }
}

template <class Out>
void write_null(Out& out, bool flexible, bool is_short) {
  if (flexible) {
    out.unsigned_varint(0);
  } else if (is_short) {
    out.integer(std::int16_t{-1});
  } else {
    out.integer(std::int32_t{-1});
  }
}

/// What of `text` is written: all of it, or what fits, cut between two characters. Only a text of
/// our own making can be too long, such as an error message that quotes a name.
inline std::string_view writable(std::string_view text) {
  if (text.size() <= kStringBytesMax) return text;
  const auto is_continuation = [&](std::size_t at) { return (text[at] & 0xc0) == 0x80; };
  std::size_t size = kStringBytesMax;
  while (size > 0 && is_continuation(size)) --size;
  return text.substr(0, size);
}

template <class Out, class T>
void write_present(Out& out, const T& from, const Context& context) {
  if constexpr (std::is_same_v<T, std::string>) {
    const std::string_view text = writable(from);
    write_length(out, text.size(), context.flexible, true);
    out.raw(as_bytes(text));
  } else if constexpr (std::is_same_v<T, SharedBytes>) {
    write_length(out, from.size(), context.flexible, false);
    out.piece(from);
  } else if constexpr (std::is_same_v<T, BytesChain>) {
    write_length(out, from.size(), context.flexible, false);
    for (const auto& link : from.links())
      std::visit([&](const auto& piece) { out.piece(piece); }, link);
  } else if constexpr (IsVector<T>::value) {
    write_length(out, from.size(), context.flexible, false);
    for (const auto& element : from) write_present(out, element, context);
  } else if constexpr (Described<T>) {
    write_struct(out, from, context);
  } else if constexpr (std::is_same_v<T, Uuid>) {
    out.uuid(from);
  } else if constexpr (std::is_same_v<T, bool>) {
    out.integer(static_cast<std::uint8_t>(from ? 1 : 0));
  } else if constexpr (std::is_enum_v<T>) {
    out.integer(std::to_underlying(from));
  } else if constexpr (std::is_same_v<T, double>) {
    out.integer(std::bit_cast<std::uint64_t>(from));
  } else {
    out.integer(from);
  }
}

template <class Out, class F, class T>
void write_value(Out& out, const F& f, const T& from, const Context& context, bool in_tag) {
  if constexpr (IsOptional<T>::value) {
    using Inner = typename T::value_type;
    const bool may_be_null = f.null_in.contains(context.version);
    if constexpr (Described<Inner>) {
      if (may_be_null && in_tag) out.unsigned_varint(from ? 1 : 0);
      if (may_be_null && !in_tag) out.integer(static_cast<std::int8_t>(from ? 1 : -1));
    } else if (!from && may_be_null) {
      write_null(out, context.flexible, std::is_same_v<Inner, std::string>);
    }
    if (from) {
      write_present(out, *from, context);
    } else if (!may_be_null) {
      write_present(out, Inner{}, context);  // `check_version` tells callers who care
    }
  } else {
    write_present(out, from, context);
  }
}

template <class F, class T>
bool is_sent_as_tag(const F& f, const T& value, const Context& context) {
  return f.is_tagged_in(context.version) && !(value == default_of(f));
}

/// A test that writes what a newer peer would has an overload of this for its own `Out`.
template <class Out, class T>
void write_tagged_section(Out& out, const T& from, const Context& context) {
  static_assert(tags_ascend<T>(), "list the tagged fields by ascending tag");
  if constexpr (!has_tagged_fields<T>()) {
    out.unsigned_varint(0);
  } else {
    std::uint32_t count = 0;
    for_each_field<T>([&](const auto& f) {
      using F = std::decay_t<decltype(f)>;
      if (is_sent_as_tag(f, from.*F::kMember, context)) ++count;
    });
    out.unsigned_varint(count);
    for_each_field<T>([&](const auto& f) {
      using F = std::decay_t<decltype(f)>;
      if (!is_sent_as_tag(f, from.*F::kMember, context)) return;
      Sizer payload;
      write_value(payload, f, from.*F::kMember, context, true);
      out.unsigned_varint(static_cast<std::uint32_t>(f.tag));
      out.unsigned_varint(static_cast<std::uint32_t>(payload.total()));
      write_value(out, f, from.*F::kMember, context, true);
    });
  }
}

template <class Out, class T>
void write_struct(Out& out, const T& from, const Context& context) {
  for_each_field<T>([&](const auto& f) {
    using F = std::decay_t<decltype(f)>;
    if (!f.is_inline_in(context.version)) return;
    write_value(out, f, from.*F::kMember, context, false);
  });
  if (context.flexible) write_tagged_section(out, from, context);
}

template <class T>
std::string_view first_unsupported(const T& from, std::int16_t version);

/// The same within one value: `name` when the value itself cannot be said.
template <class T>
std::string_view unsupported_in(std::string_view name, const T& value, std::int16_t version) {
  std::string_view culprit;
  if constexpr (std::is_same_v<T, std::string>) {
    if (value.size() > kStringBytesMax) culprit = name;
  } else if constexpr (IsOptional<T>::value) {
    if (value) culprit = unsupported_in(name, *value, version);
  } else if constexpr (IsVector<T>::value) {
    for (const auto& element : value) {
      culprit = unsupported_in(name, element, version);
      if (!culprit.empty()) break;
    }
  } else if constexpr (Described<T>) {
    culprit = first_unsupported(value, version);
  }
  return culprit;
}

/// First field whose value the version has no room for, or empty.
template <class T>
std::string_view first_unsupported(const T& from, std::int16_t version) {
  std::string_view culprit;
  for_each_field<T>([&](const auto& f) {
    using F = std::decay_t<decltype(f)>;
    if (!culprit.empty()) return;
    const auto& value = from.*F::kMember;
    if (!f.versions.contains(version)) {
      if (!f.droppable && !(value == default_of(f))) culprit = f.name;
      return;
    }
    if constexpr (IsOptional<typename F::Type>::value) {
      if (!value && !f.null_in.contains(version)) culprit = f.name;
    }
    if (culprit.empty()) culprit = unsupported_in(f.name, value, version);
  });
  return culprit;
}

}  // namespace detail

/// Encodes and decodes one message type in every version that it has. `Message::kFlexible` tells in
/// which versions compact lengths and tagged sections are used. `version` must be one of
/// `Message::kVersions`: callers check that first, since an unknown one has an answer of its own.
///
/// The members are defined outside the class, so that they are not inline: users of a message then
/// call the one instantiation there is instead of compiling a copy of their own.
template <class Message>
struct MessageCodec {
  /// Reads one message. On failure `in` says what went wrong and in which field. Bytes behind the
  /// message are left unread.
  static Result<Message> decode(Reader& in, std::int16_t version);
  /// Writes one message behind whatever `out` has already. What the version has no room for is left
  /// out: see `check_version`. A string is cut at `kStringBytesMax`.
  static void encode(Writer& out, const Message& message, std::int16_t version);
  /// Adds to `out` what `encode` will write.
  static void measure(Sizer& out, const Message& message, std::int16_t version);
  /// Name of the first field whose value cannot be said in this version; empty when all can. A
  /// field that is `ignorable` may be dropped and is never named.
  static std::string_view check_version(const Message& message, std::int16_t version);

 private:
  static detail::Context context(std::int16_t version);
};

template <class Message>
Result<Message> MessageCodec<Message>::decode(Reader& in, std::int16_t version) {
  Message message;
  detail::read_struct(in, message, context(version));
  if (!in.ok()) return in.error();
  return message;
}

template <class Message>
void MessageCodec<Message>::encode(Writer& out, const Message& message, std::int16_t version) {
  detail::write_struct(out, message, context(version));
}

template <class Message>
void MessageCodec<Message>::measure(Sizer& out, const Message& message, std::int16_t version) {
  detail::write_struct(out, message, context(version));
}

template <class Message>
std::string_view MessageCodec<Message>::check_version(const Message& message,
                                                      std::int16_t version) {
  return detail::first_unsupported(message, version);
}

template <class Message>
detail::Context MessageCodec<Message>::context(std::int16_t version) {
  return {.version = version, .flexible = Message::kFlexible.contains(version)};
}

}  // namespace millrace::protocol

/// In a message's header: its codec and printer are compiled elsewhere. In its source file: here.
#define MILLRACE_DECLARE_CODEC(Message)                             \
  extern template struct millrace::protocol::MessageCodec<Message>; \
  extern template struct millrace::protocol::Printer<Message>
#define MILLRACE_MESSAGE_CODEC(Message)                      \
  template struct millrace::protocol::MessageCodec<Message>; \
  template struct millrace::protocol::Printer<Message>
