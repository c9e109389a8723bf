#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "protocol/base/bytes.hpp"
#include "protocol/base/types.hpp"
#include "protocol/error_code.hpp"
#include "protocol/messages/api_key.hpp"
#include "protocol/wire/codec.hpp"
#include "protocol/wire/schema.hpp"

namespace millrace::protocol {

/// Lists the groups of a broker.
struct ListGroupsRequest {
  static constexpr ApiKey kApiKey = ApiKey::list_groups;
  static constexpr VersionRange kVersions{0, 5};
  static constexpr VersionRange kFlexible = from(3);

  friend bool operator==(const ListGroupsRequest&, const ListGroupsRequest&) = default;
  std::vector<std::string> states_filter;
  std::vector<std::string> types_filter;

  static constexpr auto fields() {
    return std::tuple{field<&ListGroupsRequest::states_filter>("StatesFilter", from(4)),
                      field<&ListGroupsRequest::types_filter>("TypesFilter", from(5))};
  }
};

/// Answer to `ListGroupsRequest`.
struct ListGroupsResponse {
  static constexpr ApiKey kApiKey = ApiKey::list_groups;
  static constexpr VersionRange kVersions{0, 5};
  static constexpr VersionRange kFlexible = from(3);

  struct ListedGroup {
    friend bool operator==(const ListedGroup&, const ListedGroup&) = default;
    std::string group_id;
    std::string protocol_type;
    std::string group_state;
    std::string group_type;

    static constexpr auto fields() {
      return std::tuple{field<&ListedGroup::group_id>("GroupId", from(0)),
                        field<&ListedGroup::protocol_type>("ProtocolType", from(0)),
                        field<&ListedGroup::group_state>("GroupState", from(4)).ignorable(),
                        field<&ListedGroup::group_type>("GroupType", from(5)).ignorable()};
    }
  };

  friend bool operator==(const ListGroupsResponse&, const ListGroupsResponse&) = default;
  std::int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::none;
  std::vector<ListedGroup> groups;

  static constexpr auto fields() {
    return std::tuple{
        field<&ListGroupsResponse::throttle_time_ms>("ThrottleTimeMs", from(1)).ignorable(),
        field<&ListGroupsResponse::error_code>("ErrorCode", from(0)),
        field<&ListGroupsResponse::groups>("Groups", from(0))};
  }
};

}  // namespace millrace::protocol

MILLRACE_DECLARE_CODEC(millrace::protocol::ListGroupsRequest);
MILLRACE_DECLARE_CODEC(millrace::protocol::ListGroupsResponse);
