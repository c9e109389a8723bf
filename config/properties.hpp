#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace millrace::config {

/// One `key=value` of a properties text, with its escapes resolved.
struct Property {
  friend bool operator==(const Property&, const Property&) = default;
  std::string key;
  std::string value;
  int line = 0;  // where its key stands, from 1
};

/// A place that could not be read.
struct SyntaxError {
  friend bool operator==(const SyntaxError&, const SyntaxError&) = default;
  int line = 0;
  std::string message;
};

struct Properties {
  std::vector<Property> entries;  // in the order of the text; a key may come more than once
  std::vector<SyntaxError> errors;
};

/// Reads the text of a `.properties` file, in UTF-8:
/// - lines that start with `#` or `!` are comments, blank lines are skipped;
/// - a key ends at the first `=`, `:` or blank; blanks around that are not part of the value;
/// - an odd number of backslashes at the end of a line continues it on the next one, whose leading
///   blanks are dropped;
/// - `\t \n \r \f`, `\\` and `\uXXXX` are escapes; a backslash before any other character is
/// dropped. A line that cannot be read becomes an error and is left out; the others are read all
/// the same.
Properties parse_properties(std::string_view text);

}  // namespace millrace::config
