#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/base/bytes.hpp"

namespace millrace::tools {

/// One line of a dump: a type and named fields, as `  batch offset=0 codec=none` for people or as
/// one JSON object for programs.
class DumpRow {
 public:
  /// For people the line is indented by `depth` steps, and fields that are null are left out.
  DumpRow(std::string_view type, bool json, int depth);

  void number(std::string_view name, std::int64_t value);
  /// -1 stands for none: null.
  void number_or_none(std::string_view name, std::int64_t value);
  void text(std::string_view name, std::string_view value);
  /// For people only the name, and only when it is true.
  void flag(std::string_view name, bool value);
  /// At most `bytes_max` of the bytes; how many there are goes under `<name>_bytes` when that is
  /// more. In JSON bytes that are not UTF-8 go in base64 under `<name>_base64`; for people they are
  /// escaped as in C.
  void bytes(std::string_view name, const std::optional<Bytes>& value, std::size_t bytes_max);
  /// For people as JSON text.
  void value(std::string_view name, boost::json::value value);

  /// The fields of a row of JSON.
  [[nodiscard]] boost::json::object object() && { return std::move(object_); }
  /// With its line end.
  [[nodiscard]] std::string take() &&;

 private:
  void put(std::string_view name, std::string_view shown);

  bool json_;
  std::string line_;
  boost::json::object object_;
};

/// In double quotes; what is not printable ASCII is escaped as in C.
[[nodiscard]] std::string quoted(std::string_view bytes);

}  // namespace millrace::tools
