#include "clients/assignor.hpp"

#include <algorithm>

namespace millrace::clients {

namespace {

bool wants(const GroupSubscriber& member, const std::string& topic) {
  return std::ranges::find(member.topics, topic) != member.topics.end();
}

void assign_range(const std::vector<GroupSubscriber>& members,
                  const std::map<std::string, std::int32_t>& counts, GroupAssignment& to) {
  for (const auto& [topic, count] : counts) {
    std::vector<const GroupSubscriber*> takers;
    for (const auto& member : members) {
      if (wants(member, topic)) takers.push_back(&member);
    }
    if (takers.empty()) continue;
    const auto each = count / static_cast<std::int32_t>(takers.size());
    const auto extra = count % static_cast<std::int32_t>(takers.size());
    std::int32_t next = 0;
    for (std::size_t i = 0; i < takers.size(); ++i) {
      const auto share = each + (static_cast<std::int32_t>(i) < extra ? 1 : 0);
      for (std::int32_t end = next + share; next < end; ++next) {
        to[takers[i]->member_id].push_back({topic, PartitionIndex{next}});
      }
    }
  }
}

void assign_roundrobin(const std::vector<GroupSubscriber>& members,
                       const std::map<std::string, std::int32_t>& counts, GroupAssignment& to) {
  std::size_t turn = 0;
  for (const auto& [topic, count] : counts) {
    if (std::ranges::none_of(members, [&](const auto& m) { return wants(m, topic); })) continue;
    for (std::int32_t partition = 0; partition < count; ++partition) {
      while (!wants(members[turn % members.size()], topic)) ++turn;
      to[members[turn % members.size()].member_id].push_back({topic, PartitionIndex{partition}});
      ++turn;
    }
  }
}

}  // namespace

std::string_view to_string(Assignor assignor) {
  return assignor == Assignor::range ? "range" : "roundrobin";
}

std::optional<Assignor> parse_assignor(std::string_view name) {
  if (name == "range") return Assignor::range;
  if (name == "roundrobin") return Assignor::roundrobin;
  return std::nullopt;
}

GroupAssignment assign_partitions(Assignor assignor, std::vector<GroupSubscriber> members,
                                  const std::map<std::string, std::int32_t>& partition_counts) {
  // A static member gets a new member id with every restart; its instance id keeps its place.
  std::ranges::sort(members, {}, [](const GroupSubscriber& member) {
    return std::pair{!member.instance_id, member.instance_id.value_or(member.member_id)};
  });
  GroupAssignment assignment;
  for (const auto& member : members) assignment[member.member_id];
  if (assignor == Assignor::range) {
    assign_range(members, partition_counts, assignment);
  } else {
    assign_roundrobin(members, partition_counts, assignment);
  }
  return assignment;
}

}  // namespace millrace::clients
