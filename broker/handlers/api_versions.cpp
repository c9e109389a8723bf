#include <algorithm>

#include "broker/handlers/handlers.hpp"
#include "broker/node.hpp"

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
/// Before this version clients refuse a feature whose least level is 0 (KAFKA-17011).
constexpr std::int16_t kLevelZeroSince = 4;

/// Features of the cluster (KIP-584) that are on, each at its highest level.
void add_feature(protocol::ApiVersionsResponse& response, std::string name, std::int16_t level,
                 std::int16_t version) {
  const std::int16_t least = version >= kLevelZeroSince ? 0 : 1;
  response.supported_features.push_back({name, least, level});
  response.finalized_features.push_back({std::move(name), level, level});
  response.finalized_features_epoch = 0;
}

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
    if (handler.key == protocol::ApiKey::peer) continue;  // it is no client's business
    auto& api = response.api_keys.emplace_back();
    api.api_key = std::to_underlying(handler.key);
    api.min_version = handler.versions.first;
    api.max_version = handler.versions.last;
  }
  add_feature(response, "transaction.version", 2, context.version());
  if (context.node.settings.groups.consumer.offered) {
    add_feature(response, "group.version", 1, context.version());
  }
  co_return response;
}

}  // namespace millrace::broker
