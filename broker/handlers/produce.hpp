#pragma once

#include "broker/handlers/handler.hpp"
#include "broker/session.hpp"

namespace millrace::broker {

/// Starts a produce request: its batches are validated and appended by the shards of their
/// partitions, in the order of the requests of this connection, and `slot` of the session is
/// completed when all of them may be acknowledged. Returns at once. False when the request cannot
/// be decoded; nothing was done then.
bool begin_produce(RequestContext& context, protocol::Reader& in, Session::Slot slot);

}  // namespace millrace::broker
