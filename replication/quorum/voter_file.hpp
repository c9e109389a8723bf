#pragma once

#include <filesystem>
#include <optional>

#include "log/files.hpp"
#include "replication/consensus/types.hpp"

namespace millrace::replication::quorum {

/// What makes a directory a member, with what it promised: one file, so that nobody can lose the
/// memory and keep the name. README.md has the format.
struct VoterFile {
  friend bool operator==(const VoterFile&, const VoterFile&) = default;
  Uuid directory;
  consensus::VoterState state;
};

/// Nothing when there is none; `log::Errc::corrupt_file` for one that is not what was written.
Result<std::optional<VoterFile>> read_voter_file(log::Files& files,
                                                 const std::filesystem::path& directory);
/// Durable when it returns; one step.
Result<void> write_voter_file(log::Files& files, const std::filesystem::path& directory,
                              const VoterFile& voter);

}  // namespace millrace::replication::quorum
