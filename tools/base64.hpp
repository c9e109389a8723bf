#pragma once

#include <string>
#include <string_view>

namespace millrace::tools {

/// Appends `bytes` in base64, with the padding that makes it a multiple of four.
void append_base64(std::string& out, std::string_view bytes);

}  // namespace millrace::tools
