#include <algorithm>
#include <tuple>

#include "broker/group/consumer/assignor.hpp"

namespace millrace::broker {

namespace {

/// Static members first, so that a restart, which changes the member id, moves nothing.
bool comes_before(const AssignorMember* a, const AssignorMember* b) {
  const auto rank = [](const AssignorMember* m) {
    return std::tuple{!m->instance_id.has_value(), m->instance_id.value_or(m->id)};
  };
  return rank(a) < rank(b);
}

}  // namespace

GroupTarget assign_range(const AssignorInput& input) {
  GroupTarget target;
  std::map<TopicId, std::vector<const AssignorMember*>> subscribers;
  for (const auto& member : input.members) {
    target[member.id];
    for (const auto& topic : member.topics) subscribers[topic].push_back(&member);
  }
  for (auto& [topic, members] : subscribers) {
    std::ranges::sort(members, comes_before);
    const std::int32_t partitions = input.topics.at(topic).partitions;
    const auto count = static_cast<std::int32_t>(members.size());
    std::int32_t next = 0;
    for (std::int32_t i = 0; i < count; ++i) {
      const std::int32_t end = next + partitions / count + (i < partitions % count ? 1 : 0);
      if (next == end) break;
      auto& run = target[members[static_cast<std::size_t>(i)]->id][topic];
      for (; next < end; ++next) run.push_back(next);
    }
  }
  return target;
}

Assignor find_assignor(std::string_view name) {
  if (name == "uniform") return assign_uniform;
  if (name == "range") return assign_range;
  return nullptr;
}

}  // namespace millrace::broker
