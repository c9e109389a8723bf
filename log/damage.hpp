#pragma once

#include <cstdint>
#include <filesystem>
#include <ostream>
#include <string>

#include "protocol/base/types.hpp"

namespace millrace::log {

/// One place where the log is not what was written. A tail torn by a crash is not damage: it is cut
/// silently and only counted (`RecoveryReport::torn_bytes`).
struct Damage {
  friend bool operator==(const Damage&, const Damage&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Damage& damage);

  std::filesystem::path file;
  std::uint64_t position = 0;  ///< of the first byte that is wrong
  Offset offset;               ///< the record that should be there
  std::uint64_t bytes = 0;     ///< in this file from `position` on, which are not readable any more
  /// True: records that were acknowledged are missing, so the log is read-only. False: what is
  /// missing was never synced (a crash let later writes reach the disk before earlier ones); the
  /// log was cut there and goes on.
  bool acknowledged = false;
  std::string what;  ///< "checksum of a batch is wrong", in plain words
};

/// Told of damage, and of progress, while a log is opened. Implemented by the owner, who logs and
/// counts it.
class DamageSink {
 public:
  virtual ~DamageSink() = default;
  virtual void damaged(const Damage& damage) = 0;
  /// So many more bytes of batches were found sound.
  virtual void verified(std::uint64_t /*bytes*/) {}
};

}  // namespace millrace::log
