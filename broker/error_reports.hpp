#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "protocol/base/clock.hpp"

namespace millrace::broker {

/// Which of the errors that are answered to clients get a line in the log. A core: the time comes
/// in. The same error of the same thing is told at once, and then at most once per `interval` with
/// how often it was held back; all errors together have at most `lines_max` lines per interval, so
/// that clients who make up names cannot flood the log. What has no line of its own is counted too.
///
/// One serves the whole broker; it is asked on the way to a log line only, from any thread.
class ErrorReports {
 public:
  struct Limits {
    std::chrono::nanoseconds interval = std::chrono::seconds{10};
    std::size_t lines_max = 30;
    std::size_t keys_max = 1'000;     // different errors that are told apart
    std::size_t key_bytes_max = 512;  // by which they are
  };
  struct Verdict {
    friend bool operator==(const Verdict&, const Verdict&) = default;
    bool told = false;
    std::uint64_t held_back = 0;  // of this error, since its last line
    std::uint64_t others = 0;     // of errors that had no line, since the last one of any
  };

  ErrorReports() = default;
  explicit ErrorReports(Limits limits) : limits_{limits} {}

  /// `key` names the error and what it is about.
  Verdict ask(std::string_view key, Instant now);

 private:
  struct Entry {
    Instant told_at;
    bool told = false;
    std::uint64_t held_back = 0;
  };
  [[nodiscard]] Entry& entry_for(std::string_view key);

  Limits limits_;
  std::mutex mutex_;
  std::map<std::string, Entry, std::less<>> entries_;
  Instant window_began_;
  std::size_t lines_ = 0;  // in the window
  std::uint64_t others_ = 0;
};

}  // namespace millrace::broker
