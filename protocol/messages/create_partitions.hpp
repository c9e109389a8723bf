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

/// Adds partitions to topics.
struct CreatePartitionsRequest {
  static constexpr ApiKey kApiKey = ApiKey::create_partitions;
  static constexpr VersionRange kVersions{0, 3};
  static constexpr VersionRange kFlexible = from(2);

  struct CreatePartitionsTopic {
    struct CreatePartitionsAssignment {
      friend bool operator==(const CreatePartitionsAssignment&,
                             const CreatePartitionsAssignment&) = default;
      std::vector<std::int32_t> broker_ids;

      static constexpr auto fields() {
        return std::tuple{field<&CreatePartitionsAssignment::broker_ids>("BrokerIds", from(0))};
      }
    };

    friend bool operator==(const CreatePartitionsTopic&, const CreatePartitionsTopic&) = default;
    std::string name;
    std::int32_t count = 0;
    std::optional<std::vector<CreatePartitionsAssignment>> assignments =
        std::vector<CreatePartitionsAssignment>{};

    static constexpr auto fields() {
      return std::tuple{
          field<&CreatePartitionsTopic::name>("Name", from(0)),
          field<&CreatePartitionsTopic::count>("Count", from(0)),
          field<&CreatePartitionsTopic::assignments>("Assignments", from(0)).nullable(from(0))};
    }
  };

  friend bool operator==(const CreatePartitionsRequest&, const CreatePartitionsRequest&) = default;
  std::vector<CreatePartitionsTopic> topics;
  std::int32_t timeout_ms = 0;
  bool validate_only = false;

  static constexpr auto fields() {
    return std::tuple{field<&CreatePartitionsRequest::topics>("Topics", from(0)),
                      field<&CreatePartitionsRequest::timeout_ms>("TimeoutMs", from(0)),
                      field<&CreatePartitionsRequest::validate_only>("ValidateOnly", from(0))};
  }
};

/// Answer to `CreatePartitionsRequest`.
struct CreatePartitionsResponse {
  static constexpr ApiKey kApiKey = ApiKey::create_partitions;
  static constexpr VersionRange kVersions{0, 3};
  static constexpr VersionRange kFlexible = from(2);

  struct CreatePartitionsTopicResult {
    friend bool operator==(const CreatePartitionsTopicResult&,
                           const CreatePartitionsTopicResult&) = default;
    std::string name;
    ErrorCode error_code = ErrorCode::none;
    std::optional<std::string> error_message;

    static constexpr auto fields() {
      return std::tuple{field<&CreatePartitionsTopicResult::name>("Name", from(0)),
                        field<&CreatePartitionsTopicResult::error_code>("ErrorCode", from(0)),
                        field<&CreatePartitionsTopicResult::error_message>("ErrorMessage", from(0))
                            .nullable(from(0))};
    }
  };

  friend bool operator==(const CreatePartitionsResponse&,
                         const CreatePartitionsResponse&) = default;
  std::int32_t throttle_time_ms = 0;
  std::vector<CreatePartitionsTopicResult> results;

  static constexpr auto fields() {
    return std::tuple{field<&CreatePartitionsResponse::throttle_time_ms>("ThrottleTimeMs", from(0)),
                      field<&CreatePartitionsResponse::results>("Results", from(0))};
  }
};

}  // namespace millrace::protocol

MILLRACE_DECLARE_CODEC(millrace::protocol::CreatePartitionsRequest);
MILLRACE_DECLARE_CODEC(millrace::protocol::CreatePartitionsResponse);
