// What compaction may take away, and what it must leave.
#include <algorithm>

#include "tests/sim/log/owner.hpp"

namespace millrace::log_sim {

bool Owner::required(const ModelBatch& batch, const ModelRecord& record) const {
  if (!compact_) return true;
  if (record.is_control || record.superseded || !record.key) return false;
  if (record.value) return true;
  // A tombstone goes when the time to read it has passed since a first pass; never earlier than so.
  return !setting_.clock_went_back && latest_now_ - batch.appended < tombstones_stay_;
}

bool Owner::may_be_gone(Offset begin, Offset end) const {
  for (const ModelBatch* batch = model_.from(begin); batch != nullptr && batch->base < end;
       batch = model_.from(batch->next))
    for (const ModelRecord& record : batch->records)
      if (record.offset >= begin && record.offset < end && required(*batch, record)) {
        setting_.note("{}: the record at {}, {} {}, is to be there", name_, record.offset.value,
                      record.value ? "latest of" : "tombstone of", *record.key);
        return false;
      }
  return true;
}

void Owner::check_compacted(const log::ReadRequest& request, const log::ReadResult& got,
                            Offset written) {
  const auto bytes = got.batches.flatten();
  Offset next = request.from;
  Offset seen = request.from;
  protocol::BatchRun run{bytes};
  for (const auto batch : run) {
    expect(batch.crc_ok(), fmt::format("the batch at {} is damaged", batch.base_offset().value));
    if (setting_.broken()) return;
    for (const ModelRecord& record : records_of(batch)) {
      const ModelRecord* const known = model_.record_at(record.offset);
      expect(known != nullptr && known->key == record.key && known->value == record.value &&
                 known->timestamp == record.timestamp,
             fmt::format("the record at {} is not the one that was appended", record.offset.value));
      if (record.offset < request.from) continue;
      expect(record.offset >= seen && may_be_gone(seen, record.offset),
             fmt::format("between {} and {} a record is missing", seen.value, record.offset.value));
      seen = record.offset.next();
    }
    expect(batch.next_offset() > next && batch.next_offset() <= request.limit,
           "a read went past its limit, or back");
    next = batch.next_offset();
  }
  expect(got.next == next, "a read does not say where it ended");
  expect(may_be_gone(seen, next),
         fmt::format("between {} and {} a record is missing", seen.value, next.value));
  if (!bytes.empty() || !request.whole_first_batch) return;
  const ModelBatch* const first = model_.from(request.from);
  if (first == nullptr || first->next > std::min(request.limit, written)) return;
  expect(may_be_gone(request.from, first->next),
         fmt::format("a read from {} gave nothing", request.from.value));
}

void Owner::check_compacted(const LookupJob& job, const Model::Found& found) {
  const ModelRecord* const known = found ? model_.record_at(found->offset) : nullptr;
  if (found) {
    expect(known != nullptr && known->timestamp == found->timestamp && found->offset >= job.start &&
               found->offset < job.limit && found->timestamp >= job.time.value_or(Timestamp{0}),
           fmt::format("{} was found to be offset {}, which it is not", job.what,
                       found->offset.value));
  }
  for (const ModelBatch* batch = model_.from(job.start);
       batch != nullptr && batch->next <= job.limit; batch = model_.from(batch->next)) {
    for (const ModelRecord& record : batch->records) {
      if (record.offset < job.start || !required(*batch, record)) continue;
      const bool better =
          job.time
              ? record.timestamp >= *job.time && (!found || record.offset < found->offset)
              : record.timestamp >= Timestamp{0} && (!found || record.timestamp > found->timestamp);
      expect(!better, fmt::format("{} is rather offset {}, and was found to be {}", job.what,
                                  record.offset.value, found ? found->offset.value : -1));
    }
  }
}

}  // namespace millrace::log_sim
