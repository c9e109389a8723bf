#pragma once

#include <string_view>

namespace millrace::tools {

/// Whether the bytes are well-formed UTF-8: no overlong forms, no surrogates, nothing past
/// U+10FFFF.
[[nodiscard]] bool is_utf8(std::string_view bytes);

}  // namespace millrace::tools
