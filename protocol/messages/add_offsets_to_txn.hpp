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

/// Adds a group's offsets to a transaction.
struct AddOffsetsToTxnRequest {
  static constexpr ApiKey kApiKey = ApiKey::add_offsets_to_txn;
  static constexpr VersionRange kVersions{0, 4};
  static constexpr VersionRange kFlexible = from(3);

  friend bool operator==(const AddOffsetsToTxnRequest&, const AddOffsetsToTxnRequest&) = default;
  std::string transactional_id;
  std::int64_t producer_id = 0;
  std::int16_t producer_epoch = 0;
  std::string group_id;

  static constexpr auto fields() {
    return std::tuple{field<&AddOffsetsToTxnRequest::transactional_id>("TransactionalId", from(0)),
                      field<&AddOffsetsToTxnRequest::producer_id>("ProducerId", from(0)),
                      field<&AddOffsetsToTxnRequest::producer_epoch>("ProducerEpoch", from(0)),
                      field<&AddOffsetsToTxnRequest::group_id>("GroupId", from(0))};
  }
};

/// Answer to `AddOffsetsToTxnRequest`.
struct AddOffsetsToTxnResponse {
  static constexpr ApiKey kApiKey = ApiKey::add_offsets_to_txn;
  static constexpr VersionRange kVersions{0, 4};
  static constexpr VersionRange kFlexible = from(3);

  friend bool operator==(const AddOffsetsToTxnResponse&, const AddOffsetsToTxnResponse&) = default;
  std::int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::none;

  static constexpr auto fields() {
    return std::tuple{field<&AddOffsetsToTxnResponse::throttle_time_ms>("ThrottleTimeMs", from(0)),
                      field<&AddOffsetsToTxnResponse::error_code>("ErrorCode", from(0))};
  }
};

}  // namespace millrace::protocol

MILLRACE_DECLARE_CODEC(millrace::protocol::AddOffsetsToTxnRequest);
MILLRACE_DECLARE_CODEC(millrace::protocol::AddOffsetsToTxnResponse);
