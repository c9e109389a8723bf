#pragma once

#include <cstdint>
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

/// Asks one broker for its data directories and what lies in them.
struct DescribeLogDirsRequest {
  static constexpr ApiKey kApiKey = ApiKey::describe_log_dirs;
  static constexpr VersionRange kVersions{0, 5};
  static constexpr VersionRange kFlexible = from(2);

  struct DescribableLogDirTopic {
    friend bool operator==(const DescribableLogDirTopic&, const DescribableLogDirTopic&) = default;
    std::string topic;
    std::vector<std::int32_t> partitions;

    static constexpr auto fields() {
      return std::tuple{field<&DescribableLogDirTopic::topic>("Topic", from(0)),
                        field<&DescribableLogDirTopic::partitions>("Partitions", from(0))};
    }
  };

  friend bool operator==(const DescribeLogDirsRequest&, const DescribeLogDirsRequest&) = default;
  std::optional<std::vector<DescribableLogDirTopic>> topics;  ///< null: all

  static constexpr auto fields() {
    return std::tuple{field<&DescribeLogDirsRequest::topics>("Topics", from(0)).nullable(from(0))};
  }
};

/// Answer to `DescribeLogDirsRequest`.
struct DescribeLogDirsResponse {
  static constexpr ApiKey kApiKey = ApiKey::describe_log_dirs;
  static constexpr VersionRange kVersions{0, 5};
  static constexpr VersionRange kFlexible = from(2);

  struct DescribeLogDirsResult {
    struct DescribeLogDirsTopic {
      struct DescribeLogDirsPartition {
        friend bool operator==(const DescribeLogDirsPartition&,
                               const DescribeLogDirsPartition&) = default;
        std::int32_t partition_index = 0;
        std::int64_t partition_size = 0;
        std::int64_t offset_lag = 0;
        bool is_future_key = false;

        static constexpr auto fields() {
          return std::tuple{
              field<&DescribeLogDirsPartition::partition_index>("PartitionIndex", from(0)),
              field<&DescribeLogDirsPartition::partition_size>("PartitionSize", from(0)),
              field<&DescribeLogDirsPartition::offset_lag>("OffsetLag", from(0)),
              field<&DescribeLogDirsPartition::is_future_key>("IsFutureKey", from(0))};
        }
      };

      friend bool operator==(const DescribeLogDirsTopic&, const DescribeLogDirsTopic&) = default;
      std::string name;
      std::vector<DescribeLogDirsPartition> partitions;

      static constexpr auto fields() {
        return std::tuple{field<&DescribeLogDirsTopic::name>("Name", from(0)),
                          field<&DescribeLogDirsTopic::partitions>("Partitions", from(0))};
      }
    };

    friend bool operator==(const DescribeLogDirsResult&, const DescribeLogDirsResult&) = default;
    ErrorCode error_code = ErrorCode::none;
    std::string log_dir;
    std::vector<DescribeLogDirsTopic> topics;
    std::int64_t total_bytes = -1;
    std::int64_t usable_bytes = -1;
    bool is_cordoned = false;

    static constexpr auto fields() {
      return std::tuple{field<&DescribeLogDirsResult::error_code>("ErrorCode", from(0)),
                        field<&DescribeLogDirsResult::log_dir>("LogDir", from(0)),
                        field<&DescribeLogDirsResult::topics>("Topics", from(0)),
                        field<&DescribeLogDirsResult::total_bytes>("TotalBytes", from(4)),
                        field<&DescribeLogDirsResult::usable_bytes>("UsableBytes", from(4)),
                        field<&DescribeLogDirsResult::is_cordoned>("IsCordoned", from(5))};
    }
  };

  friend bool operator==(const DescribeLogDirsResponse&, const DescribeLogDirsResponse&) = default;
  std::int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::none;
  std::vector<DescribeLogDirsResult> results;

  static constexpr auto fields() {
    return std::tuple{field<&DescribeLogDirsResponse::throttle_time_ms>("ThrottleTimeMs", from(0)),
                      field<&DescribeLogDirsResponse::error_code>("ErrorCode", from(3)),
                      field<&DescribeLogDirsResponse::results>("Results", from(0))};
  }
};

}  // namespace millrace::protocol

MILLRACE_DECLARE_CODEC(millrace::protocol::DescribeLogDirsRequest);
MILLRACE_DECLARE_CODEC(millrace::protocol::DescribeLogDirsResponse);
