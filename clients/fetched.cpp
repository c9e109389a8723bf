#include "clients/fetched.hpp"

#include <fmt/format.h>

namespace millrace::clients {

std::optional<std::string_view> ConsumedRecord::key_text() const {
  return key ? std::optional{as_text(key->view())} : std::nullopt;
}

std::optional<std::string_view> ConsumedRecord::value_text() const {
  return value ? std::optional{as_text(value->view())} : std::nullopt;
}

std::ostream& operator<<(std::ostream& out, const ConsumedRecord& record) {
  return out << *record.source << '@' << record.offset << ' ' << record.key_text().value_or("null")
             << '=' << record.value_text().value_or("null");
}

FetchedBatch::FetchedBatch(std::shared_ptr<const TopicPartition> source,
                           protocol::BatchHeader header, SharedBytes section, Offset first_wanted,
                           Offset next_offset)
    : source_{std::move(source)},
      header_{header},
      section_{std::move(section)},
      first_wanted_{first_wanted},
      next_offset_{next_offset} {}

FetchedBatch::Cursor::Cursor(const FetchedBatch& batch)
    : batch_{&batch}, reader_{batch.section_.view(), batch.header_.record_count} {}

Outcome<std::optional<FetchedBatch::Item>> FetchedBatch::Cursor::next() {
  const auto& header = batch_->header_;
  for (;;) {
    auto record = reader_.next();
    if (!record) {
      if (record.error() == protocol::Errc::end_of_stream) return std::optional<Item>{};
      return ClientError{
          .code = Errc::corrupt_data,
          .message = fmt::format("the records of {}-{} behind offset {} are not what their batch "
                                 "says: {}",
                                 batch_->source_->topic, batch_->source_->partition.value,
                                 header.base_offset.value, record.error().message())};
    }
    const auto offset = header.base_offset + OffsetDelta{record->offset_delta};
    if (offset < batch_->first_wanted_) continue;
    const bool appended = header.timestamp_type == protocol::TimestampType::log_append_time;
    const auto base = header.base_timestamp.value_or(Timestamp{-1});
    const auto timestamp = appended ? header.max_timestamp.value_or(Timestamp{-1})
                                    : Timestamp{base.value + record->timestamp_delta};
    return std::optional{Item{.offset = offset, .timestamp = timestamp, .record = *record}};
  }
}

ConsumedRecord FetchedBatch::to_record(const Item& item) const {
  const auto share = [this](Bytes view) {
    return section_.slice(static_cast<std::size_t>(view.data() - section_.data()), view.size());
  };
  ConsumedRecord record{.source = source_,
                        .offset = item.offset,
                        .timestamp = item.timestamp,
                        .timestamp_type = header_.timestamp_type,
                        .leader_epoch = header_.leader_epoch};
  if (item.record.key) record.key = share(*item.record.key);
  if (item.record.value) record.value = share(*item.record.value);
  for (const auto& header : item.record.headers) {
    auto& copy = record.headers.emplace_back();
    copy.key = header.key;
    if (header.value) copy.value = share(*header.value);
  }
  return record;
}

}  // namespace millrace::clients
