#include "broker/strangers.hpp"

#include <fmt/format.h>

#include <array>

namespace millrace::broker {

std::string describe_stranger(Bytes first_bytes) {
  const std::string_view text = as_text(first_bytes);
  constexpr std::array<std::string_view, 7> kHttpMethods{"GET ",    "POST ",    "HEAD ",   "PUT ",
                                                         "DELETE ", "OPTIONS ", "CONNECT "};
  for (const auto method : kHttpMethods) {
    if (text.starts_with(method.substr(0, 4))) {
      return "this looks like an HTTP request: point the browser or probe at another port, this "
             "one "
             "speaks Kafka's protocol";
    }
  }
  if (text.size() >= 2 && text[0] == '\x16' && text[1] == '\x03') {
    return "this looks like a TLS hello: the listener is PLAINTEXT, so set "
           "security.protocol=PLAINTEXT in the client";
  }
  return fmt::format(
      "this is not Kafka's protocol, or a request larger than socket.request.max.bytes; it begins "
      "with \"{}\"",
      escaped(text.substr(0, 16)));
}

std::string escaped(std::string_view text, std::size_t length_max) {
  std::string out;
  for (const char c : text) {
    if (out.size() >= length_max) return out + "...";
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f && c != '"' && c != '\\') {
      out.push_back(c);
    } else {
      out += fmt::format("\\x{:02x}", byte);
    }
  }
  return out;
}

LogLimiter::Verdict LogLimiter::ask(std::string_view key, Instant now) {
  const std::scoped_lock lock{mutex_};
  if (entries_.size() >= kKeysMax) entries_.clear();
  const auto found = entries_.find(key);
  if (found == entries_.end()) {
    entries_.emplace(std::string{key}, Entry{.last = now});
    return {.allowed = true};
  }
  Entry& entry = found->second;
  if (now - entry.last < interval_) {
    ++entry.held_back;
    return {};
  }
  const Verdict verdict{.allowed = true, .held_back = entry.held_back};
  entry = {.last = now};
  return verdict;
}

}  // namespace millrace::broker
