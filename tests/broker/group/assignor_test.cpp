#include "broker/group/consumer/assignor.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

#include "protocol/base/rng.hpp"

namespace millrace::broker {
namespace {

TopicId topic(std::uint8_t number) {
  TopicId id;
  id.bytes[15] = number;
  return id;
}
const TopicId kT = topic(1);
const TopicId kU = topic(2);

/// An assignor's input with its parts kept alive.
struct Group {
  void has(const TopicId& id, std::int32_t partitions,
           std::vector<std::vector<std::string>> racks = {}) {
    input.topics[id] = {partitions, std::move(racks)};
  }
  AssignorMember& member(const std::string& id, std::vector<TopicId> topics) {
    std::ranges::sort(topics);
    input.members.push_back({id, {}, {}, std::move(topics), &before[id]});
    return input.members.back();
  }
  /// The next input begins with what this one came to.
  void keep(const GroupTarget& target) {
    for (const auto& [id, sets] : target) before[id] = sets;
  }

  AssignorInput input;
  std::map<std::string, PartitionSets> before;
};

std::size_t size_of(const PartitionSets& sets) {
  std::size_t size = 0;
  for (const auto& [id, partitions] : sets) size += partitions.size();
  return size;
}

std::vector<std::int32_t> of(const GroupTarget& target, const std::string& member,
                             const TopicId& id) {
  const auto found = target.at(member).find(id);
  return found == target.at(member).end() ? std::vector<std::int32_t>{} : found->second;
}

using Run = std::vector<std::int32_t>;

TEST_CASE("range assignor: neighbouring partitions, the first members one more",
          "[broker][group][assignor]") {
  Group group;
  group.has(kT, 7);
  group.has(kU, 2);
  group.member("a", {kT, kU});
  group.member("b", {kT, kU});
  group.member("c", {kT, kU});
  const auto target = assign_range(group.input);
  CHECK(of(target, "a", kT) == Run{0, 1, 2});
  CHECK(of(target, "b", kT) == Run{3, 4});
  CHECK(of(target, "c", kT) == Run{5, 6});
  CHECK(of(target, "a", kU) == Run{0});
  CHECK(of(target, "b", kU) == Run{1});
  CHECK(of(target, "c", kU).empty());
}

TEST_CASE("range assignor: a static member keeps its run under another member id",
          "[broker][group][assignor]") {
  for (const std::string id : {"a", "z"}) {
    Group group;
    group.has(kT, 4);
    if (id == "a") group.member(id, {kT}).instance_id = "i";
    group.member("m", {kT}).instance_id = "j";
    group.member("n", {kT});
    if (id == "z") group.member(id, {kT}).instance_id = "i";
    CHECK(of(assign_range(group.input), id, kT) == Run{0, 1});
    CHECK(of(assign_range(group.input), "m", kT) == Run{2});
    CHECK(of(assign_range(group.input), "n", kT) == Run{3});
  }
}

TEST_CASE("uniform assignor: a new member gets its share, nothing else moves",
          "[broker][group][assignor]") {
  Group group;
  group.has(kT, 9);
  group.member("a", {kT});
  group.member("b", {kT});
  const auto first = assign_uniform(group.input);
  CHECK(size_of(first.at("a")) == 5);
  CHECK(size_of(first.at("b")) == 4);
  group.keep(first);
  group.member("c", {kT});
  const auto second = assign_uniform(group.input);
  for (const char* id : {"a", "b", "c"}) CHECK(size_of(second.at(id)) == 3);
  CHECK(without(second.at("a"), first.at("a")).empty());
  CHECK(without(second.at("b"), first.at("b")).empty());
}

TEST_CASE("uniform assignor: what a member that left had is spread over the others",
          "[broker][group][assignor]") {
  Group group;
  group.has(kT, 6);
  for (const char* id : {"a", "b", "c"}) group.member(id, {kT});
  const auto first = assign_uniform(group.input);
  group.keep(first);
  group.input.members.erase(group.input.members.begin());
  const auto second = assign_uniform(group.input);
  for (const char* id : {"b", "c"}) {
    CHECK(size_of(second.at(id)) == 3);
    CHECK(without(first.at(id), second.at(id)).empty());
  }
}

TEST_CASE("uniform assignor: partitions go to racks that have a replica, as far as it stays even",
          "[broker][group][assignor]") {
  Group group;
  group.has(kT, 4, {{"r1"}, {"r1"}, {"r2"}, {"r2"}});
  group.member("a", {kT}).rack = "r2";
  group.member("b", {kT}).rack = "r1";
  const auto target = assign_uniform(group.input);
  CHECK(of(target, "a", kT) == Run{2, 3});
  CHECK(of(target, "b", kT) == Run{0, 1});
  group.has(kT, 4, {{"r1"}, {"r1"}, {"r1"}, {"r1"}});
  for (const char* id : {"a", "b"}) CHECK(size_of(assign_uniform(group.input).at(id)) == 2);
}

TEST_CASE("uniform assignor: who can read little is not outdone by who can read all",
          "[broker][group][assignor]") {
  Group group;
  group.has(kT, 4);
  group.has(kU, 2);
  group.member("a", {kT, kU});
  group.member("b", {kT});
  group.member("c", {kU});
  const auto target = assign_uniform(group.input);
  CHECK(size_of(target.at("a")) == 2);
  CHECK(of(target, "b", kT).size() + of(target, "a", kT).size() == 4);
  CHECK(of(target, "c", kU).size() + of(target, "a", kU).size() == 2);
}

/// Random groups that change step by step, against what either assignor promises.
class AssignorRun {
 public:
  explicit AssignorRun(std::uint64_t seed) : rng_{seed} {}

