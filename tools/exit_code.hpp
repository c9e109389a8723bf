#pragma once

#include "clients/errc.hpp"

namespace millrace::tools {

/// What the process tells the shell; part of the contract with scripts.
enum class ExitCode : int {
  ok = 0,
  failed = 1,       ///< it was tried and did not work
  usage = 2,        ///< the command line or a settings file is wrong; nothing was tried
  damaged = 3,      ///< `debug log-dump`: a file of the log is not what was written
  not_found = 4,    ///< the topic, partition, group or setting does not exist
  unreachable = 6,  ///< no broker answered
};

[[nodiscard]] ExitCode exit_code_of(const clients::ClientError& error);

}  // namespace millrace::tools
