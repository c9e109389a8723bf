#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "log/files.hpp"
#include "replication/consensus/types.hpp"

/// Files that hold what was applied up to a place of the log. README.md has the format.
namespace millrace::replication::quorum {

/// What one is made of: the pieces mean something to whoever applies entries, and nothing here.
struct SnapshotContents {
  consensus::Snapshot snapshot;
  std::vector<std::string> pieces;  // each up to `kPieceBytesMax`
};

inline constexpr std::size_t kPieceBytesMax = std::size_t{16} << 20;

std::filesystem::path snapshot_path(const std::filesystem::path& directory, consensus::Position at);

/// The positions of those that are there, oldest first.
Result<std::vector<consensus::Position>> list_snapshots(log::Files& files,
                                                        const std::filesystem::path& directory);

/// Durable when it returns, name included; nothing under its name before.
Result<void> write_snapshot(log::Files& files, const std::filesystem::path& directory,
                            const SnapshotContents& contents);

/// `log::Errc::corrupt_file` if anything in it is not what was written.
Result<SnapshotContents> read_snapshot(log::Files& files, const std::filesystem::path& path);

/// A snapshot that comes from another node, piece by piece. One at a time in a directory.
class SnapshotReceiver {
 public:
  static Result<SnapshotReceiver> begin(log::Files& files, std::filesystem::path directory,
                                        consensus::Position at);
  [[nodiscard]] consensus::Position at() const { return at_; }
  /// How many bytes are here.
  [[nodiscard]] std::uint64_t size() const { return size_; }
  Result<void> add(Bytes bytes);
  /// All bytes are here: it is checked, and has its name, durably.
  Result<SnapshotContents> finish();

 private:
  SnapshotReceiver(log::Files& files, std::filesystem::path directory, consensus::Position at,
                   std::shared_ptr<log::File> file)
      : files_{&files}, directory_{std::move(directory)}, at_{at}, file_{std::move(file)} {}

  log::Files* files_;
  std::filesystem::path directory_;
  consensus::Position at_;
  std::shared_ptr<log::File> file_;
  std::uint64_t size_ = 0;
};

/// Removes all but the two newest, for somebody may be fetching the one before, and what is left of
/// some that were never finished if `parts`.
Result<void> sweep_snapshots(log::Files& files, const std::filesystem::path& directory, bool parts);

}  // namespace millrace::replication::quorum
