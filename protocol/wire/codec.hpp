#pragma once

#include <iterator>
#include <string>
#include <type_traits>

#include "protocol/base/result.hpp"
#include "protocol/wire/reader.hpp"
#include "protocol/wire/schema.hpp"
#include "protocol/wire/writer.hpp"

/// The walkers over a message's field list: reader, writer and sizer. `printer.hpp` and
/// `generator.hpp` hold the other two. Templates are instantiated once per message, in the
/// message's own source file (`MILLRACE_MESSAGE_CODEC`).
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
    if (f.versions.contains(context.version) && !f.tagged_in.contains(context.version)) {
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

template <class F, class T>
void read_value(Reader& in, const F& f, T& to, const Context& context, bool in_tag) {
  if constexpr (IsOptional<T>::value) {
    using Inner = typename T::value_type;
    bool present = true;
    if constexpr (Described<Inner>) {
      present = in_tag ? in.unsigned_varint() != 0 : in.integer<std::int8_t>() >= 0;
    }
    Inner value{};
    if (present && in.ok()) present = read_present(in, value, context);
    if (!in.ok()) return;
    if (!present && !f.null_in.contains(context.version)) return in.fail(Errc::null_not_allowed);
    if (present) {
      to = std::move(value);
    } else {
      to.reset();
    }
  } else {
    if (!read_present(in, to, context)) in.fail(Errc::null_not_allowed);
  }
}

template <class T>
void read_struct(Reader& in, T& to, const Context& context) {
  for_each_field<T>([&](const auto& f) {
    using F = std::decay_t<decltype(f)>;
    if (!f.versions.contains(context.version) || f.tagged_in.contains(context.version)) return;
    if (!in.ok()) return;
    in.enter_field(f.name);
    read_value(in, f, to.*F::kMember, context, false);
  });
  if (!context.flexible || !in.ok()) return;
  in.tagged_section([&]([[maybe_unused]] std::uint32_t tag) {
    if constexpr (has_tagged_fields<T>()) {
      for_each_field<T>([&](const auto& f) {
        using F = std::decay_t<decltype(f)>;
        if (f.tag < 0 || static_cast<std::uint32_t>(f.tag) != tag) return;
        if (!f.tagged_in.contains(context.version)) return;
        in.enter_field(f.name);
        read_value(in, f, to.*F::kMember, context, true);
      });
    }
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

template <class Out, class T>
void write_present(Out& out, const T& from, const Context& context) {
  if constexpr (std::is_same_v<T, std::string>) {
    write_length(out, from.size(), context.flexible, true);
    out.raw(as_bytes(from));
  } else if constexpr (std::is_same_v<T, SharedBytes>) {
    write_length(out, from.size(), context.flexible, false);
    out.chain(BytesChain{from});
  } else if constexpr (std::is_same_v<T, BytesChain>) {
    write_length(out, from.size(), context.flexible, false);
    out.chain(from);
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
      const bool present = from.has_value() || !may_be_null;
      if (in_tag) {
        out.unsigned_varint(present ? 1 : 0);
      } else {
        out.integer(static_cast<std::int8_t>(present ? 1 : -1));
      }
      if (present) write_present(out, from ? *from : Inner{}, context);
    } else if (from) {
      write_present(out, *from, context);
    } else if (may_be_null) {
      write_null(out, context.flexible, std::is_same_v<Inner, std::string>);
    } else {
      write_present(out, Inner{}, context);  // `check_version` tells callers who care
    }
  } else {
    write_present(out, from, context);
  }
}

template <class F, class T>
bool is_sent_as_tag(const F& f, const T& value, const Context& context) {
  return f.tag >= 0 && f.versions.contains(context.version) &&
         f.tagged_in.contains(context.version) && !(value == default_of(f));
}

template <class Out, class T>
void write_struct(Out& out, const T& from, const Context& context) {
  for_each_field<T>([&](const auto& f) {
    using F = std::decay_t<decltype(f)>;
    if (!f.versions.contains(context.version) || f.tagged_in.contains(context.version)) return;
    write_value(out, f, from.*F::kMember, context, false);
  });
  if (!context.flexible) return;
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

/// First field whose value the version has no room for, or empty.
template <class T>
std::string_view first_unsupported(const T& from, const Context& context) {
  std::string_view culprit;
  for_each_field<T>([&](const auto& f) {
    using F = std::decay_t<decltype(f)>;
    using Type = typename F::Type;
    if (!culprit.empty()) return;
    const auto& value = from.*F::kMember;
    if (!f.versions.contains(context.version)) {
      if (!f.droppable && !(value == default_of(f))) culprit = f.name;
      return;
    }
    if constexpr (IsOptional<Type>::value) {
      if (!value && !f.null_in.contains(context.version)) culprit = f.name;
    } else if constexpr (Described<Type>) {
      culprit = first_unsupported(value, context);
    } else if constexpr (IsVector<Type>::value) {
      if constexpr (Described<typename Type::value_type>) {
        for (const auto& element : value) {
          if (culprit.empty()) culprit = first_unsupported(element, context);
        }
      }
    }
  });
  return culprit;
}

}  // namespace detail

/// Encodes and decodes one message type in every version that it has. `Message::kFlexible` tells in
/// which versions compact lengths and tagged sections are used.
template <class Message>
struct MessageCodec {
  /// Reads one message. On failure `in` says what went wrong and in which field. Bytes behind the
  /// message are left unread.
  static Result<Message> decode(Reader& in, std::int16_t version) {
    Message message;
    detail::read_struct(in, message, context(version));
    if (!in.ok()) return in.error();
    return message;
  }
  /// Writes one message behind whatever `out` has already.
  static void encode(Writer& out, const Message& message, std::int16_t version) {
    detail::write_struct(out, message, context(version));
  }
  static void measure(Sizer& out, const Message& message, std::int16_t version) {
    detail::write_struct(out, message, context(version));
  }
  /// Name of the first field whose value cannot be said in this version; empty when all can.
  static std::string_view check_version(const Message& message, std::int16_t version) {
    return detail::first_unsupported(message, context(version));
  }

 private:
  static detail::Context context(std::int16_t version) {
    return {.version = version, .flexible = Message::kFlexible.contains(version)};
  }
};

}  // namespace millrace::protocol

/// In a message's header: its codec is compiled elsewhere. In its source file: here.
#define MILLRACE_DECLARE_CODEC(Message) extern template struct millrace::protocol::MessageCodec<Message>
#define MILLRACE_MESSAGE_CODEC(Message) template struct millrace::protocol::MessageCodec<Message>
