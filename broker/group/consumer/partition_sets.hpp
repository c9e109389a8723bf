#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <vector>

#include "protocol/base/types.hpp"

namespace millrace::broker {

/// Partitions of several topics. Per topic they ascend without doubles, and a topic without
/// partitions is not in the map: equal sets are equal values. Build one with `add`, or put vectors
/// that are in order.
using PartitionSets = std::map<TopicId, std::vector<std::int32_t>>;

inline void add(PartitionSets& to, const TopicId& topic, std::int32_t partition) {
  auto& all = to[topic];
  const auto at = std::ranges::lower_bound(all, partition);
  if (at == all.end() || *at != partition) all.insert(at, partition);
}

[[nodiscard]] inline bool contains(const PartitionSets& sets, const TopicId& topic,
                                   std::int32_t partition) {
  const auto found = sets.find(topic);
  return found != sets.end() && std::ranges::binary_search(found->second, partition);
}

/// What is in both.
[[nodiscard]] inline PartitionSets common(const PartitionSets& a, const PartitionSets& b) {
  PartitionSets both;
  for (const auto& [topic, partitions] : a) {
    const auto other = b.find(topic);
    if (other == b.end()) continue;
    std::vector<std::int32_t> shared;
    std::ranges::set_intersection(partitions, other->second, std::back_inserter(shared));
    if (!shared.empty()) both.emplace(topic, std::move(shared));
  }
  return both;
}

/// What is in `a` and not in `b`.
[[nodiscard]] inline PartitionSets without(const PartitionSets& a, const PartitionSets& b) {
  PartitionSets rest;
  for (const auto& [topic, partitions] : a) {
    const auto other = b.find(topic);
    std::vector<std::int32_t> left;
    if (other == b.end()) {
      left = partitions;
    } else {
      std::ranges::set_difference(partitions, other->second, std::back_inserter(left));
    }
    if (!left.empty()) rest.emplace(topic, std::move(left));
  }
  return rest;
}

[[nodiscard]] inline PartitionSets united(const PartitionSets& a, const PartitionSets& b) {
  PartitionSets all = a;
  for (const auto& [topic, partitions] : b) {
    auto& into = all[topic];
    std::vector<std::int32_t> merged;
    std::ranges::set_union(into, partitions, std::back_inserter(merged));
    into = std::move(merged);
  }
  return all;
}

/// The sets as messages and records list them: `List` is a vector of structs with `topic_id` and
/// `partitions`.
template <class List>
[[nodiscard]] List listed(const PartitionSets& sets) {
  List list;
  for (const auto& [topic, partitions] : sets) {
    auto& each = list.emplace_back();
    each.topic_id = topic;
    each.partitions = partitions;
  }
  return list;
}

/// Back again, in whatever order and however often somebody listed them.
template <class List>
[[nodiscard]] PartitionSets sets_of(const List& list) {
  PartitionSets sets;
  for (const auto& each : list) {
    if (each.partitions.empty()) continue;
    auto& all = sets[each.topic_id];
    all.insert(all.end(), each.partitions.begin(), each.partitions.end());
  }
  for (auto& [topic, partitions] : sets) {
    std::ranges::sort(partitions);
    const auto doubles = std::ranges::unique(partitions);
    partitions.erase(doubles.begin(), doubles.end());
  }
  return sets;
}

}  // namespace millrace::broker
