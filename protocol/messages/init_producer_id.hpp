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

/// Gives a producer its id and epoch.
struct InitProducerIdRequest {
  static constexpr ApiKey kApiKey = ApiKey::init_producer_id;
  static constexpr VersionRange kVersions{0, 5};
  static constexpr VersionRange kFlexible = from(2);

  friend bool operator==(const InitProducerIdRequest&, const InitProducerIdRequest&) = default;
  std::optional<std::string> transactional_id = std::string{};
  std::int32_t transaction_timeout_ms = 0;
  std::int64_t producer_id = -1;
  std::int16_t producer_epoch = -1;

  static constexpr auto fields() {
    return std::tuple{
        field<&InitProducerIdRequest::transactional_id>("TransactionalId", from(0))
            .nullable(from(0)),
        field<&InitProducerIdRequest::transaction_timeout_ms>("TransactionTimeoutMs", from(0)),
        field<&InitProducerIdRequest::producer_id>("ProducerId", from(3)),
        field<&InitProducerIdRequest::producer_epoch>("ProducerEpoch", from(3))};
  }
};

/// Answer to `InitProducerIdRequest`.
struct InitProducerIdResponse {
  static constexpr ApiKey kApiKey = ApiKey::init_producer_id;
  static constexpr VersionRange kVersions{0, 5};
  static constexpr VersionRange kFlexible = from(2);

  friend bool operator==(const InitProducerIdResponse&, const InitProducerIdResponse&) = default;
  std::int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::none;
  std::int64_t producer_id = -1;
  std::int16_t producer_epoch = 0;

  static constexpr auto fields() {
    return std::tuple{
        field<&InitProducerIdResponse::throttle_time_ms>("ThrottleTimeMs", from(0)).ignorable(),
        field<&InitProducerIdResponse::error_code>("ErrorCode", from(0)),
        field<&InitProducerIdResponse::producer_id>("ProducerId", from(0)),
        field<&InitProducerIdResponse::producer_epoch>("ProducerEpoch", from(0))};
  }
};

}  // namespace millrace::protocol

MILLRACE_DECLARE_CODEC(millrace::protocol::InitProducerIdRequest);
MILLRACE_DECLARE_CODEC(millrace::protocol::InitProducerIdResponse);
