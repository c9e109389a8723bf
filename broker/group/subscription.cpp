#include "broker/group/subscription.hpp"

#include <algorithm>
#include <utility>

#include "broker/group/record_codec.hpp"
#include "protocol/messages/consumer_protocol.hpp"

namespace millrace::broker {

namespace {

using protocol::ConsumerProtocolAssignment;
using protocol::ConsumerProtocolSubscription;

template <class Message>
struct Versioned {
  std::int16_t version = 0;
  Message message;
};

template <class Message>
std::optional<Versioned<Message>> decode(const SharedBytes& bytes) {
  protocol::Reader in{bytes};
  const auto version = in.integer<std::int16_t>();
  if (!in.ok() || version < 0) return std::nullopt;
  const auto known = std::min(version, Message::kVersions.last);
  auto message = protocol::MessageCodec<Message>::decode(in, known);
  if (!message) return std::nullopt;
  return Versioned<Message>{known, *std::move(message)};
}

/// `List` names topics; here they have ids.
template <class List>
PartitionSets by_id(const List& list, const TopicDirectory& topics) {
  PartitionSets sets;
  for (const auto& each : list) {
    const auto id = topics.id_of(each.topic);
    if (!id) continue;
    for (const std::int32_t partition : each.partitions) add(sets, *id, partition);
  }
  return sets;
}

}  // namespace

std::optional<ClassicSubscription> decode_subscription(const SharedBytes& metadata,
                                                       const TopicDirectory& topics) {
  auto decoded = decode<ConsumerProtocolSubscription>(metadata);
  if (!decoded) return std::nullopt;
  auto& message = decoded->message;
  return ClassicSubscription{.version = decoded->version,
                             .topics = std::move(message.topics),
                             .rack = std::move(message.rack_id),
                             .owned = by_id(message.owned_partitions, topics)};
}

std::optional<std::vector<std::string>> subscribed_topics(const SharedBytes& metadata) {
  auto decoded = decode<ConsumerProtocolSubscription>(metadata);
  if (!decoded) return std::nullopt;
  return std::move(decoded->message.topics);
}

std::optional<PartitionSets> decode_assignment(const SharedBytes& assignment,
                                               const TopicDirectory& topics) {
  const auto decoded = decode<ConsumerProtocolAssignment>(assignment);
  if (!decoded) return std::nullopt;
  return by_id(decoded->message.assigned_partitions, topics);
}

std::optional<NamedPartitions> assigned_partitions(const SharedBytes& assignment) {
  const auto decoded = decode<ConsumerProtocolAssignment>(assignment);
  if (!decoded) return std::nullopt;
  NamedPartitions named;
  for (const auto& each : decoded->message.assigned_partitions) {
    auto& all = named[each.topic];
    all.insert(all.end(), each.partitions.begin(), each.partitions.end());
  }
  return named;
}

SharedBytes encode_assignment(const PartitionSets& sets, std::int16_t version,
                              const TopicDirectory& topics) {
  ConsumerProtocolAssignment message;
  for (const auto& [id, partitions] : sets) {
    auto name = topics.name_of(id);
    if (name) message.assigned_partitions.push_back({*std::move(name), partitions});
  }
  return SharedBytes::from(encode_prefixed(version, message, version));
}

}  // namespace millrace::broker
