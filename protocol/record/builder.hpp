#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "protocol/base/bytes.hpp"
#include "protocol/base/result.hpp"
#include "protocol/base/types.hpp"
#include "protocol/record/batch.hpp"
#include "protocol/record/control.hpp"
#include "protocol/record/record.hpp"

namespace millrace::protocol {

/// Collects records and makes one batch of them. Copies what it is given. Not thread-safe.
class BatchBuilder {
 public:
  struct Producer {
    ProducerId id;
    ProducerEpoch epoch;
    Sequence base_sequence;
  };
  struct Options {
    Codec codec = Codec::none;
    std::optional<int> level;  ///< see `compress`
    TimestampType timestamp_type = TimestampType::create_time;
    std::optional<Producer> producer;
    bool transactional = false;
    Offset base_offset{0};  ///< 0 is what a leader expects of a producer
    std::optional<LeaderEpoch> leader_epoch;
  };

  BatchBuilder() = default;
  explicit BatchBuilder(Options options) : options_{options} {}

  /// Adds a record at the next offset delta. Without a timestamp it carries -1, "none".
  void add(std::optional<Timestamp> timestamp, std::optional<Bytes> key, std::optional<Bytes> value,
           std::span<const HeaderView> headers = {});

  [[nodiscard]] std::int32_t record_count() const { return count_; }
  [[nodiscard]] bool empty() const { return count_ == 0; }
  /// Bytes of the batch as it stands, before compression.
  [[nodiscard]] std::size_t size_estimate() const { return kBatchHeaderBytes + section_.size(); }
  /// By how much a record would grow `size_estimate`, at most.
  [[nodiscard]] static std::size_t record_size_max(std::optional<Bytes> key,
                                                   std::optional<Bytes> value,
                                                   std::span<const HeaderView> headers = {});

  /// An idempotent producer learns its sequence only when the batch is about to leave.
  void set_producer(std::optional<Producer> producer) { options_.producer = producer; }

  /// The batch, whole and with its CRC. The builder keeps its records, so a batch can be built
  /// again with another producer. There must be at least one record.
  [[nodiscard]] Result<std::vector<std::byte>> build() const;

 private:
  Options options_;
  std::vector<std::byte> section_;  // records, not compressed
  std::int32_t count_ = 0;
  std::int64_t base_timestamp_ = -1;
  std::int64_t max_timestamp_ = -1;
};

/// A whole batch of this header around records that are encoded, and compressed with the header's
/// codec, already.
[[nodiscard]] std::vector<std::byte> assemble_batch(const BatchHeader& header,
                                                    Bytes records_section);

struct ControlBatch {
  ControlType type = ControlType::abort;
  ProducerId producer_id;
  ProducerEpoch producer_epoch;
  std::int32_t coordinator_epoch = 0;
  Timestamp timestamp;
  Offset base_offset{0};
  std::optional<LeaderEpoch> leader_epoch;
};

/// The marker that ends a transaction on a partition: one record, transactional, without sequence.
/// `type` is abort or commit.
[[nodiscard]] std::vector<std::byte> build_control_batch(const ControlBatch& batch);

}  // namespace millrace::protocol
