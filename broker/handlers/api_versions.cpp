#include <algorithm>

#include "broker/handlers/handlers.hpp"

namespace millrace::broker {
namespace {

/// KIP-511: [a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?
bool is_software_name(std::string_view text) {
  const auto alphanumeric = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  return !text.empty() && alphanumeric(text.front()) && alphanumeric(text.back()) &&
         std::ranges::all_of(text, [&](char c) { return alphanumeric(c) || c == '-' || c == '.'; });
}

constexpr std::int16_t kSoftwareNameSince = 3;

}  // namespace

net::Awaitable<ApiVersions::Response> ApiVersions::handle(Request request,
                                                          RequestContext& context) {
  Response response;
  if (context.version() >= kSoftwareNameSince &&
      !(is_software_name(request.client_software_name) &&
        is_software_name(request.client_software_version))) {
    response.error_code = protocol::ErrorCode::invalid_request;
    co_return response;
  }
  for (const Handler& handler : all_handlers()) {
    auto& api = response.api_keys.emplace_back();
    api.api_key = std::to_underlying(handler.key);
    api.min_version = handler.versions.first;
    api.max_version = handler.versions.last;
  }
  co_return response;
}

}  // namespace millrace::broker
