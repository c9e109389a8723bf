#pragma once

#include <boost/system/error_code.hpp>
#include <ostream>
#include <string_view>

namespace millrace::replication::consensus {

/// Why the core refuses, and what to do then. Nothing changed.
enum class Errc {
  not_leader = 1,    ///< ask the leader that `leader()` names
  not_ready,         ///< this leader has committed nothing in its term yet; ask again soon
  handing_over,      ///< a leader transfer is under way; ask the next leader
  change_in_flight,  ///< the last configuration is not committed yet; ask again soon
  unknown_member,    ///< it is not in the configuration, or not in the part that is asked of it
  already_member,    ///< the member, or another directory of its node, is in the configuration
  not_caught_up,     ///< it lacks committed entries, or fetches a snapshot; ask again later
  last_voter,        ///< nobody would be left to vote
  unreachable,       ///< too few of the voters that it takes were heard lately; see to them first
  malformed,         ///< bytes that are not what they should be, or make no sense
};

/// The enumerator's name, for logs.
[[nodiscard]] std::string_view to_string(Errc errc);
std::ostream& operator<<(std::ostream& out, Errc errc);

[[nodiscard]] const boost::system::error_category& errc_category() noexcept;

inline boost::system::error_code make_error_code(Errc errc) noexcept {
  return {static_cast<int>(errc), errc_category()};
}

}  // namespace millrace::replication::consensus

template <>
struct boost::system::is_error_code_enum<millrace::replication::consensus::Errc> : std::true_type {
};
