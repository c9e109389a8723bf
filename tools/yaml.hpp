#pragma once

#include <boost/json/value.hpp>
#include <string>

namespace millrace::tools {

/// The value as a YAML document in block style, ended by a line end. Strings that a YAML reader
/// could take for something else are quoted.
[[nodiscard]] std::string to_yaml(const boost::json::value& value);

}  // namespace millrace::tools
