#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "protocol/base/types.hpp"

/// Times as people read them in tables. Documents have milliseconds.
namespace millrace::tools {

/// "2026-01-31 18:00:00.123Z"
[[nodiscard]] std::string utc_text(Timestamp time);
/// "12 ms", "3.4 s", "5 min", "7.5 h", "12 d": two digits or more.
[[nodiscard]] std::string duration_text(std::chrono::milliseconds duration);

/// `text` without what could move the cursor: control characters become \xNN.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace millrace::tools
