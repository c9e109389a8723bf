#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "protocol/base/bytes.hpp"
#include "protocol/base/result.hpp"
#include "protocol/base/types.hpp"
#include "protocol/errc.hpp"
#include "protocol/record/varint.hpp"

// One record of a decompressed records section (varint and varlong: see varint.hpp):
//
//   length          varint   bytes that follow
//   attributes      int8     unused, 0
//   timestamp delta varlong  from the batch's base timestamp
//   offset delta    varint   from the batch's base offset
//   key length      varint   -1 null, then the key
//   value length    varint   -1 null (a tombstone), then the value
//   header count    varint   then per header:
//     key length    varint   then the key, UTF-8
//     value length  varint   -1 null, then the value
namespace millrace::protocol {

/// A header of a record. The memory is somebody else's.
struct HeaderView {
  std::string_view key;
  std::optional<Bytes> value;
};
[[nodiscard]] bool operator==(const HeaderView& a, const HeaderView& b);

/// The headers of a record, decoded while they are walked. They were checked when the record was
/// read, so walking cannot fail. Valid as long as the records section is.
class HeaderRange {
 public:
  HeaderRange() = default;

  class Iterator {
   public:
    using value_type = HeaderView;
    using difference_type = std::ptrdiff_t;

    Iterator(Bytes bytes, std::int32_t left) : cursor_{bytes}, left_{left} { read(); }
    const HeaderView& operator*() const { return header_; }
    const HeaderView* operator->() const { return &header_; }
    Iterator& operator++() {
      --left_;
      read();
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const Iterator& it, std::default_sentinel_t) { return it.left_ == 0; }

   private:
    void read();
    VarintCursor cursor_;
    std::int32_t left_;
    HeaderView header_;
  };

  [[nodiscard]] Iterator begin() const { return {bytes_, count_}; }
  [[nodiscard]] static std::default_sentinel_t end() { return {}; }
  [[nodiscard]] std::int32_t size() const { return count_; }
  [[nodiscard]] bool empty() const { return count_ == 0; }
  /// As they stand in the record, behind the count; for copying a record unchanged.
  [[nodiscard]] Bytes encoded() const { return bytes_; }

 private:
  friend class RecordReader;
  HeaderRange(Bytes bytes, std::int32_t count) : bytes_{bytes}, count_{count} {}
  Bytes bytes_;
  std::int32_t count_ = 0;
};

/// One record as it stands in its batch; `BatchView::offset_of` and `timestamp_of` make the deltas
/// absolute. Valid as long as the records section is.
struct RecordView {
  std::int8_t attributes = 0;
  std::int64_t timestamp_delta = 0;
  std::int32_t offset_delta = 0;
  std::optional<Bytes> key;
  std::optional<Bytes> value;
  HeaderRange headers;
};

/// Reads a decompressed records section strictly: every record must fill its length exactly and
/// the records must fill the section exactly. Allocates nothing. The section outlives the reader.
class RecordReader {
 public:
  /// `record_count` comes from the batch header; a negative one counts as bad.
  RecordReader(Bytes section, std::int32_t record_count) : rest_{section}, left_{record_count} {}

  /// Next record. After the last one: `end_of_stream`, or `trailing_bytes` if the section goes on.
  /// A malformed record gives `truncated`, `bad_length`, `bad_varint`, or `trailing_bytes` if its
  /// fields end before its length does; do not go on reading behind an error.
  [[nodiscard]] Result<RecordView> next();
  /// Records not read yet, by the header's count.
  [[nodiscard]] std::int32_t left() const { return left_; }

 private:
  Bytes rest_;
  std::int32_t left_;
};

/// What to write as one record. The memory is the caller's.
struct RecordFields {
  std::int64_t timestamp_delta = 0;
  std::int32_t offset_delta = 0;
  std::optional<Bytes> key;
  std::optional<Bytes> value;
  std::span<const HeaderView> headers;
};

/// Bytes that `append_record` will add.
[[nodiscard]] std::size_t record_size(const RecordFields& record);
/// Appends the record to a records section under construction. The record must be smaller than
/// 2 GiB.
void append_record(std::vector<std::byte>& section, const RecordFields& record);
/// Appends a record that was read elsewhere with other deltas, headers and all.
void append_record_with_delta(std::vector<std::byte>& section, const RecordView& record,
                              std::int64_t timestamp_delta, std::int32_t offset_delta);

}  // namespace millrace::protocol
