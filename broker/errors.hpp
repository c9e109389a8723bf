#pragma once

#include "protocol/base/result.hpp"
#include "protocol/error_code.hpp"

namespace millrace::broker {

/// The one place where errors of the libraries below become codes of the wire.
protocol::ErrorCode to_wire(const ErrorInfo& error);

}  // namespace millrace::broker
