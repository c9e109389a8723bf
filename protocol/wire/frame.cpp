#include "protocol/wire/frame.hpp"

namespace millrace::protocol {
namespace {

void skip_tagged_section(Reader& in) {
  in.tagged_section([](std::uint32_t) { return false; });
}

}  // namespace

Result<RequestHeader> decode_request_header(Reader& in) {
  RequestHeader header;
  in.enter_field("RequestHeader");
  header.api_key = static_cast<ApiKey>(in.integer<std::int16_t>());
  header.api_version = in.integer<std::int16_t>();
  header.correlation_id = CorrelationId{in.integer<std::int32_t>()};
  if (!in.ok()) return in.error();
  const auto flexible = flexible_versions(header.api_key);
  if (!flexible) return header;
  in.enter_field("ClientId");
  const auto length = in.string_length(false);
  if (in.ok() && length >= 0) header.client_id = in.view(static_cast<std::size_t>(length));
  if (in.ok() && flexible->contains(header.api_version)) skip_tagged_section(in);
  if (!in.ok()) return in.error();
  return header;
}

Result<CorrelationId> decode_response_header(Reader& in, ApiKey key, std::int16_t version) {
  in.enter_field("ResponseHeader");
  const CorrelationId id{in.integer<std::int32_t>()};
  const auto flexible = flexible_versions(key);
  if (flexible && flexible->contains(version) && key != ApiKey::api_versions) {
    skip_tagged_section(in);
  }
  if (!in.ok()) return in.error();
  return id;
}

}  // namespace millrace::protocol
