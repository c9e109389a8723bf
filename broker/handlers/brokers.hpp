#pragma once

#include <optional>
#include <string>

#include "broker/handlers/handler.hpp"
#include "broker/session.hpp"
#include "protocol/net/net.hpp"

namespace millrace::broker {

/// "Not requested" in the fields for authorized operations.
inline constexpr std::int32_t kOperationsNotRequested = std::numeric_limits<std::int32_t>::min();

/// All operations that Kafka knows on topics and on the cluster: without an authorizer everybody
/// may do everything. Bit n is operation n.
inline constexpr std::int32_t kAllTopicOperations = 0b1101'1111'1000;
inline constexpr std::int32_t kAllClusterOperations = 0b1'1111'1010'0000;
inline constexpr std::int32_t kAllGroupOperations = 0b1101'0100'1000;

/// Where clients of this connection are to reach this broker: the advertised address of the
/// listener they came in on, or else the very address at which they reached us.
net::Endpoint advertised(const RequestContext& context);

/// Where they are to reach `broker`: this one as above, another at its address for the listener
/// that they came in on. Nothing of one that is not registered, or lacks that listener.
std::optional<net::Endpoint> reached_at(const RequestContext& context, BrokerId broker);

}  // namespace millrace::broker
