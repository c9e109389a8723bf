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

/// Deletes topics.
struct DeleteTopicsRequest {
  static constexpr ApiKey kApiKey = ApiKey::delete_topics;
  static constexpr VersionRange kVersions{1, 6};
  static constexpr VersionRange kFlexible = from(4);

  struct DeleteTopicState {
    friend bool operator==(const DeleteTopicState&, const DeleteTopicState&) = default;
    std::optional<std::string> name;
    Uuid topic_id;

    static constexpr auto fields() {
      return std::tuple{field<&DeleteTopicState::name>("Name", from(6)).nullable(from(6)),
                        field<&DeleteTopicState::topic_id>("TopicId", from(6))};
    }
  };

  friend bool operator==(const DeleteTopicsRequest&, const DeleteTopicsRequest&) = default;
  std::vector<DeleteTopicState> topics;
  std::vector<std::string> topic_names;
  std::int32_t timeout_ms = 0;

  static constexpr auto fields() {
    return std::tuple{
        field<&DeleteTopicsRequest::topics>("Topics", from(6)),
        field<&DeleteTopicsRequest::topic_names>("TopicNames", between(0, 5)).ignorable(),
        field<&DeleteTopicsRequest::timeout_ms>("TimeoutMs", from(0))};
  }
};

/// Answer to `DeleteTopicsRequest`.
struct DeleteTopicsResponse {
  static constexpr ApiKey kApiKey = ApiKey::delete_topics;
  static constexpr VersionRange kVersions{1, 6};
  static constexpr VersionRange kFlexible = from(4);

  struct DeletableTopicResult {
    friend bool operator==(const DeletableTopicResult&, const DeletableTopicResult&) = default;
    std::optional<std::string> name = std::string{};
    Uuid topic_id;
    ErrorCode error_code = ErrorCode::none;
    std::optional<std::string> error_message;

    static constexpr auto fields() {
      return std::tuple{field<&DeletableTopicResult::name>("Name", from(0)).nullable(from(6)),
                        field<&DeletableTopicResult::topic_id>("TopicId", from(6)).ignorable(),
                        field<&DeletableTopicResult::error_code>("ErrorCode", from(0)),
                        field<&DeletableTopicResult::error_message>("ErrorMessage", from(5))
                            .nullable(from(5))
                            .ignorable()};
    }
  };

  friend bool operator==(const DeleteTopicsResponse&, const DeleteTopicsResponse&) = default;
  std::int32_t throttle_time_ms = 0;
  std::vector<DeletableTopicResult> responses;

  static constexpr auto fields() {
    return std::tuple{
        field<&DeleteTopicsResponse::throttle_time_ms>("ThrottleTimeMs", from(1)).ignorable(),
        field<&DeleteTopicsResponse::responses>("Responses", from(0))};
  }
};

}  // namespace millrace::protocol

MILLRACE_DECLARE_CODEC(millrace::protocol::DeleteTopicsRequest);
MILLRACE_DECLARE_CODEC(millrace::protocol::DeleteTopicsResponse);
