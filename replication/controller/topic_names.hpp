#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace millrace::replication {

inline constexpr std::string_view kOffsetsTopic = "__consumer_offsets";
inline constexpr std::string_view kTransactionTopic = "__transaction_state";

/// Topics that the broker itself writes; clients may read but not write them.
bool is_internal_topic(std::string_view name);

/// Why `name` cannot be a topic's name, or nothing when it can: 1 to 249 of [a-zA-Z0-9._-], not "."
/// or "..".
std::optional<std::string> invalid_topic_name(std::string_view name);

/// The name with '.' and '_' made equal: two topics may not differ in that alone.
std::string collision_key(std::string_view name);

}  // namespace millrace::replication
