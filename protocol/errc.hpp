#pragma once

#include <boost/system/error_code.hpp>
#include <ostream>
#include <string_view>

namespace millrace::protocol {

/// Why something in `protocol/` could not be done; `protocol/net/` has errors of its own. `return
/// Errc::truncated;` converts to any `Result<T>`. What goes over the wire is `ErrorCode`, never
/// this.
enum class Errc {
  truncated = 1,           ///< the bytes end before the value does: wait for more, or give up
  bad_length,              ///< a length or count is negative or larger than what is there
  null_not_allowed,        ///< null where the description of the message forbids it
  trailing_bytes,          ///< a value ended before the bytes that should hold exactly it
  bad_varint,              ///< a varint that is too long or does not fit its type
  bad_tag_order,           ///< tagged fields out of order or repeated
  unsupported_version,     ///< no description of this API in this version
  corrupt_batch,           ///< a record batch whose checksum or shape does not verify
  bad_magic,               ///< a record batch in an unknown or, here, unexpected format
  unsupported_codec,       ///< no such compression codec
  decompressed_too_large,  ///< decompression was stopped at the caller's bound
  decompression_failed,    ///< compressed bytes that their codec does not accept
  compression_failed,      ///< the codec's library refused to compress
  end_of_stream,           ///< nothing more to read; the regular end
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
