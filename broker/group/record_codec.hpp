#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "protocol/base/bytes.hpp"
#include "protocol/base/result.hpp"
#include "protocol/errc.hpp"
#include "protocol/wire/codec.hpp"

/// Keys and values of `__consumer_offsets`: a number of 16 bits, then the fields of a message.
namespace millrace::broker {

/// `prefix` is the record type of a key or the version of a value.
template <class Message>
std::vector<std::byte> encode_prefixed(std::int16_t prefix, const Message& message,
                                       std::int16_t version) {
  protocol::Sizer size;
  size.integer(prefix);
  protocol::MessageCodec<Message>::measure(size, message, version);
  protocol::Writer out{size.own()};
  out.integer(prefix);
  protocol::MessageCodec<Message>::encode(out, message, version);
  return std::move(out).finish().flatten();
}

/// What stands behind the prefix; nothing may follow it.
template <class Message>
Result<Message> decode_rest(protocol::Reader& in, std::int16_t version) {
  auto message = protocol::MessageCodec<Message>::decode(in, version);
  if (message && in.remaining() != 0) return protocol::Errc::trailing_bytes;
  return message;
}

/// Nothing when the version is one that this build does not know.
template <class Message>
Result<std::optional<Message>> decode_value(Bytes value) {
  protocol::Reader in{SharedBytes::copy_of(value)};
  const auto version = in.integer<std::int16_t>();
  if (!in.ok()) return in.error();
  if (!Message::kVersions.contains(version)) return std::optional<Message>{};
  auto message = decode_rest<Message>(in, version);
  if (!message) return message.error();
  return std::optional<Message>{*std::move(message)};
}

}  // namespace millrace::broker
