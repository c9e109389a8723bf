#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "clients/errc.hpp"
#include "protocol/base/types.hpp"
#include "protocol/record/record.hpp"

namespace millrace::tools {

/// A record as it was read; the memory is that of the input. What the format does not have stays
/// empty.
struct InputRecord {
  std::optional<std::string_view> key;
  std::optional<std::string_view> value;
  std::vector<protocol::HeaderView> headers;
  std::optional<PartitionIndex> partition;
  std::optional<Timestamp> timestamp;
};

/// How `produce` reads records: fields, each ended by the text behind it.
///
///     %k key   %v value   %h headers, as in a=1,b=2   %p partition   %T timestamp in ms (also %d)
///
/// The last field is ended by a line end when nothing stands behind it; the end of the input ends
/// it too.
class InputFormat {
 public:
  [[nodiscard]] static clients::Outcome<InputFormat> parse(std::string_view format);

  /// Reads the record at the start of `input` and gives its length with everything that belongs to
  /// it; nothing if more input is needed, which never is so when this is `all_there_is` and `input`
  /// is not empty. Fails on input that is not of the format.
  [[nodiscard]] clients::Outcome<std::optional<std::size_t>> read(std::string_view input,
                                                                  bool all_there_is,
                                                                  InputRecord& into) const;

 private:
  struct Field {
    char verb = 0;
    std::string end;
  };
  std::string begin_;  // in front of the first field
  std::vector<Field> fields_;
};

}  // namespace millrace::tools
