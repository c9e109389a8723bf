#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "protocol/base/bytes.hpp"
#include "protocol/base/ensure.hpp"
#include "protocol/base/result.hpp"
#include "protocol/base/types.hpp"
#include "protocol/messages/api_key.hpp"
#include "protocol/wire/codec.hpp"

/// Every request and response travels in a frame:
///
///     0      4      size of what follows, int32
///     4      ...    header, then body
///
/// Request header (version 2 adds the tagged section; the client id is never compact):
///
///     0      2      API key
///     2      2      API version
///     4      4      correlation id
///     8      2+n    client id, nullable
///     ..     1+     tagged section, in flexible versions
///
/// Response header: correlation id, and in flexible versions a tagged section, except that the
/// answer to ApiVersions never has one, because its reader does not know yet what we speak.
namespace millrace::protocol {

inline constexpr std::size_t kFrameSizeBytes = 4;

struct RequestHeader {
  friend bool operator==(const RequestHeader&, const RequestHeader&) = default;
  ApiKey api_key{};  // as it came: may name no API
  std::int16_t api_version = 0;
  CorrelationId correlation_id;
  std::optional<std::string> client_id;
};

/// Reads the header at the start of a request frame (behind its size) and leaves `in` at the body.
/// Of a key that this build has no messages for only the fixed part is read and `client_id` stays
/// empty, because what follows cannot be told apart from the body. The version is not checked: one
/// that is too new has the newest header that we know.
Result<RequestHeader> decode_request_header(Reader& in);

/// Reads the header at the start of a response frame (behind its size) and leaves `in` at the body.
/// `key` and `version` are those of the request.
Result<CorrelationId> decode_response_header(Reader& in, ApiKey key, std::int16_t version);

namespace detail {

template <class Out>
void write_request_header(Out& out, const RequestHeader& header, bool flexible) {
  out.integer(std::to_underlying(header.api_key));
  out.integer(header.api_version);
  out.integer(header.correlation_id.value);
  if (header.client_id) {
    const std::string_view client_id = writable(*header.client_id);
    out.integer(static_cast<std::int16_t>(client_id.size()));
    out.raw(as_bytes(client_id));
  } else {
    out.integer(std::int16_t{-1});
  }
  if (flexible) out.unsigned_varint(0);
}

template <class Out>
void write_response_header(Out& out, CorrelationId id, ApiKey key, bool flexible) {
  out.integer(id.value);
  if (flexible && key != ApiKey::api_versions) out.unsigned_varint(0);
}

}  // namespace detail

/// A whole request frame, size included. `header.api_key` is taken from the message, the version
/// from `header`. The frame must stay below 2 GiB.
template <class Request>
EncodedMessage encode_request(RequestHeader header, const Request& request) {
  header.api_key = Request::kApiKey;
  const bool flexible = Request::kFlexible.contains(header.api_version);
  Sizer size;
  detail::write_request_header(size, header, flexible);
  MessageCodec<Request>::measure(size, request, header.api_version);
  ENSURE(size.total() <= std::numeric_limits<std::int32_t>::max());
  Writer out{kFrameSizeBytes + size.own()};
  out.integer(static_cast<std::int32_t>(size.total()));
  detail::write_request_header(out, header, flexible);
  MessageCodec<Request>::encode(out, request, header.api_version);
  return std::move(out).finish();
}

/// A whole response frame, size included, for a request of `version`. Below 2 GiB.
template <class Response>
EncodedMessage encode_response(CorrelationId id, std::int16_t version, const Response& response) {
  const bool flexible = Response::kFlexible.contains(version);
  Sizer size;
  detail::write_response_header(size, id, Response::kApiKey, flexible);
  MessageCodec<Response>::measure(size, response, version);
  ENSURE(size.total() <= std::numeric_limits<std::int32_t>::max());
  Writer out{kFrameSizeBytes + size.own()};
  out.integer(static_cast<std::int32_t>(size.total()));
  detail::write_response_header(out, id, Response::kApiKey, flexible);
  MessageCodec<Response>::encode(out, response, version);
  return std::move(out).finish();
}

}  // namespace millrace::protocol
