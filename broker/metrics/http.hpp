#pragma once

#include <optional>
#include <ostream>
#include <string>
#include <string_view>

namespace millrace::broker {

/// A request head longer than this is refused.
inline constexpr std::size_t kHttpHeadBytesMax = 8 << 10;

/// What somebody wants from the metrics endpoint.
enum class HttpAsk { metrics, ready, elsewhere, other_method, malformed, too_long };
std::ostream& operator<<(std::ostream& out, HttpAsk ask);

/// Looks at what came so far of an HTTP/1 request; nothing while its head is not complete. Only the
/// request line is understood, headers are passed over, and a body is not read. A core.
std::optional<HttpAsk> read_http(std::string_view received);

/// A whole answer, after which the connection is closed. `status` such as "200 OK"; `allow` only
/// where the method was wrong.
std::string http_answer(std::string_view status, std::string_view type, std::string_view body,
                        bool allow_get_only = false);

}  // namespace millrace::broker
