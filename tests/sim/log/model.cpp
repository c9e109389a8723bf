#include "tests/sim/log/model.hpp"

#include <algorithm>
#include <utility>

#include "protocol/base/ensure.hpp"
#include "protocol/record/compression.hpp"
#include "protocol/record/record.hpp"

namespace millrace::log_sim {

protocol::BatchView ModelBatch::view() const {
  return protocol::parse_batch(bytes).value();
}

std::vector<ModelRecord> records_of(const protocol::BatchView& batch) {
  protocol::DecompressionBuffer buffer;
  const auto section = protocol::decompress_into(buffer, batch.codec(), batch.records_section(),
                                                 std::size_t{1} << 24);
  ENSURE(section.has_value());
  std::vector<ModelRecord> records;
  protocol::RecordReader reader{*section, batch.record_count()};
  while (reader.left() > 0) {
    const auto record = reader.next();
    ENSURE(record.has_value());
    const auto text = [](const std::optional<Bytes>& bytes) {
      return bytes ? std::optional{std::string{as_text(*bytes)}} : std::nullopt;
    };
    records.push_back({.offset = batch.offset_of(record->offset_delta),
                       .timestamp = batch.timestamp_of(record->timestamp_delta),
                       .key = text(record->key),
                       .value = text(record->value),
                       .is_control = batch.is_control()});
  }
  return records;
}

void Model::append(ModelBatch batch) {
  ENSURE(batch.base >= end);
  end = batch.next;
  const Offset base = batch.base;
  batches.insert_or_assign(base, std::move(batch));
}

void Model::cut(Offset to) {
  while (!batches.empty() && batches.rbegin()->second.next > to) {
    auto last = std::prev(batches.end());
    gone_.emplace(last->first, std::move(last->second.bytes));
    batches.erase(last);
  }
  end = to;
  start = std::min(start, to);
  promised = std::min(promised, to);
  std::erase_if(latest_, [&](const auto& item) { return item.second >= to; });
}

void Model::restart(Offset at) {
  cut(Offset{-1});
  start = end = promised = at;
}

void Model::promise(Offset synced) {
  const Offset before = std::exchange(promised, std::max(promised, synced));
  for (auto at = batches.lower_bound(before); at != batches.end(); ++at) {
    if (at->second.next > synced) break;
    for (const ModelRecord& record : at->second.records) {
      if (!record.key || record.is_control) continue;
      const auto [known, is_new] = latest_.try_emplace(*record.key, record.offset);
      if (is_new) continue;
      if (known->second < record.offset)
        if (ModelRecord* const older = find(known->second)) older->superseded = true;
      known->second = std::max(known->second, record.offset);
    }
  }
}

ModelRecord* Model::find(Offset offset) {
  auto batch = batches.upper_bound(offset);
  if (batch == batches.begin()) return nullptr;
  --batch;
  const auto found = std::ranges::find(batch->second.records, offset, &ModelRecord::offset);
  return found == batch->second.records.end() ? nullptr : &*found;
}

const ModelRecord* Model::record_at(Offset offset) const {
  return const_cast<Model*>(this)->find(offset);
}

const ModelBatch* Model::from(Offset offset) const {
  auto found = batches.upper_bound(offset);
  if (found != batches.begin() && std::prev(found)->second.next > offset) --found;
  return found == batches.end() ? nullptr : &found->second;
}

Offset Model::cut_for(Offset to) const {
  if (to >= end) return end;
  // Without a batch at or over `to` right there, the one before says where it ended.
  auto found = batches.upper_bound(Offset{to.value - 1});
  if (found == batches.begin()) return to;
  const ModelBatch& before = std::prev(found)->second;
  if (before.next <= to) return before.next;
  --found;
  return found == batches.begin() ? before.base : std::prev(found)->second.next;
}

Model::Found Model::find_by_time(Timestamp time, Offset written, Offset limit) const {
  for (const ModelBatch* batch = from(start); batch != nullptr && batch->next <= written;
       batch = from(batch->next))
    for (const ModelRecord& record : batch->records)
      if (record.offset >= start && record.offset < limit && record.timestamp >= time)
        return log::TimestampOffset{record.offset, record.timestamp, batch->view().leader_epoch()};
  return std::nullopt;
}

Model::Found Model::max_timestamp(Offset written, Offset limit) const {
  Found found;
  for (const ModelBatch* batch = from(start); batch != nullptr && batch->next <= written;
       batch = from(batch->next))
    for (const ModelRecord& record : batch->records)
      if (record.offset >= start && record.offset < limit && record.timestamp >= Timestamp{0} &&
          (!found || record.timestamp > found->timestamp))
        found = log::TimestampOffset{record.offset, record.timestamp, batch->view().leader_epoch()};
  return found;
}

log::ProducerState Model::producers(Offset first) const {
  log::ProducerState state;
  for (auto at = batches.lower_bound(first); at != batches.end(); ++at)
    state.apply(at->second.view(), at->second.appended);
  return state;
}

bool Model::ever(Offset base, Bytes bytes) const {
  const auto same = [&](const std::vector<std::byte>& known) {
    return std::ranges::equal(known, bytes);
  };
  if (const auto found = batches.find(base); found != batches.end() && same(found->second.bytes))
    return true;
  const auto [begin, end_of] = gone_.equal_range(base);
  return std::any_of(begin, end_of, [&](const auto& item) { return same(item.second); });
}

}  // namespace millrace::log_sim
