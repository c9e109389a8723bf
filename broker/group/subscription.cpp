#include "broker/group/subscription.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "protocol/messages/consumer_protocol.hpp"

namespace millrace::broker {

std::optional<std::vector<std::string>> subscribed_topics(const SharedBytes& metadata) {
  using protocol::ConsumerProtocolSubscription;
  protocol::Reader in{metadata};
  const auto version = in.integer<std::int16_t>();
  if (!in.ok() || version < 0) return std::nullopt;
  auto subscription = protocol::MessageCodec<ConsumerProtocolSubscription>::decode(
      in, std::min(version, ConsumerProtocolSubscription::kVersions.last));
  if (!subscription) return std::nullopt;
  return std::move(subscription->topics);
}

}  // namespace millrace::broker
