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

/// Deletes groups that have no members.
struct DeleteGroupsRequest {
  static constexpr ApiKey kApiKey = ApiKey::delete_groups;
  static constexpr VersionRange kVersions{0, 2};
  static constexpr VersionRange kFlexible = from(2);

  friend bool operator==(const DeleteGroupsRequest&, const DeleteGroupsRequest&) = default;
  std::vector<std::string> groups_names;

  static constexpr auto fields() {
    return std::tuple{field<&DeleteGroupsRequest::groups_names>("GroupsNames", from(0))};
  }
};

/// Answer to `DeleteGroupsRequest`.
struct DeleteGroupsResponse {
  static constexpr ApiKey kApiKey = ApiKey::delete_groups;
  static constexpr VersionRange kVersions{0, 2};
  static constexpr VersionRange kFlexible = from(2);

  struct DeletableGroupResult {
    friend bool operator==(const DeletableGroupResult&, const DeletableGroupResult&) = default;
    std::string group_id;
    ErrorCode error_code = ErrorCode::none;

    static constexpr auto fields() {
      return std::tuple{field<&DeletableGroupResult::group_id>("GroupId", from(0)),
                        field<&DeletableGroupResult::error_code>("ErrorCode", from(0))};
    }
  };

  friend bool operator==(const DeleteGroupsResponse&, const DeleteGroupsResponse&) = default;
  std::int32_t throttle_time_ms = 0;
  std::vector<DeletableGroupResult> results;

  static constexpr auto fields() {
    return std::tuple{field<&DeleteGroupsResponse::throttle_time_ms>("ThrottleTimeMs", from(0)),
                      field<&DeleteGroupsResponse::results>("Results", from(0))};
  }
};

}  // namespace millrace::protocol

MILLRACE_DECLARE_CODEC(millrace::protocol::DeleteGroupsRequest);
MILLRACE_DECLARE_CODEC(millrace::protocol::DeleteGroupsResponse);
