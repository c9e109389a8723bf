#pragma once

#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "broker/group/consumer/records.hpp"
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
  auto& list = r.topic_partitions.emplace();
  if (owned == "-") return r;
  for (const auto& each : split(owned, ',')) {
    const auto parts = split(each, ':');
    auto& topic = list.emplace_back();
    topic.topic_id = topics.id_of(parts[0]).value();
    for (const auto& partition : split(parts.at(1), '+')) {
      topic.partitions.push_back(std::stoi(partition));
    }
  }
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
  explicit ShownChange(const FakeTopics& topics) : topics_{topics} {}

  std::string operator()(const EpochChange& c) const {
    if (!c.value) return "epoch deleted";
    return "epoch " + std::to_string(c.value->epoch) +
           (c.value->metadata_hash == 0 ? " topics unknown" : "");
  }
  std::string operator()(const SubscriptionChange& c) const {
    std::string line = "member " + c.member;
    if (!c.value) return line + " deleted";
    for (const auto& topic : c.value->subscribed_topic_names) line += " " + topic;
    if (c.value->subscribed_topic_regex) line += " ~" + *c.value->subscribed_topic_regex;
    if (c.value->instance_id) line += " instance=" + *c.value->instance_id;
    if (c.value->server_assignor) line += " assignor=" + *c.value->server_assignor;
    return line;
  }
  std::string operator()(const TargetEpochChange& c) const {
    return c.value ? "target epoch " + std::to_string(c.value->assignment_epoch)
                   : "target epoch deleted";
  }
  std::string operator()(const TargetChange& c) const {
    return "target " + c.member + ' ' + (c.value ? shown(*c.value, topics_) : "deleted");
  }
  std::string operator()(const ProgressChange& c) const {
    std::string line = "has " + c.member;
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
};

inline std::string shown(const protocol::ConsumerGroupDescribeResponse::DescribedGroup& group) {
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
    out << ' ' << m.member_id << "(epoch " << m.member_epoch << ": " << sets(m.assignment) << " of "
        << sets(m.target_assignment) << ')';
  }
  return out.str();
}

}  // namespace millrace::broker
