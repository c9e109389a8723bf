#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "log/files.hpp"
#include "protocol/base/rng.hpp"
#include "replication/consensus/consensus.hpp"
#include "replication/quorum/problem.hpp"
#include "replication/quorum/segments.hpp"
#include "replication/quorum/snapshots.hpp"
#include "replication/quorum/voter_file.hpp"

namespace millrace::replication::quorum {

/// What a start finds: what the core begins with, and what its state machine is made of.
struct Recovered {
  VoterFile voter;
  SnapshotContents snapshot;  // 0/0 and nothing in it: this node has yet to hear of its cluster
  consensus::Position start;  // at or before the snapshot
  std::vector<consensus::Entry> entries;  // behind `start`

  /// For the core, once: what it knows of the log.
  [[nodiscard]] consensus::LogShape shape() const;
};

/// The files of a member of the quorum, and the order in which they are written (README.md).
/// Synchronous; one thread at a time. After an error of a write or a sync nobody knows what the
/// disk holds: say nothing more that rests on it, and end.
class QuorumDisk {
 public:
  QuorumDisk(log::Files& files, std::filesystem::path directory)
      : files_{files}, directory_{std::move(directory)}, segments_{files, directory_} {}

  /// Makes an empty directory that of the first voter of a new cluster, or of one who will join
  /// one. What an earlier try left goes. Durable when it returns.
  Result<void> format_first(const consensus::Member& self);
  Result<void> format_joining(const consensus::Member& self);

  /// What is here, with what a crash left in order again; everything in the directory was synced
  /// before (`Files::sync_all`). Or why this directory may not vote.
  std::variant<Recovered, Problem> recover();

  /// Carries out writes, in their order: durable when it returns.
  Result<void> write(std::span<const consensus::Write> writes);
  /// A newer snapshot is durable: entries up to `start` and snapshots before the last two go.
  Result<void> compact(consensus::Index start);

  [[nodiscard]] const std::filesystem::path& directory() const { return directory_; }

 private:
  Result<void> begin_anew();
  [[nodiscard]] Result<consensus::Index> read_sync_point();
  /// Where the log is durable, for a start to compare; itself durable only if asked.
  Result<void> note_sync_point(consensus::Index index, bool durable);
  Result<void> restore(consensus::Position at);
  Result<void> append(const consensus::Write& write);

  log::Files& files_;
  std::filesystem::path directory_;
  Segments segments_;
  VoterFile voter_;
  std::shared_ptr<log::File> sync_point_;
  consensus::Index synced_;  // of the log
};

}  // namespace millrace::replication::quorum
