#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "clients/errc.hpp"
#include "protocol/record/record.hpp"
#include "tools/format_tokens.hpp"

namespace millrace::tools {

/// A record on its way out. The memory is somebody else's.
struct PrintedRecord {
  std::string_view topic;
  std::int32_t partition = 0;
  std::int64_t offset = 0;
  std::int64_t timestamp = 0;  ///< ms since 1970, -1: none
  std::optional<Bytes> key;
  std::optional<Bytes> value;
  protocol::HeaderRange headers;
  std::uint64_t number = 0;  ///< from 1 on, of all that were printed
};

/// How `consume` writes records:
///
///     %t topic   %p partition   %o offset   %T timestamp in ms (also %d)
///     %k key     %v value       %K %V their sizes in bytes, -1 for null
///     %h headers, as in a=1,b=2             %H how many
///     %i number of the record, from 1 on    %n line end
///
/// A null key or value prints nothing.
class PrintFormat {
 public:
  [[nodiscard]] static clients::Outcome<PrintFormat> parse(std::string_view format);
  void append(std::string& out, const PrintedRecord& record) const;

 private:
  std::vector<FormatToken> tokens_;
};

/// One JSON object and a line end: topic, partition, offset, timestamp, key, value, headers (a list
/// of key and value). Null stays null. Bytes that are not UTF-8 go, in base64, under the name with
/// `_base64` behind it instead.
void append_json(std::string& out, const PrintedRecord& record);

}  // namespace millrace::tools
