#include "clients/fetch_decode.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "protocol/record/compression.hpp"
#include "protocol/record/control.hpp"

namespace millrace::clients {

namespace {

using PartitionData = protocol::FetchResponse::FetchableTopicResponse::PartitionData;
using Aborted = PartitionData::AbortedTransaction;

/// Knows, while batches are walked in order, which producers' transactions are aborted ones.
class AbortedFilter {
 public:
  explicit AbortedFilter(std::vector<Aborted> transactions) : ahead_{std::move(transactions)} {
    std::ranges::sort(ahead_, std::ranges::greater{}, &Aborted::first_offset);
  }

  bool drops(const protocol::BatchView& batch) {
    while (!ahead_.empty() && ahead_.back().first_offset <= batch.last_offset().value) {
      active_.insert(ProducerId{ahead_.back().producer_id});
      ahead_.pop_back();
    }
    const auto producer = batch.producer_id();
    if (!producer) return false;
    if (!batch.is_control()) return batch.is_transactional() && active_.contains(*producer);
    protocol::RecordReader records{batch.records_section(), batch.record_count()};
    const auto record = records.next();
    if (!record) return false;
    const auto marker = protocol::parse_control_record(*record);
    if (marker && marker->type == protocol::ControlType::abort) active_.erase(*producer);
    return false;  // control batches are dropped anyway
  }

 private:
  std::vector<Aborted> ahead_;  // latest first
  std::set<ProducerId> active_;
};

/// The records section in memory that is kept alive: the frame's own, or decompressed.
Result<SharedBytes> section_of(const protocol::BatchView& batch, const SharedBytes& frame,
                               std::size_t bytes_max) {
  const auto section = batch.records_section();
  if (batch.codec() == protocol::Codec::none) {
    return frame.slice(static_cast<std::size_t>(section.data() - frame.data()), section.size());
  }
  auto plain = protocol::decompress(batch.codec(), section, bytes_max);
  if (!plain) return plain.error();
  return SharedBytes::from(std::move(*plain));
}

ClientError corrupt(const TopicPartition& at, Offset offset, std::string_view why) {
  return {.code = Errc::corrupt_data,
          .message = fmt::format("the batch of {}-{} at offset {} does not verify: {}; seek behind "
                                 "it to go on without it",
                                 at.topic, at.partition.value, offset.value, why)};
}

}  // namespace

DecodedPartition decode_partition(const std::shared_ptr<const TopicPartition>& source,
                                  const PartitionData& data, Offset position,
                                  const DecodeRules& rules) {
  DecodedPartition decoded{.next_offset = position};
  if (!data.records || data.records->empty()) return decoded;
  const auto& links = data.records->links();
  const auto* const whole = std::get_if<SharedBytes>(&links.front());
  const auto frame =
      links.size() == 1 && whole ? *whole : SharedBytes::from(data.records->flatten());
  const bool committed_only = rules.isolation == Isolation::read_committed;
  AbortedFilter aborted{committed_only ? data.aborted_transactions.value_or(std::vector<Aborted>{})
                                       : std::vector<Aborted>{}};
  protocol::BatchRun run{frame.view()};
  for (const auto batch : run) {
    if (!batch.crc_ok()) {
      decoded.error = corrupt(*source, batch.base_offset(), "wrong checksum");
      return decoded;
    }
    const auto next = batch.next_offset();
    if (next <= position) continue;  // compaction may leave such a batch in front
    const bool dropped = aborted.drops(batch) || batch.is_control() || batch.record_count() == 0;
    if (!dropped) {
      auto section = section_of(batch, frame, rules.decompressed_bytes_max);
      if (!section) {
        decoded.error = corrupt(*source, batch.base_offset(), section.error().message());
        return decoded;
      }
      decoded.batches.emplace_back(source, batch.header(), std::move(*section), position, next);
    }
    decoded.next_offset = next;
  }
  if (run.error()) decoded.error = corrupt(*source, decoded.next_offset, run.error().message());
  return decoded;
}

}  // namespace millrace::clients
