#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "clients/fetched.hpp"
#include "clients/offset_lookup.hpp"
#include "protocol/messages/fetch.hpp"

namespace millrace::clients {

/// What one partition of a Fetch answer came to.
struct DecodedPartition {
  std::vector<FetchedBatch> batches;  // that have something for an application, in order
  Offset next_offset;                 // from where to fetch on
  std::optional<ClientError> error;   // what is at `next_offset` does not verify
};

struct DecodeRules {
  Isolation isolation = Isolation::read_uncommitted;
  std::size_t decompressed_bytes_max = 0;
};

/// Verifies, decompresses and filters the batches of an answer for `source` that was asked from
/// `position` on. Control batches are dropped, and with read_committed the batches of transactions
/// that the answer lists as aborted: from the offset where such a transaction begins until its
/// producer's abort marker. A batch cut off at the end is left for the next fetch.
[[nodiscard]] DecodedPartition decode_partition(
    const std::shared_ptr<const TopicPartition>& source,
    const protocol::FetchResponse::FetchableTopicResponse::PartitionData& data, Offset position,
    const DecodeRules& rules);

}  // namespace millrace::clients
