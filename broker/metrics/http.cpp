#include "broker/metrics/http.hpp"

#include <fmt/format.h>

namespace millrace::broker {

std::ostream& operator<<(std::ostream& out, HttpAsk ask) {
  switch (ask) {
    case HttpAsk::metrics:
      return out << "metrics";
    case HttpAsk::ready:
      return out << "ready";
    case HttpAsk::elsewhere:
      return out << "elsewhere";
    case HttpAsk::other_method:
      return out << "other_method";
    case HttpAsk::malformed:
      return out << "malformed";
    case HttpAsk::too_long:
      return out << "too_long";
  }
  return out << "unknown";
}

std::optional<HttpAsk> read_http(std::string_view received) {
  const auto head_end = received.find("\r\n\r\n");
  if (head_end == std::string_view::npos) {
    if (received.size() >= kHttpHeadBytesMax) return HttpAsk::too_long;
    return std::nullopt;
  }
  if (head_end > kHttpHeadBytesMax) return HttpAsk::too_long;
  const auto line = received.substr(0, received.find("\r\n"));
  const auto method_end = line.find(' ');
  const auto target_end = line.rfind(' ');
  if (method_end == std::string_view::npos || target_end == method_end || method_end == 0 ||
      !line.substr(target_end + 1).starts_with("HTTP/1."))
    return HttpAsk::malformed;
  const auto target = line.substr(method_end + 1, target_end - method_end - 1);
  const auto path = target.substr(0, target.find('?'));
  const bool known = path == "/metrics" || path == "/ready";
  if (!known) return HttpAsk::elsewhere;
  if (line.substr(0, method_end) != "GET") return HttpAsk::other_method;
  return path == "/metrics" ? HttpAsk::metrics : HttpAsk::ready;
}

std::string http_answer(std::string_view status, std::string_view type, std::string_view body,
                        bool allow_get_only) {
  return fmt::format(
      "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n{}Connection: close\r\n\r\n{}",
      status, type, body.size(), allow_get_only ? "Allow: GET\r\n" : "", body);
}

}  // namespace millrace::broker
