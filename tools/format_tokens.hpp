#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "clients/errc.hpp"

namespace millrace::tools {

/// A piece of a record format: a verb such as `%k`, or text that stands for itself.
struct FormatToken {
  char verb = 0;  ///< 0: text
  std::string text;
  friend bool operator==(const FormatToken&, const FormatToken&) = default;
};

/// Cuts a format such as `%k\t%v\n` into verbs and texts; neighbouring texts become one. Knows the
/// escapes `\n \t \r \0 \\ \xHH` and `%%`. Verbs that are not among `verbs` are a usage error.
[[nodiscard]] clients::Outcome<std::vector<FormatToken>> tokenize_format(std::string_view format,
                                                                         std::string_view verbs);

}  // namespace millrace::tools
