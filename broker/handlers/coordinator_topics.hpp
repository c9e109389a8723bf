#pragma once

#include <optional>
#include <string>

#include "broker/handlers/handler.hpp"

/// The internal topics are made when the first client needs a coordinator.
namespace millrace::broker {

/// Makes `__consumer_offsets` unless it is there. Gives why it could not be, or nothing; a failure
/// is also logged.
net::Awaitable<std::optional<std::string>> ensure_offsets_topic(RequestContext& context);
/// The same for `__transaction_state`.
net::Awaitable<std::optional<std::string>> ensure_transaction_topic(RequestContext& context);

}  // namespace millrace::broker
