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

/// The transactions that a coordinator knows.
struct ListTransactionsRequest {
  static constexpr ApiKey kApiKey = ApiKey::list_transactions;
  static constexpr VersionRange kVersions{0, 1};
  static constexpr VersionRange kFlexible = from(0);

  friend bool operator==(const ListTransactionsRequest&, const ListTransactionsRequest&) = default;
  std::vector<std::string> state_filters;
  std::vector<std::int64_t> producer_id_filters;
  std::int64_t duration_filter = -1;

  static constexpr auto fields() {
    return std::tuple{
        field<&ListTransactionsRequest::state_filters>("StateFilters", from(0)),
        field<&ListTransactionsRequest::producer_id_filters>("ProducerIdFilters", from(0)),
        field<&ListTransactionsRequest::duration_filter>("DurationFilter", from(1))};
  }
};

/// Answer to `ListTransactionsRequest`.
struct ListTransactionsResponse {
  static constexpr ApiKey kApiKey = ApiKey::list_transactions;
  static constexpr VersionRange kVersions{0, 1};
  static constexpr VersionRange kFlexible = from(0);

  struct TransactionState {
    friend bool operator==(const TransactionState&, const TransactionState&) = default;
    std::string transactional_id;
    std::int64_t producer_id = 0;
    std::string transaction_state;

    static constexpr auto fields() {
      return std::tuple{field<&TransactionState::transactional_id>("TransactionalId", from(0)),
                        field<&TransactionState::producer_id>("ProducerId", from(0)),
                        field<&TransactionState::transaction_state>("TransactionState", from(0))};
    }
  };

  friend bool operator==(const ListTransactionsResponse&,
                         const ListTransactionsResponse&) = default;
  std::int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::none;
  std::vector<std::string> unknown_state_filters;
  std::vector<TransactionState> transaction_states;

  static constexpr auto fields() {
    return std::tuple{
        field<&ListTransactionsResponse::throttle_time_ms>("ThrottleTimeMs", from(0)),
        field<&ListTransactionsResponse::error_code>("ErrorCode", from(0)),
        field<&ListTransactionsResponse::unknown_state_filters>("UnknownStateFilters", from(0)),
        field<&ListTransactionsResponse::transaction_states>("TransactionStates", from(0))};
  }
};

}  // namespace millrace::protocol

MILLRACE_DECLARE_CODEC(millrace::protocol::ListTransactionsRequest);
MILLRACE_DECLARE_CODEC(millrace::protocol::ListTransactionsResponse);
