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

/// Commits or aborts a transaction.
struct EndTxnRequest {
  static constexpr ApiKey kApiKey = ApiKey::end_txn;
  static constexpr VersionRange kVersions{0, 5};
  static constexpr VersionRange kFlexible = from(3);

  friend bool operator==(const EndTxnRequest&, const EndTxnRequest&) = default;
  std::string transactional_id;
  std::int64_t producer_id = 0;
  std::int16_t producer_epoch = 0;
  bool committed = false;

  static constexpr auto fields() {
    return std::tuple{field<&EndTxnRequest::transactional_id>("TransactionalId", from(0)),
                      field<&EndTxnRequest::producer_id>("ProducerId", from(0)),
                      field<&EndTxnRequest::producer_epoch>("ProducerEpoch", from(0)),
                      field<&EndTxnRequest::committed>("Committed", from(0))};
  }
};

/// Answer to `EndTxnRequest`.
struct EndTxnResponse {
  static constexpr ApiKey kApiKey = ApiKey::end_txn;
  static constexpr VersionRange kVersions{0, 5};
  static constexpr VersionRange kFlexible = from(3);

  friend bool operator==(const EndTxnResponse&, const EndTxnResponse&) = default;
  std::int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::none;
  std::int64_t producer_id = -1;
  std::int16_t producer_epoch = -1;

  static constexpr auto fields() {
    return std::tuple{field<&EndTxnResponse::throttle_time_ms>("ThrottleTimeMs", from(0)),
                      field<&EndTxnResponse::error_code>("ErrorCode", from(0)),
                      field<&EndTxnResponse::producer_id>("ProducerId", from(5)).ignorable(),
                      field<&EndTxnResponse::producer_epoch>("ProducerEpoch", from(5)).ignorable()};
  }
};

}  // namespace millrace::protocol

MILLRACE_DECLARE_CODEC(millrace::protocol::EndTxnRequest);
MILLRACE_DECLARE_CODEC(millrace::protocol::EndTxnResponse);
