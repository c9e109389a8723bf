#include "tools/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/serialize.hpp>

#include "tools/yaml.hpp"

namespace millrace::tools {
namespace {

bool is_number(std::string_view cell) {
  return !cell.empty() && cell.find_first_not_of("0123456789.-") == std::string_view::npos;
}

/// Code points, so that a name with umlauts does not push its row aside.
std::size_t width_of(std::string_view text) {
  const auto begins = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; };
  return static_cast<std::size_t>(std::ranges::count_if(text, begins));
}

struct Column {
  std::size_t width = 0;
  bool to_the_right = true;
};

std::string line_of(const std::vector<std::string>& cells, const std::vector<Column>& columns) {
  std::string line;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const std::string blanks(columns[i].width - width_of(cells[i]), ' ');
    if (i > 0) line += "  ";
    line += columns[i].to_the_right ? blanks + cells[i] : cells[i] + blanks;
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line + '\n';
}

}  // namespace

std::string to_text(const Table& table) {
  const auto& first = table.header.empty() && !table.rows.empty() ? table.rows[0] : table.header;
  std::vector<Column> columns(first.size());
  for (std::size_t i = 0; i < columns.size(); ++i) {
    columns[i].width = width_of(first[i]);
    columns[i].to_the_right = !table.rows.empty();
    for (const auto& row : table.rows) {
      columns[i].width = std::max(columns[i].width, width_of(row[i]));
      if (!is_number(row[i]) && row[i] != "-") columns[i].to_the_right = false;
    }
  }
  std::string text = table.title.empty() ? "" : table.title + '\n';
  if (!table.header.empty()) text += line_of(table.header, columns);
  for (const auto& row : table.rows) text += line_of(row, columns);
  return text;
}

std::string to_text(const Report& report, OutputForm form) {
  switch (form) {
    case OutputForm::json:
      return boost::json::serialize(report.document) + '\n';
    case OutputForm::yaml:
      return to_yaml(report.document);
    case OutputForm::table:
      break;
  }
  std::string text;
  for (const auto& table : report.tables) {
    if (!text.empty()) text += '\n';
    text += to_text(table);
  }
  return text;
}

}  // namespace millrace::tools
