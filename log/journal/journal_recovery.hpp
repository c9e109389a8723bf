#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <vector>

#include "log/damage.hpp"
#include "log/files.hpp"
#include "log/journal/format.hpp"
#include "protocol/base/bytes.hpp"
#include "protocol/base/result.hpp"

// What a start makes of the journals that the last run left.
//
// Each run of a broker that uses its journals is a *life* with a random number of its own, which is
// durable before the first group carries it; groups of any other life are what the recycled blocks
// held before. Nobody outside can guess the number, so no record's bytes pass for a group. Within a
// life the groups of a stream are numbered, and one is handed to the disk only when
// at most `Journal::kInFlightMax` - 1 others are out, so every group that lies so far below the
// newest was whole once: a hole there is damage, one above it is a write that a crash interrupted.
namespace millrace::log {

/// The small file `life`: tag "MJL1", life uint64, in use uint8 (frame: small_file.hpp).
struct JournalLife {
  friend bool operator==(const JournalLife&, const JournalLife&) = default;
  std::uint64_t number = 0;
  bool in_use = false;  ///< false: the journals hold nothing that the segments lack

  [[nodiscard]] std::vector<std::byte> encode() const;
  [[nodiscard]] static Result<JournalLife> decode(Bytes file);
};

/// One entry of a journal.
struct JournalRun {
  JournalPosition at;
  Offset base;
  Offset end;
  SharedBytes batches;
  /// Its group was once durable, so it may have been acknowledged. An entry that is not may hang in
  /// the air, because a group below it never arrived.
  bool confirmed = false;
};

/// What the journals hold, by partition. Keeps the files' contents in memory.
class JournalContents {
 public:
  /// Reads the journals in `dir` that are of `life`. Damage in a place that was durable once goes
  /// to `sink`. A folder that is not there holds nothing.
  static Result<JournalContents> read(Files& files, const std::filesystem::path& dir,
                                      std::uint64_t life, DamageSink& sink);

  /// In the order in which they were added; overlapping ones repeat the same bytes.
  [[nodiscard]] std::span<const JournalRun> of(const JournalKey& key) const;
  [[nodiscard]] std::size_t partitions() const { return runs_.size(); }

 private:
  std::map<JournalKey, std::vector<JournalRun>> runs_;
};

}  // namespace millrace::log
