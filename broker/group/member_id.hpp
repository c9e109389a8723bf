#pragma once

#include <string>
#include <string_view>

#include "protocol/base/types.hpp"

namespace millrace::broker {

/// A member's id: what people know it by, a dash, and a UUID in its usual spelling of 36
/// characters. A name so long that the id would not fit a record is cut, at a character's start.
[[nodiscard]] std::string make_member_id(std::string_view name, const Uuid& uuid);

}  // namespace millrace::broker
