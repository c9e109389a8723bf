#pragma once

#include <optional>

#include "protocol/base/bytes.hpp"
#include "protocol/error_code.hpp"
#include "protocol/wire/codec.hpp"
#include "protocol/wire/frame.hpp"

namespace millrace::testing {

/// The answer that refuses all of a request with one error: for every topic, partition, group or
/// other item that the request names, and for the answer as a whole where it names none; a request
/// for nothing, whose answer has no error of its own, gets an answer about nothing. `frame` is the
/// request without its size. Nothing when the request cannot be read or its API is unknown.
std::optional<protocol::EncodedMessage> refuse(const SharedBytes& frame, protocol::ErrorCode error);

/// Whether the sender waits for an answer: always, but for a produce with acks 0.
bool wants_answer(const SharedBytes& frame);

}  // namespace millrace::testing
