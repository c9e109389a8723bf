#pragma once

#include <boost/system/error_code.hpp>
#include <ostream>
#include <type_traits>

namespace millrace::net {

/// What can end a network operation besides the operating system's own errors, which keep their
/// system code (`connection_refused`, `connection_reset`, `broken_pipe`, ...).
enum class Errc {
  end_of_stream = 1,  // the peer closed in order; everything it sent has been read
  closed,             // this side closed the connection or listener: stop using it
  timed_out,          // the deadline passed, or the system gave up: try again or elsewhere
  unknown_host,       // the name has no address
  file_cut,           // a file lost bytes that were to be sent: close, the stream is of no use
};

const boost::system::error_category& net_category();

inline boost::system::error_code make_error_code(Errc e) {
  return {static_cast<int>(e), net_category()};
}

inline std::ostream& operator<<(std::ostream& out, Errc e) {
  return out << make_error_code(e).message();
}

}  // namespace millrace::net

template <>
struct boost::system::is_error_code_enum<millrace::net::Errc> : std::true_type {};