  /// Empty, or what did not hold.
  std::string run(int rounds, Assignor assign) {
    std::map<std::string, PartitionSets> before;
    for (int round = 0; round < rounds; ++round) {
      change();
      Group group;
      group.before = before;
      for (const auto& [id, partitions] : topics_) group.has(id, partitions);
      for (const auto& [id, wanted] : members_) group.member(id, {wanted.begin(), wanted.end()});
      const auto target = assign(group.input);
      if (auto wrong = owned_once(target); !wrong.empty()) return wrong;
      if (assign == assign_uniform && !is_even(target)) return "a move would make it more even";
      group.keep(target);
      before = group.before;
      if (assign(group.input) != target) return "nothing has changed, and something moved";
    }
    return "";
  }

 private:
  void change() {
    const TopicId id = topic(static_cast<std::uint8_t>(rng_.below(4)));
    topics_[id] = static_cast<std::int32_t>(rng_.below(12));
    const std::string member = "m" + std::to_string(rng_.below(7));
    if (members_.erase(member) > 0 && rng_.chance(1, 2)) return;
    const bool alike = rng_.chance(1, 2);
    for (const auto& [each, partitions] : topics_) {
      if (alike || rng_.chance(1, 2)) members_[member].insert(each);
    }
  }

  std::string owned_once(const GroupTarget& target) {
    std::set<std::pair<TopicId, std::int32_t>> owned;
    for (const auto& [id, sets] : target) {
      for (const auto& [each, partitions] : sets) {
        if (!members_.at(id).contains(each)) return "nobody gets what it did not ask for";
        for (const auto p : partitions) {
          if (p < 0 || p >= topics_.at(each)) return "every partition exists";
          if (!owned.insert({each, p}).second) return "no partition goes to two members";
        }
      }
    }
    std::size_t wanted = 0;
    for (const auto& [each, partitions] : topics_) {
      const bool anybody = std::ranges::any_of(
          members_, [&](const auto& member) { return member.second.contains(each); });
      if (anybody) wanted += static_cast<std::size_t>(partitions);
    }
    return owned.size() == wanted ? "" : "every partition that is wanted goes to somebody";
  }

  bool is_even(const GroupTarget& target) {
    for (const auto& [from, sets] : target) {
      for (const auto& [each, partitions] : sets) {
        for (const auto& [to, wanted] : members_) {
          if (wanted.contains(each) && size_of(target.at(to)) + 1 < size_of(sets)) return false;
        }
      }
    }
    return true;
  }

  SeededRng rng_;
  std::map<TopicId, std::int32_t> topics_;
  std::map<std::string, std::set<TopicId>> members_;
};

TEST_CASE("assignors: what is promised holds over random changes", "[broker][group][assignor]") {
  const auto seed = GENERATE(range(1, 6));
  CAPTURE(seed);
  AssignorRun run{static_cast<std::uint64_t>(seed)};
  CHECK(run.run(2'000, assign_uniform) == "");
  CHECK(run.run(2'000, assign_range) == "");
}

}  // namespace
}  // namespace millrace::broker
