#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <ostream>

#include "protocol/base/bytes.hpp"
#include "protocol/base/result.hpp"
#include "protocol/base/types.hpp"
#include "protocol/errc.hpp"

// The record batch (magic 2), big-endian. It has this form on the wire and on disk:
//
//    0  base offset       int64   of the first record; outside the CRC
//    8  length            int32   of what follows: the whole batch is this + 12
//   12  leader epoch      int32   stamped by the leader, -1 from a producer; outside the CRC
//   16  magic             int8    2; at this place in the older formats as well
//   17  CRC               uint32  CRC-32C of everything from byte 21 on
//   21  attributes        int16   bits 0-2 codec, 3 timestamp type (1 = log append time),
//                                 4 transactional, 5 control, 6 base timestamp is a delete horizon
//   23  last offset delta int32   last offset = base offset + this, even when records are gone
//   27  base timestamp    int64   of the first record in ms, -1 none; or the delete horizon
//   35  max timestamp     int64   of all records; the append time if bit 3 is set
//   43  producer id       int64   -1 none
//   51  producer epoch    int16   -1 none
//   53  base sequence     int32   -1 none
//   57  record count      int32   fewer than last offset delta + 1 after compaction, even 0
//   61  records                   one compressed stream unless the codec is none
namespace millrace::protocol {

inline constexpr std::size_t kBatchHeaderBytes = 61;
/// What a batch has in front of the part that its length field counts.
inline constexpr std::size_t kBatchOverheadBytes = 12;
inline constexpr std::int8_t kBatchMagic = 2;

enum class Codec : std::uint8_t { none, gzip, snappy, lz4, zstd };
inline constexpr std::uint8_t kCodecMax = 4;
std::ostream& operator<<(std::ostream& out, Codec codec);

enum class TimestampType : std::uint8_t { create_time, log_append_time };
std::ostream& operator<<(std::ostream& out, TimestampType type);

/// The header of a batch as a value; -1 on the wire is an empty optional here. Length, magic and
/// CRC are not in it: they follow from the rest.
struct BatchHeader {
  Offset base_offset;
  std::optional<LeaderEpoch> leader_epoch;
  Codec codec = Codec::none;
  TimestampType timestamp_type = TimestampType::create_time;
  bool transactional = false;
  bool control = false;
  bool has_delete_horizon = false;
  std::int32_t last_offset_delta = 0;
  std::optional<Timestamp> base_timestamp;
  std::optional<Timestamp> max_timestamp;
  std::optional<ProducerId> producer_id;
  std::optional<ProducerEpoch> producer_epoch;
  std::optional<Sequence> base_sequence;
  std::int32_t record_count = 0;

  friend bool operator==(const BatchHeader&, const BatchHeader&) = default;
  friend std::ostream& operator<<(std::ostream& out, const BatchHeader& header);
};

/// Reads the fields of exactly one whole batch in place. Comes from `parse_batch`, which has
/// checked that the header is there, the length right and the magic 2, and nothing more: the
/// fields may hold anything until `crc_ok` and the caller's own rules have said otherwise. Valid
/// as long as the bytes are. Copying it costs nothing.
class BatchView {
 public:
  [[nodiscard]] Bytes bytes() const { return bytes_; }
  [[nodiscard]] std::size_t size_bytes() const { return bytes_.size(); }

  [[nodiscard]] Offset base_offset() const { return Offset{at<std::int64_t>(0)}; }
  [[nodiscard]] Offset last_offset() const;
  [[nodiscard]] Offset next_offset() const;
  [[nodiscard]] std::optional<LeaderEpoch> leader_epoch() const;
  [[nodiscard]] std::uint32_t crc() const { return at<std::uint32_t>(17); }
  [[nodiscard]] std::uint16_t attributes() const { return at<std::uint16_t>(21); }
  /// May be a value above `kCodecMax`; `decompress` then says `unsupported_codec`.
  [[nodiscard]] Codec codec() const { return static_cast<Codec>(attributes() & 0x07); }
  [[nodiscard]] TimestampType timestamp_type() const {
    return static_cast<TimestampType>((attributes() >> 3) & 1);
  }
  [[nodiscard]] bool is_transactional() const { return (attributes() & 0x10) != 0; }
  [[nodiscard]] bool is_control() const { return (attributes() & 0x20) != 0; }
  [[nodiscard]] bool has_delete_horizon() const { return (attributes() & 0x40) != 0; }
  [[nodiscard]] std::int32_t last_offset_delta() const { return at<std::int32_t>(23); }
  /// The raw field: what the records' deltas count from, or the delete horizon; -1 none.
  [[nodiscard]] Timestamp base_timestamp() const { return Timestamp{at<std::int64_t>(27)}; }
  /// -1 none.
  [[nodiscard]] Timestamp max_timestamp() const { return Timestamp{at<std::int64_t>(35)}; }
  /// When tombstones and markers of this batch may go; set by compaction only.
  [[nodiscard]] std::optional<Timestamp> delete_horizon() const;
  [[nodiscard]] std::optional<ProducerId> producer_id() const;
  [[nodiscard]] std::optional<ProducerEpoch> producer_epoch() const;
  [[nodiscard]] std::optional<Sequence> base_sequence() const;
  /// Base sequence + last offset delta, wrapped; empty without a base sequence.
  [[nodiscard]] std::optional<Sequence> last_sequence() const;
  /// Not checked against anything; may be negative in a batch from outside.
  [[nodiscard]] std::int32_t record_count() const { return at<std::int32_t>(57); }
  /// What follows the header, still compressed.
  [[nodiscard]] Bytes records_section() const { return bytes_.subspan(kBatchHeaderBytes); }
  [[nodiscard]] bool crc_ok() const;
  [[nodiscard]] BatchHeader header() const;

