#pragma once

#include <string_view>

/// What this binary was built from. cmake/version.cmake writes the definitions at build time.
namespace millrace::tools {

/// The release, as in `0.1.0`.
std::string_view version();

/// The first 12 hex digits of the commit, or `unknown` when the source was no git checkout.
std::string_view commit();

}  // namespace millrace::tools
