#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <ostream>
#include <vector>

#include "protocol/base/file_range.hpp"

namespace millrace::broker {

/// Some bytes of a file, one behind the other.
struct Stretch {
  friend bool operator==(const Stretch&, const Stretch&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Stretch& stretch) {
    return out << stretch.position << '+' << stretch.size;
  }
  [[nodiscard]] std::uint64_t end() const { return position + size; }
  std::uint64_t position = 0;
  std::uint64_t size = 0;
};

/// What to do about the page cache before a part of a file is sent.
struct ColdWork {
  friend bool operator==(const ColdWork&, const ColdWork&) = default;
  bool wait = false;              ///< the part itself is not in memory: bring it in, then send
  std::vector<Stretch> ahead;     ///< of the part's file: bring these in meanwhile
  std::vector<FileRange> behind;  ///< of this or another file: let these go
};

/// Decides for one connection what its reads of files mean for the page cache, so that nobody's
/// thread waits for a disk but those that are there for it, and so that one who reads through a day
/// of cold data leaves the cache as it was. A core: it looks at no file.
///
/// Who reads on where the last part ended, and was found to read what is not in memory, is read
/// ahead for, twice as far with each part up to the bound. What that brought in is let go again
/// once the reader is well past it, or has long not come back to that file. What was in memory
/// before stays, for somebody else may want it.
class ColdReads {
 public:
  /// Parts are sent, and cold data is read ahead, in pieces of this size.
  static constexpr std::uint64_t kStepBytes = 1U << 20;
  /// How far behind the reader data is kept: sockets still refer to what was sent last.
  static constexpr std::uint64_t kBehindBytes = 8U << 20;
  /// Files that a connection is known to read from in sequence. A further one takes the place of
  /// the one longest not read.
  static constexpr std::size_t kStreamsMax = 64;
  /// Reads from elsewhere after which a file counts as read to its end, by one who reads one file
  /// after the other; by one who reads several in turn, so many times more.
  static constexpr std::uint64_t kIdleReads = 16;

  using IsResident = std::function<bool(Stretch)>;

  /// Reads ahead by up to `ahead_bytes_max` per file.
  explicit ColdReads(std::uint64_t ahead_bytes_max) : ahead_bytes_max_{ahead_bytes_max} {}

  /// `part` is sent next. `is_resident` tells of its file what is in memory.
  ColdWork before(const FileRange& part, const IsResident& is_resident);

 private:
  struct Stream {
    std::weak_ptr<const FileSource> file;
    std::uint64_t next = 0;         // where the reader goes on, if it reads in sequence
    std::uint64_t ahead_until = 0;  // >= next; looked at and brought in up to here
    std::uint64_t window = 0;
    bool is_cold = false;
    std::deque<Stretch> ours;  // brought in for this reader, oldest first
    std::uint64_t used = 0;
  };
  Stream& stream_of(const FileRange& part, ColdWork& work);
  void retire(std::vector<Stream>::iterator stream, ColdWork& work);

  std::uint64_t ahead_bytes_max_;
  std::vector<Stream> streams_;
  std::uint64_t uses_ = 0;
};

}  // namespace millrace::broker
