#pragma once

#include <boost/json/value.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::tools {

enum class OutputForm { table, json, yaml };

/// Columns of text for people. A column whose every cell is a number is set to the right.
struct Table {
  std::string title;  ///< a line above it; may be empty
  std::vector<std::string> header;
  std::vector<std::vector<std::string>>
      rows;  ///< as many cells each as the header has, if there is one
};

/// What a command has found out, for people and for programs. The document is the contract with
/// scripts: fields are added, never renamed or removed.
struct Report {
  boost::json::value document;
  std::vector<Table> tables;
};

/// Ends with a line end, unless it is empty.
[[nodiscard]] std::string to_text(const Table& table);
[[nodiscard]] std::string to_text(const Report& report, OutputForm form);

}  // namespace millrace::tools