  /// Where and when the record with these deltas is, in the terms of this batch.
  [[nodiscard]] Offset offset_of(std::int32_t offset_delta) const;
  [[nodiscard]] Timestamp timestamp_of(std::int64_t timestamp_delta) const;

 private:
  friend Result<BatchView> parse_batch(Bytes bytes);
  explicit BatchView(Bytes bytes) : bytes_{bytes} {}
  template <class Int>
  [[nodiscard]] Int at(std::size_t position) const {
    return load_be<Int>(bytes_.data() + position);
  }

  Bytes bytes_;  // bytes_.size() == length field + 12 >= kBatchHeaderBytes
};

/// The first batch of a run, without looking behind it. `truncated`: the bytes end before the
/// batch does. `bad_magic`: a message set of an old format (see legacy.hpp) or nothing we know.
/// `bad_length`: a length field that no batch can have. The checksum is not verified.
[[nodiscard]] Result<BatchView> parse_batch(Bytes bytes);

/// Walks batches that follow one another, as a fetch answer or a stretch of a segment holds them:
///
///   BatchRun run{bytes};
///   for (const BatchView batch : run) ...
///   if (run.error()) ...
///
/// A batch cut off by the end of the bytes is left out silently, which is what readers of a fetch
/// answer must do; `tail_bytes` says how much was left. Any other damage ends the walk and is told
/// by `error`. Not to be shared while walked.
class BatchRun {
 public:
  explicit BatchRun(Bytes bytes) : rest_{bytes} {}

  /// Next whole batch, or nothing at the end.
  [[nodiscard]] std::optional<BatchView> next();
  /// Why the walk ended early; `bad_length` or `bad_magic`. Not set for a cut-off tail.
  [[nodiscard]] ErrorInfo error() const { return error_; }
  /// Bytes behind the last batch returned.
  [[nodiscard]] std::size_t tail_bytes() const { return rest_.size(); }

  class Iterator {
   public:
    explicit Iterator(BatchRun& run) : run_{&run}, batch_{run.next()} {}
    BatchView operator*() const { return *batch_; }
    Iterator& operator++() {
      batch_ = run_->next();
      return *this;
    }
    friend bool operator==(const Iterator& it, std::default_sentinel_t) { return !it.batch_; }

   private:
    BatchRun* run_;
    std::optional<BatchView> batch_;
  };
  /// Starts where the walk stands; one walk per run.
  Iterator begin() { return Iterator{*this}; }
  static std::default_sentinel_t end() { return {}; }

 private:
  Bytes rest_;
  ErrorInfo error_;
};

/// Writes header, length and CRC around the records that already stand at byte 61 of `batch`,
/// which is exactly one whole batch.
void seal_batch(MutableBytes batch, const BatchHeader& header);

// The patches below work in place on exactly one whole batch of magic 2.

/// What the leader stamps on every append. Outside the CRC, so nothing is recomputed.
void patch_base_offset_and_epoch(MutableBytes batch, Offset base_offset, LeaderEpoch epoch);

/// Makes the batch one of log append time `now`: sets bit 3, the max timestamp and the CRC.
void patch_append_time(MutableBytes batch, Timestamp now);

/// Makes the batch one of create time with this max timestamp (-1 none): clears bit 3, sets the
/// max timestamp and the CRC.
void patch_max_timestamp(MutableBytes batch, Timestamp max_timestamp);

}  // namespace millrace::protocol
