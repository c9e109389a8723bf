#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "protocol/base/rng.hpp"
#include "protocol/base/types.hpp"
#include "tests/support/memory_files.hpp"

namespace millrace::log_sim {

/// Damage done to a file behind everybody's back.
struct Rot {
  enum class Kind : std::uint8_t { flip, zero, cut, erase };
  Kind kind = Kind::flip;
  std::string file;
  std::uint64_t position = 0;
  /// Of a `.log` file: the base of the first batch that is not as it was; nothing when all are.
  std::optional<Offset> first_hit;
  /// It hit the fields in front of a batch's checksum, which nothing protects.
  bool unprotected = false;

  [[nodiscard]] bool is_log() const { return file.ends_with(".log"); }
  [[nodiscard]] std::string to_string() const;
};

/// Damages one file of `directory`, chosen by `rng`; one of the indexes if `index_only`. What was
/// only written counts as synced afterwards. Nothing when there is nothing to damage.
std::optional<Rot> rot_one(sim::MemoryFiles& disk, const std::filesystem::path& directory, Rng& rng,
                           bool index_only);

}  // namespace millrace::log_sim
