#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "clients/errc.hpp"
#include "protocol/base/bytes.hpp"
#include "protocol/base/types.hpp"
#include "protocol/record/batch.hpp"
#include "protocol/record/record.hpp"

namespace millrace::clients {

/// A record as it was fetched. Key and value are slices of the answer's frame (or of the
/// decompressed batch) and keep it alive: copy what is kept for long.
struct ConsumedRecord {
  struct Header {
    std::string key;
    std::optional<SharedBytes> value;
    friend bool operator==(const Header&, const Header&) = default;
  };
  std::shared_ptr<const TopicPartition> source;
  Offset offset;
  Timestamp timestamp;
  protocol::TimestampType timestamp_type = protocol::TimestampType::create_time;
  std::optional<LeaderEpoch> leader_epoch;
  std::optional<SharedBytes> key;
  std::optional<SharedBytes> value;
  std::vector<Header> headers;

  [[nodiscard]] const std::string& topic() const { return source->topic; }
  [[nodiscard]] PartitionIndex partition() const { return source->partition; }
  [[nodiscard]] std::optional<std::string_view> key_text() const;
  [[nodiscard]] std::optional<std::string_view> value_text() const;
};
std::ostream& operator<<(std::ostream& out, const ConsumedRecord& record);

/// One batch that was fetched, verified and decompressed; its records are read in place, from
/// memory that the batch keeps alive. Copying it costs reference counts.
class FetchedBatch {
 public:
  struct Item {
    Offset offset;
    Timestamp timestamp;
    protocol::RecordView record;  // valid as long as the batch
  };

  FetchedBatch(std::shared_ptr<const TopicPartition> source, protocol::BatchHeader header,
               SharedBytes section, Offset first_wanted, Offset next_offset);

  [[nodiscard]] const std::shared_ptr<const TopicPartition>& source() const { return source_; }
  /// As it was stored. `record_count` counts also records in front of the position asked for.
  [[nodiscard]] const protocol::BatchHeader& header() const { return header_; }
  /// The position behind this batch; past its last record when some were compacted away.
  [[nodiscard]] Offset next_offset() const { return next_offset_; }
  /// Bytes of the records section, decompressed.
  [[nodiscard]] std::size_t size_bytes() const { return section_.size(); }

  /// Calls `visit` with every record not in front of the position asked for. `corrupt_data` when
  /// the section is not what its header says; records before the damage have been visited.
  template <class Visit>
  Outcome<void> for_each(Visit&& visit) const {
    Cursor cursor{*this};
    for (;;) {
      auto item = cursor.next();
      if (!item) return item.error();
      if (!*item) return {};
      visit(std::as_const(**item));
    }
  }

  /// Walks the records one at a time; the batch outlives it. Can be taken up again later.
  class Cursor {
   public:
    explicit Cursor(const FetchedBatch& batch);
    /// The next record, nothing behind the last one.
    Outcome<std::optional<Item>> next();

   private:
    const FetchedBatch* batch_;
    protocol::RecordReader reader_;
  };

  /// `item` of this batch as a value that keeps the memory alive by itself.
  [[nodiscard]] ConsumedRecord to_record(const Item& item) const;

 private:
  friend class Cursor;
  std::shared_ptr<const TopicPartition> source_;
  protocol::BatchHeader header_;
  SharedBytes section_;
  Offset first_wanted_;
  Offset next_offset_;
};

}  // namespace millrace::clients
