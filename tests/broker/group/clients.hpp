#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "broker/group/coordinator.hpp"
#include "broker/group/record_codec.hpp"
#include "broker/group/subscription.hpp"
#include "protocol/messages/consumer_protocol.hpp"
#include "tests/broker/group/topics.hpp"

/// Honest clients of one group for the model test: they do what they are told, and have at most one
/// request on its way.
namespace millrace::broker {

using ClientRequest = std::variant<protocol::ConsumerGroupHeartbeatRequest,
                                   protocol::JoinGroupRequest, protocol::SyncGroupRequest,
                                   protocol::HeartbeatRequest, protocol::LeaveGroupRequest>;

/// How a client speaks: the consumer protocol, or the classic one, where it gives up all before it
/// joins again (eager) or only what it is told to (cooperative).
enum class Speech { consumer, eager, cooperative };

class GroupMemberClient {
 public:
  GroupMemberClient(std::string name, Speech speech, std::optional<std::string> instance)
      : name_{std::move(name)}, instance_{std::move(instance)}, speech_{speech} {
    if (speech_ == Speech::consumer) id_ = name_;
  }

  void subscribe(std::vector<std::string> topics, std::optional<std::string> regex) {
    topics_ = std::move(topics);
    if (speech_ == Speech::consumer) {
      regex_ = std::move(regex);
    } else if (topics_.empty()) {
      topics_ = {"t"};
    }
    must_join_ = true;
    news_ = true;
  }
  void die() { alive_ = false; }
  void leave() { leaving_ = alive_; }

