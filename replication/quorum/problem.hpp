#pragma once

#include <string>

namespace millrace::replication::quorum {

/// Why a directory is of no use, with the file, the place, the cause and the mend.
struct Problem {
  std::string text;
};

}  // namespace millrace::replication::quorum
