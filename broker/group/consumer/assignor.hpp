#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/group/consumer/partition_sets.hpp"
#include "protocol/base/types.hpp"

/// Who of a consumer group is to have which partitions: pure functions of what is wanted and what
/// there is.
namespace millrace::broker {

struct AssignorMember {
  std::string id;
  std::optional<std::string> instance_id;
  std::optional<std::string> rack;
  std::vector<TopicId> topics;             // what it subscribes to and exists; ascending
  const PartitionSets* current = nullptr;  // its target so far; never null
};

struct AssignorTopic {
  std::int32_t partitions = 0;
  /// The racks in which a partition has a replica, by its index; empty when none is known.
  std::vector<std::vector<std::string>> racks;
};

struct AssignorInput {
  std::vector<AssignorMember> members;  // ascending by id
  std::map<TopicId, AssignorTopic> topics;
};

/// By member id; every member of the input has an entry.
using GroupTarget = std::map<std::string, PartitionSets, std::less<>>;

/// Every partition of a topic that somebody subscribes to goes to exactly one subscriber.
using Assignor = GroupTarget (*)(const AssignorInput&);

/// Everybody gets as many as everybody else: no single move of a partition to another subscriber
/// would make the numbers more even. Within that members keep what they have, and what must move
/// goes to a member in a rack that has a replica, if there is one.
[[nodiscard]] GroupTarget assign_uniform(const AssignorInput& input);

/// Per topic each subscriber gets a run of neighbouring partitions, the first ones one more if they
/// do not divide evenly. Members are ordered by instance id, then those without one by member id,
/// the same for all topics: partition 3 of two topics with equally many partitions and the same
/// subscribers is with one member.
[[nodiscard]] GroupTarget assign_range(const AssignorInput& input);

/// Null when there is none of that name.
[[nodiscard]] Assignor find_assignor(std::string_view name);

}  // namespace millrace::broker
