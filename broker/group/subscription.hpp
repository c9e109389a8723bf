#pragma once

#include <optional>
#include <string>
#include <vector>

#include "protocol/base/bytes.hpp"

namespace millrace::broker {

/// The topics that a member of protocol type "consumer" subscribes to, from the bytes it joined
/// with (a version as int16, then `ConsumerProtocolSubscription`; of a version from the future the
/// part that we know is read). Nothing when the bytes are something else: such clients exist.
[[nodiscard]] std::optional<std::vector<std::string>> subscribed_topics(
    const SharedBytes& metadata);

}  // namespace millrace::broker
