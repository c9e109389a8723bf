#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "protocol/base/result.hpp"

namespace millrace {

/// An open file whose bytes can be sent without passing through our memory. Safe from any thread.
/// The three calls about the system's page cache do nothing where there is none.
class FileSource {
 public:
  virtual ~FileSource() = default;
  /// Fills `into` from `position`; shorter than asked only at the end of the file. May block.
  virtual Result<std::size_t> read_at(std::span<std::byte> into, std::uint64_t position) const = 0;
  /// For `sendfile`; stays open as long as this object. Nothing where the system has no file.
  [[nodiscard]] virtual std::optional<int> descriptor() const { return std::nullopt; }
  /// How often the file was cut shorter. A range that was found before a cut may hold other bytes
  /// by now than those that were promised, so it must not be sent.
  [[nodiscard]] virtual std::uint64_t cuts() const { return 0; }

  /// Whether the range can be read without waiting for the disk. A cheap guess: it looks at some of
  /// the pages. What lies behind the end of the file counts as there.
  [[nodiscard]] virtual bool is_resident(std::uint64_t /*position*/, std::uint64_t /*size*/) const {
    return true;
  }
  /// Reads the range into the page cache. Blocks until it is there.
  virtual void bring_in(std::uint64_t /*position*/, std::uint64_t /*size*/) const {}
  /// Tells the page cache that nobody needs the range any more.
  virtual void let_go(std::uint64_t /*position*/, std::uint64_t /*size*/) const {}
};

/// Bytes of a file, to be sent from there. Keeps the file open, so it outlives its renaming and
/// removal.
struct FileRange {
  friend bool operator==(const FileRange&, const FileRange&) = default;
  /// False once the file was cut shorter, wherever: see `FileSource::cuts`.
  [[nodiscard]] bool is_intact() const { return file->cuts() == cuts; }
  [[nodiscard]] std::uint64_t end() const { return position + size; }
  /// Bytes `from` to `from + count` of this. They must lie inside.
  [[nodiscard]] FileRange slice(std::size_t from, std::size_t count) const {
    return {file, position + from, count, cuts};
  }

  std::shared_ptr<const FileSource> file;
  std::uint64_t position = 0;
  std::size_t size = 0;
  std::uint64_t cuts = 0;  // of the file when the range was found
};

}  // namespace millrace
