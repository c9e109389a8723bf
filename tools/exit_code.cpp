#include "tools/exit_code.hpp"

namespace millrace::tools {

ExitCode exit_code_of(const clients::ClientError& error) {
  using clients::Errc;
  using protocol::ErrorCode;
  switch (error.broker_code) {
    case ErrorCode::unknown_topic_or_partition:
    case ErrorCode::unknown_topic_id:
    case ErrorCode::group_id_not_found:
      return ExitCode::not_found;
    default:
      break;
  }
  switch (error.code) {
    case Errc::unknown_topic:
    case Errc::unknown_partition:
      return ExitCode::not_found;
    case Errc::unreachable:
    case Errc::connection_lost:
    case Errc::timed_out:
      return ExitCode::unreachable;
    case Errc::invalid_argument:
      return ExitCode::usage;
    default:
      return ExitCode::failed;
  }
}

}  // namespace millrace::tools
