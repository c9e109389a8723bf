#include "clients/negotiation.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "protocol/wire/frame.hpp"

namespace millrace::clients {

using protocol::ApiKey;
using protocol::ApiVersionsRequest;
using protocol::ApiVersionsResponse;
using protocol::ErrorCode;

ApiVersionTable::ApiVersionTable(const ApiVersionsResponse& response) {
  ranges_.reserve(response.api_keys.size());
  for (const auto& api : response.api_keys) {
    ranges_.emplace_back(static_cast<ApiKey>(api.api_key),
                         protocol::VersionRange{api.min_version, api.max_version});
  }
  std::ranges::sort(ranges_, {}, [](const auto& entry) { return entry.first; });
  features_epoch_ = response.finalized_features_epoch;
  for (const auto& feature : response.finalized_features)
    features_.emplace_back(feature.name, feature.max_version_level);
}

std::int16_t ApiVersionTable::feature_level(std::string_view name) const {
  for (const auto& [known, level] : features_)
    if (known == name) return level;
  return 0;
}

std::optional<protocol::VersionRange> ApiVersionTable::range(ApiKey key) const {
  const auto found =
      std::ranges::lower_bound(ranges_, key, {}, [](const auto& entry) { return entry.first; });
  if (found == ranges_.end() || found->first != key) return std::nullopt;
  return found->second;
}

std::optional<std::int16_t> ApiVersionTable::choose(ApiKey key, protocol::VersionRange ours) const {
  const auto theirs = range(key);
  if (!theirs) return std::nullopt;
  const auto highest = std::min(ours.last, theirs->last);
  if (highest < ours.first || highest < theirs->first) return std::nullopt;
  return highest;
}

Negotiation::Step Negotiation::start() {
  asked_ = ApiVersionsRequest::kVersions.last;
  return Ask{asked_};
}

Negotiation::Step Negotiation::answered(const SharedBytes& frame) {
  const auto where = fmt::format("ApiVersions to {}", peer_);
  const auto read = [&](std::int16_t version) -> std::optional<ApiVersionsResponse> {
    protocol::Reader in{frame};
    const auto id = protocol::decode_response_header(in, ApiKey::api_versions, version);
    if (!id) return std::nullopt;
    auto response = protocol::MessageCodec<ApiVersionsResponse>::decode(in, version);
    if (!response) return std::nullopt;
    return std::move(*response);
  };
  // The refusal of a version is in version 0, whatever was asked; its first field stands at the
  // same place in all versions.
  constexpr std::size_t kErrorCodeAt = 4;
  const bool refused =
      frame.size() >= kErrorCodeAt + 2 && load_be<std::int16_t>(frame.data() + kErrorCodeAt) ==
                                              std::to_underlying(ErrorCode::unsupported_version);
  const auto response = read(refused ? std::int16_t{0} : asked_);
  if (!response) return malformed("the answer is not one to ApiVersions", where);
  if (!refused) {
    if (response->error_code != ErrorCode::none) return rejected(response->error_code, where);
    return ApiVersionTable{*response};
  }
  if (fell_back_) {
    return ClientError{.code = Errc::unsupported,
                       .broker_code = ErrorCode::unsupported_version,
                       .message = where + ": the broker refuses every version of it"};
  }
  fell_back_ = true;
  const ApiVersionTable known{*response};
  asked_ = known.choose(ApiKey::api_versions, ApiVersionsRequest::kVersions).value_or(0);
  return Ask{asked_};
}

}  // namespace millrace::clients
