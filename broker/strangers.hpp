#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "protocol/base/bytes.hpp"
#include "protocol/base/clock.hpp"

namespace millrace::broker {

/// What the first bytes of something that is not Kafka's protocol look like, and what to do about
/// it: a TLS hello, HTTP, or nothing we know. One sentence for the log.
std::string describe_stranger(Bytes first_bytes);

/// `text` fit for one log line: control characters and non-ASCII bytes escaped as \xNN, cut off
/// with "..." behind `length_max` characters.
std::string escaped(std::string_view text, std::size_t length_max = 120);

/// Lets one line per key and interval through, and counts what it held back. One serves the whole
/// broker, so that a flood is one line and not one per shard; it is asked on the way to a log line
/// only, and safe from any thread.
class LogLimiter {
 public:
  explicit LogLimiter(std::chrono::nanoseconds interval) : interval_{interval} {}
  struct Verdict {
    bool allowed = false;
    std::uint64_t held_back = 0;  // since the last line that was let through
  };
  Verdict ask(std::string_view key, Instant now);

 private:
  static constexpr std::size_t kKeysMax = 1000;  // beyond it, the table is started afresh
  struct Entry {
    Instant last;
    std::uint64_t held_back = 0;
  };
  std::chrono::nanoseconds interval_;
  std::mutex mutex_;
  std::map<std::string, Entry, std::less<>> entries_;
};

}  // namespace millrace::broker
