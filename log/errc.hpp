#pragma once

#include <boost/system/error_code.hpp>
#include <ostream>
#include <string_view>

namespace millrace::log {

/// Why something in `log/` could not be done. `return Errc::read_only;` converts to any
/// `Result<T>`. Errors of the operating system come as they are, in
/// `boost::system::generic_category`.
enum class Errc {
  offset_out_of_range = 1,  ///< below the log's start or past its end; nothing was read
  read_only,                ///< damage found at start may have taken acknowledged records; a
                            ///< `truncate_to` or `restart_at` makes the log writable again
  failed,                   ///< a write or sync failed before: nothing more is acknowledged, ever;
                            ///< open the log again
  closed,                   ///< `close()` was called
  batch_malformed,          ///< the bytes are not whole batches in format 2; nothing was appended
  offsets_not_ahead,        ///< a replicated batch would go back in offsets; nothing was appended
  batch_too_large,          ///< larger than a segment may be at all; nothing was appended
  corrupt_file,             ///< a file of ours has a wrong checksum, size or content
  directory_in_use,         ///< another process holds the lock of the data directory
  superseded,               ///< the log was truncated after this work was taken; take it again
  no_space,                 ///< a write found no space before and was not taken back yet
};

/// Whether a file system says by `error` that it has no room: a full disk or a quota.
[[nodiscard]] bool is_no_space(const boost::system::error_code& error);

/// The enumerator's name, for logs.
[[nodiscard]] std::string_view to_string(Errc errc);
std::ostream& operator<<(std::ostream& out, Errc errc);

[[nodiscard]] const boost::system::error_category& errc_category() noexcept;

inline boost::system::error_code make_error_code(Errc errc) noexcept {
  return {static_cast<int>(errc), errc_category()};
}

}  // namespace millrace::log

template <>
struct boost::system::is_error_code_enum<millrace::log::Errc> : std::true_type {};