  [[nodiscard]] bool is_alive() const { return alive_; }
  /// Of the classic protocol, and it has not got its share of this generation yet.
  [[nodiscard]] bool is_joining() const { return is_classic() && (must_join_ || must_sync_); }
  [[nodiscard]] bool is_classic() const { return speech_ != Speech::consumer; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::string& id() const { return id_; }
  [[nodiscard]] const std::optional<std::string>& instance() const { return instance_; }
  [[nodiscard]] const std::vector<std::string>& topics() const { return topics_; }
  [[nodiscard]] const std::optional<std::string>& regex() const { return regex_; }
  [[nodiscard]] const PartitionSets& owned() const { return owned_; }
  [[nodiscard]] std::int32_t epoch() const { return epoch_; }

  /// What it would send now, if anything.
  std::optional<ClientRequest> next(const std::string& group, const FakeTopics& topics, Rng& rng) {
    if (waiting_ || !alive_) return std::nullopt;
    auto request = is_classic() ? next_classic(group, topics) : next_consumer(group, rng);
    waiting_ = request.has_value();
    return request;
  }
  /// Its request came to nothing that it heard of.
  void answer_lost() {
    waiting_ = false;
    tells_all_ = true;
    must_join_ = true;
  }
  /// Empty, or what no honest client should be told.
  std::string hear(const GroupReply::Response& response, const FakeTopics& topics) {
    waiting_ = false;
    return std::visit([&](const auto& each) { return told(each, topics); }, response);
  }

 private:
  using ErrorCode = protocol::ErrorCode;

  std::optional<ClientRequest> next_consumer(const std::string& group, Rng& rng) {
    protocol::ConsumerGroupHeartbeatRequest request;
    request.group_id = group;
    request.member_id = id_;
    request.instance_id = instance_;
    request.member_epoch = epoch_;
    const bool all = epoch_ == 0 || tells_all_;
    if (leaving_) {
      if (epoch_ == 0) return die(), std::nullopt;
      request.member_epoch = instance_ && rng.chance(2, 3) ? -2 : -1;
      owned_.clear();
    } else if (all || news_) {
      request.subscribed_topic_names = topics_;
      request.subscribed_topic_regex = regex_.value_or("");
    }
    if (all) request.rebalance_timeout_ms = 4'000;
    if (all || owned_ != reported_ || rng.chance(1, 2)) {
      reported_ = owned_;
      using List = decltype(request.topic_partitions)::value_type;
      request.topic_partitions = listed<List>(owned_);
    }
    news_ = tells_all_ = false;
    return request;
  }

  std::optional<ClientRequest> next_classic(const std::string& group, const FakeTopics& topics) {
    if (leaving_) {
      owned_.clear();
      if (id_.empty()) return die(), std::nullopt;
      return protocol::LeaveGroupRequest{group, {}, {{id_, instance_, {}}}};
    }
    if (must_join_) return join(group, topics);
    if (must_sync_) {
      protocol::SyncGroupRequest request;
      request.group_id = group;
      request.generation_id = epoch_;
      request.member_id = id_;
      request.group_instance_id = instance_;
      request.assignments = std::exchange(assignments_, {});
      return request;
    }
    return protocol::HeartbeatRequest{group, epoch_, id_, instance_};
  }

  ClientRequest join(const std::string& group, const FakeTopics& topics) {
    if (speech_ == Speech::eager) owned_.clear();
    protocol::ConsumerProtocolSubscription subscription;
    subscription.topics = topics_;
    for (const auto& [id, partitions] : owned_) {
      const auto name = topics.name_of(id);
      if (name) subscription.owned_partitions.push_back({*name, partitions});
    }
    protocol::JoinGroupRequest request;
    request.group_id = group;
    request.session_timeout_ms = 10'000;
    request.rebalance_timeout_ms = 4'000;
    request.member_id = id_;
    request.group_instance_id = instance_;
    request.protocol_type = "consumer";
    const auto version = std::int16_t{1};
    request.protocols = {{"p", SharedBytes::from(encode_prefixed(version, subscription, version))}};
    return request;
  }

  std::string told(const protocol::ConsumerGroupHeartbeatResponse& response, const FakeTopics&) {
    switch (response.error_code) {
      case ErrorCode::none:
        break;
      case ErrorCode::fenced_member_epoch:
      case ErrorCode::unknown_member_id:
      case ErrorCode::group_id_not_found:
        epoch_ = 0;
        owned_.clear();
        if (leaving_) die();
        return "";
      case ErrorCode::fenced_instance_id:
        return die(), "";
      case ErrorCode::unreleased_instance_id:
      case ErrorCode::coordinator_not_available:
      case ErrorCode::not_coordinator:
        tells_all_ = true;
        return "";
      default:
        return "no honest member is told " + std::string{to_string(response.error_code)};
    }
    if (leaving_) return die(), "";
    if (response.member_epoch < std::max(epoch_, 1)) return "a member's epoch never goes back";
    epoch_ = response.member_epoch;
    if (response.assignment) owned_ = sets_of(response.assignment->topic_partitions);
    return "";
  }

  std::string told(const protocol::JoinGroupResponse& response, const FakeTopics& topics) {
    switch (response.error_code) {
      case ErrorCode::none:
        break;
      case ErrorCode::member_id_required:
        id_ = response.member_id;
        return "";
      case ErrorCode::unknown_member_id:
        return start_over();
      case ErrorCode::fenced_instance_id:
        return die(), "";
      case ErrorCode::rebalance_in_progress:
      case ErrorCode::coordinator_not_available:
      case ErrorCode::not_coordinator:
        return "";
      default:
        return "no honest classic member is told " + std::string{to_string(response.error_code)};
    }
    id_ = response.member_id;
    epoch_ = response.generation_id;
    must_join_ = false;
    must_sync_ = true;
    if (response.leader == id_) assign(response, topics);
    return "";
  }
  std::string told(const protocol::SyncGroupResponse& response, const FakeTopics& topics) {
    if (response.error_code != ErrorCode::none) return classic_error(response.error_code);
    must_sync_ = false;
    auto mine = decode_assignment(response.assignment, topics).value_or(PartitionSets{});
    // A cooperative member that gave something up asks for the next round.
    must_join_ = speech_ == Speech::cooperative && !without(owned_, mine).empty();
    owned_ = std::move(mine);
    return "";
  }
  std::string told(const protocol::HeartbeatResponse& response, const FakeTopics&) {
    return classic_error(response.error_code);
  }
  std::string told(const protocol::LeaveGroupResponse&, const FakeTopics&) { return die(), ""; }
  std::string told(const auto&, const FakeTopics&) { return "an answer of another kind"; }

  std::string classic_error(ErrorCode error) {
    switch (error) {
      case ErrorCode::none:
      case ErrorCode::coordinator_not_available:
      case ErrorCode::not_coordinator:
        return "";
      case ErrorCode::rebalance_in_progress:
        must_join_ = true;
        return "";
      case ErrorCode::illegal_generation:
        owned_.clear();
        must_join_ = true;
        return "";
      case ErrorCode::unknown_member_id:
        return start_over();
      case ErrorCode::fenced_instance_id:
        return die(), "";
      default:
        return "no honest classic member is told " + std::string{to_string(error)};
    }
  }
  std::string start_over() {
    id_.clear();
    owned_.clear();
    must_join_ = true;
    return "";
  }

  /// As leader: everybody in turn; what a cooperative member still has waits for the next round.
  void assign(const protocol::JoinGroupResponse& response, const FakeTopics& topics) {
    std::map<std::string, PartitionSets> given;
    std::map<std::pair<TopicId, std::int32_t>, std::string> owners;
    std::map<std::string, std::vector<std::string>> readers;  // by topic
    for (const auto& member : response.members) {
      const auto wanted = decode_subscription(member.metadata, topics).value();
      given[member.member_id];
      for (const auto& name : wanted.topics) readers[name].push_back(member.member_id);
      for (const auto& [id, partitions] : wanted.owned) {
        for (const auto p : partitions) owners[{id, p}] = member.member_id;
      }
    }
    std::size_t turn = 0;
    for (const auto& [name, members] : readers) {
      const auto shape = topics.shape_of(name);
      for (std::int32_t p = 0; shape && p < shape->partitions; ++p) {
        const std::string& to = members[turn++ % members.size()];
        const auto owner = owners.find({shape->id, p});
        if (owner == owners.end() || owner->second == to) add(given[to], shape->id, p);
      }
    }
    for (const auto& [member, sets] : given) {
      assignments_.push_back({member, encode_assignment(sets, 1, topics)});
    }
  }

  std::string name_;
  std::string id_;  // empty for a classic one until it is given one
  std::optional<std::string> instance_;
  Speech speech_;
  std::vector<std::string> topics_;
  std::optional<std::string> regex_;
  bool alive_ = true;
  bool leaving_ = false;
  bool waiting_ = false;
  std::int32_t epoch_ = 0;  // or generation
  PartitionSets owned_;     // what it reads from
  PartitionSets reported_;  // what it last said to have
  bool tells_all_ = true;   // the next heartbeat is a whole one
  bool news_ = false;       // it subscribes to something else
  bool must_join_ = true;   // classic
  bool must_sync_ = false;  // classic
  std::vector<protocol::SyncGroupRequest::SyncGroupRequestAssignment> assignments_;
};

}  // namespace millrace::broker
