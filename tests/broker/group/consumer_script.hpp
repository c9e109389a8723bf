#pragma once

#include <algorithm>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "broker/group/consumer/records.hpp"
#include "broker/group/record_codec.hpp"
#include "broker/group/subscription.hpp"
#include "protocol/messages/consumer_protocol.hpp"
#include "tests/broker/group/script.hpp"

/// How scenarios write down heartbeats of the consumer protocol and what comes of them. Partitions
/// are written `t:0+1,u:3`, none as `-`.
namespace millrace::broker {

inline std::string shown(const PartitionSets& sets, const FakeTopics& topics) {
  std::ostringstream out;
  for (const auto& [topic, partitions] : sets) {
    if (out.tellp() > 0) out << ',';
    out << topics.name_of(topic).value_or("gone");
    for (const auto partition : partitions) {
      out << (partition == partitions.front() ? ':' : '+') << partition;
    }
  }
  return sets.empty() ? "-" : out.str();
}

/// Back again; the topics exist.
inline PartitionSets sets_in(const std::string& text, const FakeTopics& topics) {
  PartitionSets sets;
  if (text == "-") return sets;
  for (const auto& each : split(text, ',')) {
    const auto parts = split(each, ':');
    for (const auto& partition : split(parts.at(1), '+')) {
      add(sets, topics.id_of(parts[0]).value(), std::stoi(partition));
    }
  }
  return sets;
}

/// `hb GROUP member=M epoch=N [topics=t,u] [regex=..] [owned=t:0+1] [instance=] [rack=]
/// [assignor=]`. Who joins (epoch 0) says to own nothing, and has a rebalance timeout of a minute.
inline protocol::ConsumerGroupHeartbeatRequest heartbeat_of(const ScriptStep& s,
                                                            const FakeTopics& topics) {
  protocol::ConsumerGroupHeartbeatRequest r;
  r.group_id = s.word(0);
  r.member_id = s.text("member");
  r.member_epoch = s.number("epoch", 0);
  r.instance_id = s.maybe("instance");
  r.rack_id = s.maybe("rack");
  r.rebalance_timeout_ms = s.number("rebalance", r.member_epoch == 0 ? 60'000 : -1);
  if (s.options.contains("topics")) r.subscribed_topic_names = split(s.text("topics"), ',');
  r.subscribed_topic_regex = s.maybe("regex");
  r.server_assignor = s.maybe("assignor");
  const auto owned = s.text("owned", r.member_epoch == 0 ? "-" : "");
  if (owned.empty()) return r;
  using List = decltype(r.topic_partitions)::value_type;
  r.topic_partitions = listed<List>(sets_in(owned, topics));
  return r;
}

inline std::string shown(const protocol::ConsumerGroupHeartbeatResponse& r,
                         const FakeTopics& topics) {
  std::ostringstream out;
  out << "hb ";
  if (r.error_code != protocol::ErrorCode::none) {
    out << protocol::to_string(r.error_code);
    return out.str();
  }
  out << "ok " << r.member_id.value_or("-") << " epoch=" << r.member_epoch;
  if (r.assignment) out << ' ' << shown(sets_of(r.assignment->topic_partitions), topics);
  if (r.member_epoch > 0 && r.heartbeat_interval_ms != 5'000) {
    out << " again in " << r.heartbeat_interval_ms << " ms";
  }
  return out.str();
}

class ShownChange {
 public:
  ShownChange(const FakeTopics& topics, MemberNames& names) : topics_{topics}, names_{names} {}

  std::string operator()(const EpochChange& c) const {
    if (!c.value) return "epoch deleted";
    return "epoch " + std::to_string(c.value->epoch) +
           (c.value->metadata_hash == 0 ? " topics unknown" : "");
  }
  std::string operator()(const SubscriptionChange& c) const {
    std::string line = "member " + names_.name_of(c.member);
    if (!c.value) return line + " deleted";
    for (const auto& topic : c.value->subscribed_topic_names) line += " " + topic;
    if (c.value->subscribed_topic_regex) line += " ~" + *c.value->subscribed_topic_regex;
    if (c.value->instance_id) line += " instance=" + *c.value->instance_id;
    if (c.value->classic_member_metadata) line += " classic";
    if (c.value->server_assignor) line += " assignor=" + *c.value->server_assignor;
    return line;
  }
  std::string operator()(const TargetEpochChange& c) const {
    return c.value ? "target epoch " + std::to_string(c.value->assignment_epoch)
                   : "target epoch deleted";
  }
  std::string operator()(const TargetChange& c) const {
    return "target " + names_.name_of(c.member) + ' ' +
           (c.value ? shown(*c.value, topics_) : "deleted");
  }
  std::string operator()(const ProgressChange& c) const {
    std::string line = "has " + names_.name_of(c.member);
    if (!c.value) return line + " deleted";
    line += " epoch " + std::to_string(c.value->epoch) + " " + shown(c.value->assigned, topics_);
    if (!c.value->revoking.empty()) line += " gives up " + shown(c.value->revoking, topics_);
    if (c.value->state == MemberState::unreleased_partitions) line += " waits";
    return line;
  }
  std::string operator()(const RegexChange& c) const {
    std::string line = "regex " + c.regex;
    if (!c.value) return line + " deleted";
    for (const auto& topic : c.value->topics) line += " " + topic;
    return line;
  }

 private:
  const FakeTopics& topics_;
  MemberNames& names_;
};

inline bool is_printable(const SharedBytes& bytes) {
  const auto text = as_text(bytes.view());
  return std::ranges::all_of(text, [](unsigned char c) { return c >= ' '; });
}

/// What classic members of protocol type "consumer" join with: `topics=t,u [owned=t:0+1]`.
inline SharedBytes subscription_of(const ScriptStep& s) {
  protocol::ConsumerProtocolSubscription subscription;
  subscription.topics = split(s.text("topics"), ',');
  for (const auto& each : split(s.text("owned"), ',')) {
    const auto parts = split(each, ':');
    auto& topic = subscription.owned_partitions.emplace_back();
    topic.topic = parts[0];
    for (const auto& partition : split(parts.at(1), '+')) {
      topic.partitions.push_back(std::stoi(partition));
    }
  }
  return SharedBytes::from(encode_prefixed(std::int16_t{1}, subscription, std::int16_t{1}));
}

/// Opaque bytes of a JoinGroup: text as it is, a subscription as the topics in it.
inline std::string opaque(const SharedBytes& bytes) {
  if (is_printable(bytes)) return std::string{as_text(bytes.view())};
  std::string topics;
  const auto subscribed = subscribed_topics(bytes).value();
  for (const auto& topic : subscribed) topics += '/' + topic;
  return topics;
}

/// Opaque bytes of a SyncGroup: text as it is, an assignment as its partitions.
inline std::string assigned(const SharedBytes& bytes, const FakeTopics& topics) {
  if (is_printable(bytes)) return std::string{as_text(bytes.view())};
  return shown(decode_assignment(bytes, topics).value(), topics);
}

inline std::string shown(const protocol::ConsumerGroupDescribeResponse::DescribedGroup& group,
                         MemberNames& names) {
  const auto sets = [](const auto& assignment) {
    std::string text;
    for (const auto& topic : assignment.topic_partitions) {
      text += (text.empty() ? "" : ",") + topic.topic_name;
      for (const auto partition : topic.partitions) {
        text += (partition == topic.partitions.front() ? ":" : "+") + std::to_string(partition);
      }
    }
    return text.empty() ? std::string{"-"} : text;
  };
  if (group.error_code != protocol::ErrorCode::none) {
    return std::string{protocol::to_string(group.error_code)};
  }
  std::ostringstream out;
  out << group.group_state << " epoch=" << group.group_epoch << '/' << group.assignment_epoch << ' '
      << group.assignor_name;
  for (const auto& m : group.members) {
    out << ' ' << names.name_of(m.member_id) << (m.member_type == 0 ? "(classic epoch " : "(epoch ")
        << m.member_epoch << ": " << sets(m.assignment) << " of " << sets(m.target_assignment)
        << ')';
  }
  return out.str();
}

}  // namespace millrace::broker
