#pragma once

#include <boost/json/value.hpp>
#include <optional>

#include "protocol/base/bytes.hpp"

namespace millrace::tools {

/// A record of `__consumer_offsets` with the protocol's names for its fields; null for a part that
/// is null or of a type or version that this build does not know.
struct GroupRecordText {
  boost::json::value key;
  boost::json::value value;
};
[[nodiscard]] GroupRecordText decode_group_record(const std::optional<Bytes>& key,
                                                  const std::optional<Bytes>& value);

}  // namespace millrace::tools
