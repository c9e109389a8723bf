#include "clients/record_times.hpp"

#include <fmt/format.h>

#include "clients/fetch_decode.hpp"
#include "protocol/messages/fetch.hpp"

namespace millrace::clients {

using protocol::ErrorCode;
using protocol::FetchRequest;
using protocol::FetchResponse;

namespace {

using PartitionData = FetchResponse::FetchableTopicResponse::PartitionData;
using Time = std::optional<Timestamp>;

/// A batch without records (markers, what compaction emptied) leads to the next; there are not many
/// in a row.
constexpr int kBatchesMax = 20;
constexpr std::size_t kDecompressedBytesMax = 64UL << 20;

const PartitionData* only_partition(const FetchResponse& response) {
  if (response.responses.empty() || response.responses.front().partitions.empty()) return nullptr;
  return &response.responses.front().partitions.front();
}

/// One byte is less than any batch, and the first batch comes whole.
FetchRequest request_for(const TopicPartition& at, Offset offset, const MetadataCache& metadata) {
  const auto* const info = metadata.partition(at);
  const auto epoch = info != nullptr && info->leader_epoch ? info->leader_epoch->value : -1;
  FetchRequest request{.max_wait_ms = 0, .min_bytes = 0, .max_bytes = 1};
  auto& topic = request.topics.emplace_back();
  topic.topic = at.topic;
  topic.partitions.push_back({.partition = at.partition.value,
                              .current_leader_epoch = epoch,
                              .fetch_offset = offset.value,
                              .partition_max_bytes = 1});
  return request;
}

net::Awaitable<Outcome<Time>> time_at(Client& client, TopicPartition at, Offset offset,
                                      Instant deadline) {
  constexpr auto kErrorOf = [](const FetchResponse& response) {
    const auto* const data = only_partition(response);
    return data == nullptr ? response.error_code : data->error_code;
  };
  const auto source = std::make_shared<const TopicPartition>(at);
  const auto where =
      fmt::format("fetching offset {} of {}-{}", offset.value, at.topic, at.partition.value);
  for (int i = 0; i < kBatchesMax; ++i) {
    auto request = request_for(at, offset, client.metadata());
    const auto response = co_await client.call_leader(at, std::move(request), deadline, kErrorOf);
    if (!response) co_return response.error();
    const auto* const data = only_partition(*response);
    if (data == nullptr) co_return malformed("the answer leaves the partition out", where);
    if (data->error_code == ErrorCode::offset_out_of_range) {
      const auto first = co_await look_up_ends(client, {at}, FromEarliest{},
                                               Isolation::read_uncommitted, deadline);
      if (!first) co_return first.error();
      if (first->at(at) <= offset) co_return Time{};  // behind the end
      offset = first->at(at);
      continue;
    }
    if (data->error_code != ErrorCode::none) co_return rejected(data->error_code, where);
    const DecodeRules rules{.decompressed_bytes_max = kDecompressedBytesMax};
    const auto decoded = decode_partition(source, *data, offset, rules);
    for (const auto& batch : decoded.batches) {
      FetchedBatch::Cursor cursor{batch};
      const auto item = cursor.next();
      if (!item) co_return item.error();
      if (*item) co_return Time{(*item)->timestamp};
    }
    if (decoded.error) co_return *decoded.error;
    if (decoded.next_offset <= offset) break;  // the end
    offset = decoded.next_offset;
  }
  co_return Time{};
}

}  // namespace

net::Awaitable<std::map<TopicPartition, Outcome<Time>>> look_up_record_times(
    Client& client, std::map<TopicPartition, Offset> offsets, Instant deadline) {
  std::map<TopicPartition, Outcome<Time>> times;
  for (const auto& [at, offset] : offsets) {
    auto time = co_await time_at(client, at, offset, deadline);
    times.insert_or_assign(at, std::move(time));
  }
  co_return times;
}

}  // namespace millrace::clients
