#include "protocol/record/builder.hpp"

#include <algorithm>
#include <array>

#include "protocol/base/ensure.hpp"
#include "protocol/record/compression.hpp"

namespace millrace::protocol {

void BatchBuilder::add(std::optional<Timestamp> timestamp, std::optional<Bytes> key,
                       std::optional<Bytes> value, std::span<const HeaderView> headers) {
  ENSURE(count_ < INT32_MAX);
  const std::int64_t at = timestamp ? timestamp->value : -1;
  if (count_ == 0) base_timestamp_ = at;
  max_timestamp_ = std::max(max_timestamp_, at);
  // Wraps, as readers do when they add the delta again.
  const auto delta = static_cast<std::int64_t>(static_cast<std::uint64_t>(at) -
                                               static_cast<std::uint64_t>(base_timestamp_));
  append_record(section_, {.timestamp_delta = delta,
                           .offset_delta = count_,
                           .key = key,
                           .value = value,
                           .headers = headers});
  ++count_;
}

std::size_t BatchBuilder::record_size_max(std::optional<Bytes> key, std::optional<Bytes> value,
                                          std::span<const HeaderView> headers) {
  return record_size({.timestamp_delta = INT64_MAX,
                      .offset_delta = INT32_MAX,
                      .key = key,
                      .value = value,
                      .headers = headers});
}

Result<std::vector<std::byte>> BatchBuilder::build() const {
  ENSURE(count_ > 0);
  BatchHeader header{
      .base_offset = options_.base_offset,
      .leader_epoch = options_.leader_epoch,
      .codec = options_.codec,
      .timestamp_type = options_.timestamp_type,
      .transactional = options_.transactional,
      .last_offset_delta = count_ - 1,
      .base_timestamp = Timestamp{base_timestamp_},
      .max_timestamp = Timestamp{max_timestamp_},
      .record_count = count_,
  };
  if (options_.producer) {
    header.producer_id = options_.producer->id;
    header.producer_epoch = options_.producer->epoch;
    header.base_sequence = options_.producer->base_sequence;
  }
  if (options_.codec == Codec::none) return assemble_batch(header, section_);
  const auto compressed = compress(options_.codec, section_, options_.level);
  if (!compressed) return compressed.error();
  return assemble_batch(header, *compressed);
}

std::vector<std::byte> assemble_batch(const BatchHeader& header, Bytes records_section) {
  std::vector<std::byte> batch;
  batch.reserve(kBatchHeaderBytes + records_section.size());
  batch.resize(kBatchHeaderBytes);
  batch.insert(batch.end(), records_section.begin(), records_section.end());
  seal_batch(batch, header);
  return batch;
}

std::vector<std::byte> build_control_batch(const ControlBatch& control) {
  ENSURE(control.type == ControlType::abort || control.type == ControlType::commit);
  std::array<std::byte, 4> key{};    // version 0, type
  std::array<std::byte, 6> value{};  // version 0, coordinator epoch
  store_be(key.data() + 2, static_cast<std::int16_t>(control.type));
  store_be(value.data() + 2, control.coordinator_epoch);
  std::vector<std::byte> section;
  append_record(section, {.key = Bytes{key}, .value = Bytes{value}});
  return assemble_batch({.base_offset = control.base_offset,
                         .leader_epoch = control.leader_epoch,
                         .transactional = true,
                         .control = true,
                         .base_timestamp = control.timestamp,
                         .max_timestamp = control.timestamp,
                         .producer_id = control.producer_id,
                         .producer_epoch = control.producer_epoch,
                         .record_count = 1},
                        section);
}

}  // namespace millrace::protocol
