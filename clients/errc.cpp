#include "clients/errc.hpp"

#include <fmt/format.h>

#include <boost/throw_exception.hpp>
#include <stdexcept>

namespace millrace::clients {

std::string_view to_string(Errc errc) {
  switch (errc) {
    case Errc::unreachable:
      return "unreachable";
    case Errc::connection_lost:
      return "connection_lost";
    case Errc::timed_out:
      return "timed_out";
    case Errc::stopped:
      return "stopped";
    case Errc::unsupported:
      return "unsupported";
    case Errc::malformed:
      return "malformed";
    case Errc::rejected:
      return "rejected";
    case Errc::unknown_topic:
      return "unknown_topic";
    case Errc::unknown_partition:
      return "unknown_partition";
    case Errc::no_leader:
      return "no_leader";
    case Errc::buffer_full:
      return "buffer_full";
    case Errc::too_large:
      return "too_large";
    case Errc::invalid_argument:
      return "invalid_argument";
    case Errc::sequence_broken:
      return "sequence_broken";
    case Errc::corrupt_data:
      return "corrupt_data";
    case Errc::no_position:
      return "no_position";
    case Errc::fenced:
      return "fenced";
    case Errc::not_subscribed:
      return "not_subscribed";
    case Errc::out_of_turn:
      return "out_of_turn";
    case Errc::must_abort:
      return "must_abort";
  }
  return "unknown";
}

std::ostream& operator<<(std::ostream& out, Errc errc) {
  return out << to_string(errc);
}

std::ostream& operator<<(std::ostream& out, const ClientError& error) {
  return out << to_string(error.code) << ": " << error.message;
}

ClientError rejected(protocol::ErrorCode code, std::string_view where, std::string_view detail) {
  auto message = fmt::format("{} failed: {} ({}): {}", where, protocol::to_string(code),
                             std::to_underlying(code), protocol::describe(code));
  if (!detail.empty()) message += fmt::format("; the broker says: {}", detail);
  return {.code = Errc::rejected,
          .broker_code = code,
          .message = std::move(message),
          .retriable = protocol::is_retriable(code)};
}

bool is_coordinator_moved(protocol::ErrorCode code) {
  return code == protocol::ErrorCode::not_coordinator ||
         code == protocol::ErrorCode::coordinator_not_available;
}

ClientError from_network(ErrorInfo error, std::string_view where) {
  return {.code = Errc::connection_lost,
          .message = fmt::format("{}: {}", where, error.message()),
          .retriable = true};
}

ClientError malformed(std::string_view what, std::string_view where) {
  return {.code = Errc::malformed,
          .message = fmt::format("{}: {}; is this the address of a Kafka listener, without TLS?",
                                 where, what)};
}

void throw_exception_from_error(const ClientError& error, const boost::source_location& where) {
  boost::throw_with_location(std::runtime_error{error.message}, where);
}

}  // namespace millrace::clients
