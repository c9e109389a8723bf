#pragma once

#include <optional>
#include <string>
#include <vector>

#include "broker/handlers/handler.hpp"
#include "broker/session.hpp"
#include "protocol/net/net.hpp"
#include "replication/controller/image.hpp"

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

/// A broker as a client of this connection sees it.
struct VisibleBroker {
  BrokerId id;
  net::Endpoint at;
  std::optional<std::string> rack;
  bool fenced = false;
};

/// Those that the client can reach by its listener, by id; fenced ones are down, or not up yet.
std::vector<VisibleBroker> visible_brokers(const RequestContext& context,
                                           const replication::MetadataImage& image,
                                           bool fenced_too);

/// The active controller, if clients can talk to it; else this broker, which passes on what is for
/// the controller.
net::Awaitable<BrokerId> controller_for(RequestContext& context);

}  // namespace millrace::broker
