#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "log/producer_state.hpp"
#include "log/read_work.hpp"
#include "protocol/base/bytes.hpp"
#include "protocol/base/types.hpp"
#include "protocol/record/batch.hpp"

namespace millrace::log_sim {

struct ModelRecord {
  Offset offset;
  Timestamp timestamp;
  std::optional<std::string> key;
  std::optional<std::string> value;  // nothing: a tombstone, if there is a key
  bool superseded = false;  // a later one of this key was synced, so compaction may drop this
  bool is_control = false;
};

/// A batch as it must be in the log.
struct ModelBatch {
  Offset base;
  Offset next;
  std::vector<std::byte> bytes;
  std::vector<ModelRecord> records;
  Timestamp appended;  // time of the owner

  [[nodiscard]] protocol::BatchView view() const;
};

/// Offset and time of every record of a sound batch.
std::vector<ModelRecord> records_of(const protocol::BatchView& batch);

/// What one partition must hold, kept beside it by whoever gives the orders. A value; knows nothing
/// of files, segments or indexes.
class Model {
 public:
  using Found = std::optional<log::TimestampOffset>;

  void append(ModelBatch batch);
  /// Everything that reaches past `end` is gone, and the log ends at `end`.
  void cut(Offset end);
  void restart(Offset at);
  /// What deleting from the front may no longer be asked for; it stays known for the producers.
  void delete_below(Offset offset) { start = offset; }

  /// First batch that reaches past `offset`; nothing at the end.
  [[nodiscard]] const ModelBatch* from(Offset offset) const;
  /// Where a log that is truncated to `end` must end.
  [[nodiscard]] Offset cut_for(Offset end) const;
  /// First record from the start on with a timestamp of at least `time`, in batches that end at or
  /// below `written`, below `limit`.
  [[nodiscard]] Found find_by_time(Timestamp time, Offset written, Offset limit) const;
  /// First of the records with the largest timestamp, likewise.
  [[nodiscard]] Found max_timestamp(Offset written, Offset limit) const;
  /// Everything below `synced` is: what that supersedes may be compacted away, and for good.
  void promise(Offset synced);
  /// The record at `offset`, as it was appended; nothing when there is none.
  [[nodiscard]] const ModelRecord* record_at(Offset offset) const;
  /// Of the batches from `first` on.
  [[nodiscard]] log::ProducerState producers(Offset first) const;
  /// Whether these bytes were ever appended as the batch that begins at `base`.
  [[nodiscard]] bool ever(Offset base, Bytes bytes) const;

  Offset start;
  Offset end;
  Offset promised;  // below it nothing may be lost: acknowledged and not taken back
  std::map<Offset, ModelBatch> batches;  // by base; those below the start included

 private:
  [[nodiscard]] ModelRecord* find(Offset offset);

  std::multimap<Offset, std::vector<std::byte>> gone_;  // cut off
  std::map<std::string, Offset> latest_;                // of each key, among what is promised
};

}  // namespace millrace::log_sim
