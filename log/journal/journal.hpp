#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "log/files.hpp"
#include "log/journal/block_buffer.hpp"
#include "log/journal/format.hpp"
#include "protocol/base/bytes.hpp"
#include "protocol/base/result.hpp"
#include "protocol/base/types.hpp"

namespace millrace::log {

/// One group on its way to the disk. Handed out by `Journal::take_write`; `run` on any thread,
/// once; then `Journal::written` on the owner's.
class JournalWrite {
 public:
  /// Returns when the group is on stable storage.
  [[nodiscard]] Result<void> run() const;

 private:
  friend class Journal;
  JournalWrite() = default;

  std::shared_ptr<File> file_;
  std::uint64_t position_ = 0;
  BlockBuffer buffer_;
  std::size_t size_bytes_ = 0;  // whole blocks
  std::uint64_t sequence_ = 0;
};

/// What makes small appends to many partitions durable with one write: a copy of the batches that
/// one turn of the owner brought, behind one another in a file that was written before. The
/// segments are written as ever, but synced later, when a journal file is full, and the file is
/// used again once nothing in it is needed any more. After a power failure the journals are read
/// and what the segments lack is appended to them (journal_recovery.hpp).
///
/// A core: owned by one shard, which makes all calls on its thread and runs the writes on pool
/// threads. Up to `kInFlightMax` groups are out at a time; the next builds up meanwhile. They may
/// reach the disk in any order, but count as durable in theirs, so nothing is acknowledged that
/// lies behind a hole. What the journal does not take (`add` gives nothing) the caller syncs in the
/// segment itself.
class Journal {
 public:
  /// Enough that the next group seldom waits; groups grow while all of them are under way.
  static constexpr std::size_t kInFlightMax = 4;
  /// Of one entry: a larger one takes the disk's bandwidth twice, to spare a single sync.
  static constexpr std::size_t kEntryBytesMax = 64U << 10;
  static constexpr std::size_t kGroupBytesMax = 1U << 20;

  struct Entry {
    friend bool operator==(const Entry&, const Entry&) = default;
    JournalKey key;
    Offset base;                   ///< end of the partition's previous entry, or of what is durable
    Offset end;                    ///< behind the last record
    std::uint64_t generation = 0;  ///< the caller's; comes back with the entry
  };
  /// What the end of a write decided.
  struct Outcome {
    std::vector<Entry> durable;  ///< in the order of `add`
    std::vector<Entry> lost;     ///< a write failed: these are not durable and never will be
  };

  /// `files` (at least two) came from `Files::open_durable`, have `file_bytes` (whole blocks) that
  /// were written before, and are used in turn. `life`: journal_recovery.hpp.
  Journal(std::vector<std::shared_ptr<File>> files, std::uint64_t file_bytes, std::uint64_t life);

  /// Copies batches of a partition, all in memory, into the group that is being built. Nothing when
  /// there are too many, there is no room or a write has failed.
  std::optional<JournalPosition> add(const Entry& entry, const BytesChain& batches);
  /// The group built so far, if there is one, room for it, and fewer than `kInFlightMax` are out.
  std::optional<JournalWrite> take_write();
  /// Ends a write. After a failure nothing is taken any more.
  Outcome written(JournalWrite work, const Result<void>& result);

  /// Partitions whose segments must be synced before a file can be used again; each is named once.
  /// The caller syncs them and says so by `settled`.
  std::vector<JournalKey> take_unsettled();
  /// The partition's segments are synced up to `end`, whoever asked for it.
  void settled(const JournalKey& key, Offset end);
  /// The partition is gone.
  void forget(const JournalKey& key);

 private:
  struct Slot {
    std::shared_ptr<File> file;
    std::map<JournalKey, Offset> ends;  // of the entries that segments may lack
    std::size_t writes_out = 0;
  };
  struct Group {
    std::vector<Entry> entries;
    std::size_t slot = 0;
    bool done = false;
  };

  bool make_room(std::size_t bytes);
  void start_group();

  std::vector<Slot> slots_;
  std::uint64_t file_bytes_;
  std::size_t group_bytes_max_;
  std::uint64_t life_;
  std::size_t current_ = 0;     // the slot that is written to
  std::uint64_t position_ = 0;  // in it
  bool closing_ = false;        // it is full, and the next is still needed
  bool failed_ = false;

  BlockBuffer building_;
  std::size_t building_bytes_ = 0;
  std::vector<Entry> building_entries_;
  std::uint64_t building_sequence_ = 1;

  std::uint64_t first_out_ = 1;  // sequence of `out_.front()`
  std::deque<Group> out_;        // handed out and not yet counted, in order
  std::size_t writes_out_ = 0;   // handed out and not come back
  std::vector<BlockBuffer> idle_;
  std::vector<JournalKey> unsettled_;
};

}  // namespace millrace::log
