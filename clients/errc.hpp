#pragma once

#include <boost/assert/source_location.hpp>
#include <boost/system/result.hpp>
#include <ostream>
#include <string>
#include <string_view>

#include "protocol/base/result.hpp"
#include "protocol/error_code.hpp"

namespace millrace::clients {

/// What kind of failure a client operation ended with, for programs; `ClientError::message` is for
/// people.
enum class Errc {
  unreachable = 1,    ///< no connection could be made: check the address, or wait for the broker
  connection_lost,    ///< the connection broke before the answer came: the request may have worked
  timed_out,          ///< the deadline passed first: the request may have worked
  stopped,            ///< this client was told to stop: make a new one
  unsupported,        ///< the broker does not speak the API or a version that can carry this
  malformed,          ///< the peer sent what is not the protocol: probably not a Kafka broker
  rejected,           ///< the broker said no: `ClientError::broker_code` tells what it said
  unknown_topic,      ///< the cluster has no such topic: create it, or check the name
  unknown_partition,  ///< the topic has no such partition
  no_leader,          ///< nobody leads the partition at the moment: wait, or bring brokers back
  buffer_full,        ///< the memory bound is reached: wait for deliveries, then try again
  too_large,          ///< one record exceeds what may be sent at all
  invalid_argument,   ///< options or arguments that cannot work, told before anything is sent
  sequence_broken,    ///< earlier records of the partition may be lost: make a new producer
  corrupt_data,       ///< fetched data that does not verify: the message says at which offset
  no_position,        ///< the consumer has no offset to start from and may not choose one
  fenced,             ///< somebody else took this member's or producer's place
  not_subscribed,     ///< the operation needs an assignment or a group that is not there
  out_of_turn,        ///< the call does not fit what was called before: the message says what does
  must_abort,         ///< the transaction cannot be committed any more: abort it, begin another
};
[[nodiscard]] std::string_view to_string(Errc errc);
std::ostream& operator<<(std::ostream& out, Errc errc);

/// Why a client operation failed. `message` says what failed, where (API, broker, topic), why, and
/// what to do about it.
struct ClientError {
  Errc code = Errc::rejected;
  protocol::ErrorCode broker_code = protocol::ErrorCode::none;  ///< set when a broker answered it
  std::string message;
  /// The same operation may succeed later without anybody changing anything. The client itself
  /// has already retried until its deadline.
  bool retriable = false;

  friend bool operator==(const ClientError&, const ClientError&) = default;
  friend std::ostream& operator<<(std::ostream& out, const ClientError& error);
};

/// A value, or why there is none: what every operation of this folder returns.
template <class T>
using Outcome = boost::system::result<T, ClientError>;

/// What a broker refused. `where` names API, broker and subject ("Produce to 10.0.0.1:9092 for
/// orders-3"); `detail` is the broker's own message, possibly empty.
[[nodiscard]] ClientError rejected(protocol::ErrorCode code, std::string_view where,
                                   std::string_view detail = {});
/// The coordinator of a group or transactional id is elsewhere now, or soon: look it up again.
[[nodiscard]] bool is_coordinator_moved(protocol::ErrorCode code);
/// What the network refused, under way to `where`.
[[nodiscard]] ClientError from_network(ErrorInfo error, std::string_view where);
/// Bytes that are not what the protocol says.
[[nodiscard]] ClientError malformed(std::string_view what, std::string_view where);

/// Called by `Outcome<T>::value()` when there is none.
[[noreturn]] void throw_exception_from_error(const ClientError& error,
                                             const boost::source_location& where);

}  // namespace millrace::clients
