#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "broker/transaction/types.hpp"
#include "protocol/base/bytes.hpp"
#include "protocol/base/result.hpp"

/// Records of `__transaction_state`. In bytes:
///
///     key    0  2  record type: 0, the only one
///            2  .. fields of `TransactionLogKey`, version 0
///     value  0  2  version: 0 or 1; written is 1
///            2  .. fields of `TransactionLogValue` in that version
namespace millrace::broker {

struct DecodedTransaction {
  std::string transactional_id;
  std::optional<Transaction> transaction;  // none: a tombstone
};

/// The id must be at most 32,767 bytes long.
[[nodiscard]] TransactionRecord encode_transaction(std::string_view transactional_id,
                                                   const std::optional<Transaction>& transaction);
/// Nothing for a type or version that this build does not know. Errors are those of the wire
/// reader, and `corrupt_batch` for a state that is none.
[[nodiscard]] Result<std::optional<DecodedTransaction>> decode_transaction(
    Bytes key, std::optional<Bytes> value);

}  // namespace millrace::broker
