#pragma once

#include "protocol/base/result.hpp"
#include "protocol/error_code.hpp"

namespace millrace::broker {

/// What producers are told when the disk is full. KAFKA_STORAGE_ERROR would be the name for it, but
/// clients retry that until their delivery timeout of minutes, and the application hears nothing.
/// This one is final for librdkafka, Java and franz-go alike, and its name blames neither the
/// records nor the client's settings.
inline constexpr auto kNoSpace = protocol::ErrorCode::policy_violation;

/// The one place where errors of the libraries below become codes of the wire.
protocol::ErrorCode to_wire(const ErrorInfo& error);

}  // namespace millrace::broker
