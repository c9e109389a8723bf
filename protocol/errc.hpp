#pragma once

#include <boost/system/error_code.hpp>
#include <ostream>
#include <string_view>

namespace millrace::protocol {

/// Why something in `protocol/` or `protocol/net/` could not be done. `return Errc::truncated;`
/// converts to any `Result<T>`. What goes over the wire is `ErrorCode`, never this.
enum class Errc {
  truncated = 1,            ///< the bytes end before the value does: wait for more, or give up
  bad_length,               ///< a length or count is negative or larger than what is there
  null_not_allowed,         ///< null where the description of the message forbids it
  trailing_bytes,           ///< a value ended before the bytes that should hold exactly it
  bad_varint,               ///< a varint that is too long or does not fit its type
  bad_value,                ///< a field holds what its type has no meaning for
  bad_tag_order,            ///< tagged fields out of order or repeated
  invalid_utf8,             ///< a string that is not UTF-8
  unsupported_version,      ///< no description of this API in this version
  unknown_api,              ///< no such API key
  field_not_representable,  ///< a field that this version cannot carry is set
  corrupt_batch,            ///< a record batch whose checksum or shape does not verify
  bad_magic,                ///< a record batch in an unknown or, here, unexpected format
  unsupported_codec,        ///< no such compression codec
  decompressed_too_large,   ///< decompression was stopped at the caller's bound
  decompression_failed,     ///< compressed bytes that their codec does not accept
  compression_failed,       ///< the codec's library refused to compress
  end_of_stream,            ///< nothing more to read; the regular end
  closed,                   ///< the connection was closed, by us or by the peer
  timed_out,                ///< the deadline passed first
  canceled,                 ///< the operation was asked to stop
  refused,                  ///< nobody listens at the address
  unreachable,              ///< the network knows no way to the address
  address_in_use,           ///< somebody else listens at the address
  not_resolved,             ///< the host name has no address
  tls_failed,               ///< the TLS handshake or its verification failed
  io_failed,                ///< any other failure of the network
};

/// The enumerator's name, for logs.
[[nodiscard]] std::string_view to_string(Errc errc);
std::ostream& operator<<(std::ostream& out, Errc errc);

[[nodiscard]] const boost::system::error_category& errc_category() noexcept;

inline boost::system::error_code make_error_code(Errc errc) noexcept {
  return {static_cast<int>(errc), errc_category()};
}

}  // namespace millrace::protocol

template <>
struct boost::system::is_error_code_enum<millrace::protocol::Errc> : std::true_type {};
