#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "log/read_work.hpp"
#include "protocol/base/bytes.hpp"
#include "protocol/base/types.hpp"

namespace millrace::log {

/// The newest batches of a log in memory: buffer of what is not written yet and cache for readers
/// at the tail in one, so that a batch is copied once, when it is appended. Batches lie behind one
/// another in chunks that readers share; a chunk's bytes never change once its batches are
/// readable. Used on the log's thread; the pieces it gives may go anywhere.
class TailCache {
 public:
  /// Copies a batch behind the last one. The copy may be patched until `commit` makes it readable;
  /// there is exactly one `commit` for each `stage`.
  MutableBytes stage(Bytes batch);
  void commit(Offset base, Offset next);

  /// Offset of the first batch here; nothing when there is none.
  [[nodiscard]] std::optional<Offset> begin() const;
  /// Batches from the one that holds `request.from` (or, in a gap, follows it) on.
  [[nodiscard]] ReadResult read(const ReadRequest& request) const;

  /// The unwritten batches with a base below `end`, in as few pieces as possible; valid until the
  /// next call that is not const.
  [[nodiscard]] std::vector<Bytes> unwritten(Offset end) const;
  /// Marks the same as written.
  void set_written(Offset end);
  [[nodiscard]] std::uint64_t unwritten_bytes() const { return unwritten_bytes_; }

  /// Drops the oldest chunks while there is more memory than `bytes_max` and they are written. New
  /// chunks are kept small against the same bound, so that dropping one leaves most of the rest.
  void trim(std::uint64_t bytes_max);
  /// Drops batches that reach past `end`. They must be written.
  void truncate_to(Offset end);
  /// Drops the batches that are not written. No reader may have been given any of them.
  void drop_unwritten();
  void clear();
  /// Memory held, used or not.
  [[nodiscard]] std::uint64_t memory_bytes() const { return memory_bytes_; }

 private:
  struct Chunk {
    std::shared_ptr<std::byte[]> memory;
    std::size_t capacity = 0;
    std::size_t used = 0;
    std::size_t batches = 0;
  };
  struct Entry {
    Offset base;
    Offset next;
    std::shared_ptr<std::byte[]> memory;  // of its chunk
    std::size_t from = 0;
    std::size_t size = 0;
  };

  void pop_back();
  [[nodiscard]] std::size_t first_reaching(Offset offset) const;
  void add_chunk(std::size_t batch_bytes);

  std::deque<Chunk> chunks_;   // oldest first; batches go into the last
  std::deque<Entry> entries_;  // oldest first, in the order of the chunks
  std::size_t written_ = 0;    // entries_ below are written
  std::size_t staged_bytes_ = 0;
  std::size_t chunk_bytes_max_ = 4U << 10;
  std::uint64_t unwritten_bytes_ = 0;
  std::uint64_t memory_bytes_ = 0;
};

}  // namespace millrace::log
