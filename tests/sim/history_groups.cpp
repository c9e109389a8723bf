#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "tests/sim/history.hpp"

namespace millrace::sim {
namespace {

constexpr std::size_t kTellMax = 3;  // violations of one rule

/// A log of one group, or a member of one.
using InGroup = std::pair<std::string, std::string>;

class GroupJudge {
 public:
  explicit GroupJudge(const History& history) : events_{history.events()} {}

  std::vector<Violation> judge() {
    for (Moment i = 0; i < events_.size(); ++i) {
      const auto& what = events_[i].what;
      if (const auto* owned = std::get_if<Owned>(&what)) own(i, *owned);
      if (const auto* disowned = std::get_if<Disowned>(&what)) disown(*disowned);
      if (const auto* leased = std::get_if<Leased>(&what)) lease(i, *leased);
      if (const auto* shared = std::get_if<MustBeShared>(&what)) judge_shared(i, *shared);
      if (const auto* commit = std::get_if<Committed>(&what)) judge_commit(i, *commit);
      if (const auto* seen = std::get_if<CommitSeen>(&what)) judge_seen(i, *seen);
    }
    return std::move(violations_);
  }

 private:
  void blame(const std::string& rule, const LogName& log, std::string text,
             std::vector<Moment> events) {
    if (++told_[rule] > kTellMax) return;
    std::ranges::sort(events);
    violations_.push_back({rule, std::move(text), log, std::move(events)});
  }

  // Who owns what.

  void own(Moment i, const Owned& owned) {
    auto& owners = owners_[{owned.group, owned.log}];
    owners[owned.member] = i;
    judge_owner(i, owned.group, owned.log, owned.member);
  }

  void disown(const Disowned& disowned) {
    for (auto& [key, owners] : owners_) {
      if (key.first != disowned.group) continue;
      if (!disowned.log || key.second == *disowned.log) owners.erase(disowned.member);
    }
  }

  void lease(Moment i, const Leased& leased) {
    auto& [moment, until] = leases_[{leased.group, leased.member}];
    // What one learns late is not what one believes less.
    if (leased.until <= until) return;
    moment = i;
    until = leased.until;
    for (const auto& [key, owners] : owners_) {
      if (key.first == leased.group && owners.contains(leased.member)) {
        judge_owner(i, key.first, key.second, leased.member);
      }
    }
  }

  /// When the lease was told that makes this member sure of what it has now.
  std::optional<Moment> sure_since(const std::string& group, const std::string& member,
                                   Instant now) const {
    const auto found = leases_.find({group, member});
    if (found == leases_.end() || found->second.second <= now) return std::nullopt;
    return found->second.first;
  }

  void judge_owner(Moment i, const std::string& group, const LogName& log,
                   const std::string& member) {
    const Instant now = events_[i].at;
    const auto& owners = owners_[{group, log}];
    const auto mine = sure_since(group, member, now);
    if (!mine) return;
    for (const auto& [other, since] : owners) {
      const auto theirs = sure_since(group, other, now);
      if (other == member || !theirs) continue;
      blame("owned twice", log,
            fmt::format("{} and {} of group {} both have it", member, other, group),
            {since, *theirs, owners.at(member), *mine, i});
    }
  }

  void judge_shared(Moment i, const MustBeShared& shared) {
    for (const auto& log : shared.logs) {
      std::string names;
      std::vector<Moment> proof{i};
      std::size_t count = 0;
      for (const auto& [member, since] : owners_[{shared.group, log}]) {
        if (!sure_since(shared.group, member, events_[i].at)) continue;
        ++count;
        names += " " + member;
        proof.push_back(since);
      }
      if (count == 1) continue;
      blame("not shared", log,
            fmt::format("in group {} it is with {} members:{}", shared.group, count, names),
            std::move(proof));
    }
  }

  // Commits, one log of one group at a time.

  void judge_commit(Moment i, const Committed& commit) {
    auto& commits = commits_[{commit.group, commit.log}];
    if (!commit.member.empty() && commit.acked) {
      for (const Moment c : commits) {
        const auto& earlier = std::get<Committed>(events_[c].what);
        if (!earlier.acked || c >= commit.began || earlier.offset <= commit.offset) continue;
        blame("rewound", commit.log,
              fmt::format("{} committed {}, and afterwards {} committed {}", earlier.member,
                          earlier.offset.value, commit.member, commit.offset.value),
              {c, i});
        break;
      }
    }
    if (!commit.member.empty()) commits.push_back(i);
  }

  void judge_seen(Moment i, const CommitSeen& seen) {
    const auto& commits = commits_[{seen.group, seen.log}];
    for (const Moment c : commits) {
      const auto& commit = std::get<Committed>(events_[c].what);
      if (!commit.acked || c >= seen.began || !seen.offset || commit.offset <= *seen.offset) {
        continue;
      }
      // Commits of one member that are under way at once may come in either order.
      const bool excused = std::ranges::any_of(commits, [&](Moment e) {
        const auto& other = std::get<Committed>(events_[e].what);
        return other.offset == *seen.offset && other.member == commit.member &&
               (!other.acked || e >= commit.began);
      });
      if (excused) continue;
      blame("rewound", seen.log,
            fmt::format("{} committed {}, and afterwards {} counts", commit.member,
                        commit.offset.value, seen.offset->value),
            {c, i});
      return;
    }
  }

  const std::vector<Event>& events_;
  std::vector<Violation> violations_;
  std::map<std::string, std::size_t> told_;
  std::map<InGroup, std::map<std::string, Moment>> owners_;  // by log: member, since when
  std::map<InGroup, std::pair<Moment, Instant>> leases_;     // by member: told when, until
  std::map<InGroup, std::vector<Moment>> commits_;           // by log, with a member
};

}  // namespace

std::vector<Violation> check_groups(const History& history) {
  return GroupJudge{history}.judge();
}

}  // namespace millrace::sim
