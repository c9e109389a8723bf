#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "broker/group/consumer/assignor.hpp"

/// Three steps: keep what members have and may have; give what is left to whoever has least, first
/// those in the right rack; then move single partitions from who has more to who has less until no
/// move makes it more even. Each move lowers the sum of the squares of the loads, so that this
/// ends.
///
/// Topics with the same subscribers are handled as one class, because their partitions are worth
/// the same; in most groups there is a single class.
namespace millrace::broker {

namespace {

struct Place {
  friend auto operator<=>(const Place&, const Place&) = default;
  TopicId topic;
  std::int32_t partition = 0;
};

struct Class {
  std::vector<std::size_t> members;            // those that subscribe, ascending
  std::map<std::size_t, std::set<Place>> had;  // by member, what it has of this class
  std::vector<Place> free;                     // what nobody has yet, ascending
  std::size_t partitions = 0;
};

class Uniform {
 public:
  explicit Uniform(const AssignorInput& input) : input_{input}, load_(input.members.size()) {
    std::map<TopicId, std::vector<std::size_t>> subscribers;
    for (std::size_t i = 0; i < input.members.size(); ++i) {
      for (const auto& topic : input.members[i].topics) subscribers[topic].push_back(i);
    }
    std::map<std::vector<std::size_t>, std::vector<TopicId>> by_members;
    for (auto& [topic, members] : subscribers) by_members[std::move(members)].push_back(topic);
    for (const auto& [members, topics] : by_members) keep(members, topics);
    // Whoever has few to choose from is served first.
    std::ranges::sort(classes_, [](const Class& a, const Class& b) {
      const auto sizes = a.members.size() <=> b.members.size();
      return sizes != 0 ? sizes < 0 : a.members < b.members;
    });
  }

  GroupTarget run() {
    for (auto& each : classes_) fill(each);
    while (std::ranges::count_if(classes_, [this](Class& each) { return even_out(each); }) > 0) {
    }
    GroupTarget target;
    for (const auto& member : input_.members) target[member.id];
    for (const auto& each : classes_) {
      for (const auto& [index, places] : each.had) {
        auto& sets = target[input_.members[index].id];
        for (const auto& place : places) sets[place.topic].push_back(place.partition);
      }
    }
    return target;
  }

 private:
  void keep(const std::vector<std::size_t>& members, const std::vector<TopicId>& topics) {
    Class& into = classes_.emplace_back();
    into.members = members;
    std::set<Place> taken;
    for (const std::size_t index : members) {
      for (const auto& topic : topics) {
        const auto current = input_.members[index].current->find(topic);
        if (current == input_.members[index].current->end()) continue;
        for (const std::int32_t partition : current->second) {
          if (partition < 0 || partition >= input_.topics.at(topic).partitions) continue;
          if (!taken.insert({topic, partition}).second) continue;
          give(into, index, {topic, partition});
        }
      }
    }
    for (const auto& topic : topics) {
      const std::int32_t count = input_.topics.at(topic).partitions;
      into.partitions += static_cast<std::size_t>(count);
      for (std::int32_t partition = 0; partition < count; ++partition) {
        if (!taken.contains({topic, partition})) into.free.push_back({topic, partition});
      }
    }
  }

  void fill(Class& each) {
    const std::size_t share = each.partitions / each.members.size();
    std::vector<Place> rest;
    for (const auto& place : each.free) {
      const auto near = least_loaded(
          each, [&](std::size_t index) { return load_[index] < share && is_near(index, place); });
      if (near) {
        give(each, *near, place);
      } else {
        rest.push_back(place);
      }
    }
    each.free.clear();
    for (const auto& place : rest) {
      const std::size_t least = load_[*least_loaded(each, [](std::size_t) { return true; })];
      const auto near = least_loaded(
          each, [&](std::size_t index) { return load_[index] == least && is_near(index, place); });
      const auto any = least_loaded(each, [&](std::size_t index) { return load_[index] == least; });
      give(each, near ? *near : *any, place);
    }
  }

  /// Moves until no move within this class makes it more even; whether there was one.
  bool even_out(Class& each) {
    bool moved = false;
    while (true) {
      const auto to = least_loaded(each, [](std::size_t) { return true; });
      std::optional<std::size_t> from;
      for (const auto& [index, places] : each.had) {
        if (!places.empty() && (!from || load_[index] > load_[*from])) from = index;
      }
      if (!from || load_[*from] <= load_[*to] + 1) return moved;
      move(each, *from, *to);
      moved = true;
    }
  }

  /// Best one that comes nearer by it, else the last, so that runs stay whole.
  void move(Class& each, std::size_t from, std::size_t to) {
    auto& places = each.had[from];
    auto choice = std::ranges::find_if(
        places, [&](const Place& place) { return !is_near(from, place) && is_near(to, place); });
    if (choice == places.end()) choice = std::prev(places.end());
    const Place place = *choice;
    places.erase(choice);
    --load_[from];
    give(each, to, place);
  }

  void give(Class& each, std::size_t to, const Place& place) {
    each.had[to].insert(place);
    ++load_[to];
  }

  template <class Allowed>
  [[nodiscard]] std::optional<std::size_t> least_loaded(const Class& each,
                                                        const Allowed& allowed) const {
    std::optional<std::size_t> least;
    for (const std::size_t index : each.members) {
      if (allowed(index) && (!least || load_[index] < load_[*least])) least = index;
    }
    return least;
  }

  [[nodiscard]] bool is_near(std::size_t index, const Place& place) const {
    const auto& rack = input_.members[index].rack;
    if (!rack) return false;
    const auto& racks = input_.topics.at(place.topic).racks;
    const auto at = static_cast<std::size_t>(place.partition);
    return at < racks.size() && std::ranges::find(racks[at], *rack) != racks[at].end();
  }

  const AssignorInput& input_;
  std::vector<std::size_t> load_;  // by member
  std::vector<Class> classes_;
};

}  // namespace

GroupTarget assign_uniform(const AssignorInput& input) {
  return Uniform{input}.run();
}

}  // namespace millrace::broker
