// What must work once nothing is wrong any more.

#include <fmt/format.h>

#include <algorithm>

#include "tests/replication/consensus/world.hpp"

namespace millrace::replication::consensus::sim {
namespace {

constexpr milliseconds kLastWords{4'000};
constexpr milliseconds kRecoveryMax{30'000};
constexpr milliseconds kStable{4'000};
constexpr milliseconds kStep{100};
constexpr milliseconds kHandOverMax{1'000};
constexpr milliseconds kReadMax{2'000};

}  // namespace

void World::wait(const std::function<bool()>& so, milliseconds longest, const std::string& what) {
  const Instant end = now_ + longest;
  while (!so()) {
    if (now_ >= end) throw Violation{what};
    run_until(now_ + kStep);
  }
}

/// Whether there is one leader, and all its members have what it committed after `marker`.
bool World::recovered(Index marker) const {
  const auto leads = leader();
  if (!leads) return false;
  const Consensus& core = hosts_[*leads]->core();
  if (core.log().term_at(core.commit()) != core.term() || core.commit() <= marker) return false;
  const auto& configuration = checker_.configuration_of(*hosts_[*leads]);
  for (const auto* members : {&configuration.voters, &configuration.learners}) {
    for (const auto& member : *members) {
      const auto at = host_of(member);
      if (!at) continue;  // its disk is gone
      if (hosts_[*at]->machine().applied <= marker) return false;
      if (hosts_[*at]->core().term() != core.term()) return false;
    }
  }
  return true;
}

void World::recover(milliseconds longest, const std::string& what) {
  const Index marker = checker_.committed();
  wait([&] { return recovered(marker); }, longest, what);
}

void World::must_recover() {
  // What was sent before may still come, an order to take over the leadership for one.
  run_until(now_ + kLastWords);
  recover(kRecoveryMax, "no leader, or no member's progress, long after all healed");
  say("recovered");
}

/// Nobody, removed or not, unseats the leader.
void World::must_stay_well() {
  const Member leads = hosts_[*leader()]->self();
  const Term term = hosts_[*leader()]->core().term();
  const Index later = checker_.committed();
  run_until(now_ + kStable);
  if (!leader() || hosts_[*leader()]->self() != leads || hosts_[*leader()]->core().term() != term)
    throw Violation{"leadership changed although nothing was wrong"};
  // Who fell behind for a moment may have to fetch a snapshot.
  wait([&] { return recovered(later); }, kRecoveryMax,
       "a member fell behind although nothing was wrong");
}

/// Asked of whoever leads until it is committed: a learner may have to catch up first, and one that
/// was removed once may bring a higher term with it.
void World::must_change(Change change) {
  const auto done = [&] {
    const auto& members = checker_.members();
    const bool votes = members.is_voter(change.member);
    const bool learns = members.is_learner(change.member);
    switch (change.kind) {
      case Change::Kind::add_learner:
        return votes || learns;
      case Change::Kind::promote:
        return votes;
      case Change::Kind::remove:
        return !votes && !learns;
    }
    return false;
  };
  const auto asked = [&] {
    if (const auto leads = leader(); leads && !done()) {
      static_cast<void>(hosts_[*leads]->core().change(change, now_));
      after(*leads);
    }
    return done();
  };
  const auto text = fmt::format("a change of members was not carried out ({}, node {})",
                                static_cast<int>(change.kind), change.member.node.value);
  wait(asked, kRecoveryMax, text);
  recover(kRecoveryMax, text + ", or it was the end");
  ++counts_.tried;
}

/// The dead go, one that is no member becomes a voter, and a voter goes, the leader as well.
void World::must_take_changes() {
  const auto members = checker_.members();
  for (const auto* list : {&members.voters, &members.learners})
    for (const auto& member : *list)
      if (!host_of(member)) must_change({Change::Kind::remove, member});
  for (const auto* host : hosts_) {
    if (members.is_voter(host->self())) continue;
    if (!members.is_learner(host->self())) must_change({Change::Kind::add_learner, host->self()});
    must_change({Change::Kind::promote, host->self()});
    break;
  }
  const auto voters = checker_.members().voters;
  if (voters.size() > 1) must_change({Change::Kind::remove, voters[rng_.below(voters.size())]});
}

void World::must_hand_over() {
  const auto before = *leader();
  std::vector<Member> others = checker_.configuration_of(*hosts_[before]).voters;
  std::erase(others, hosts_[before]->self());
  if (others.empty()) return;
  const Member to = others[rng_.below(others.size())];
  Consensus& core = hosts_[before]->core();
  const auto handed_over = core.transfer(to, now_);
  const bool named = handed_over.has_value();
  if (!named && handed_over.error() != make_error_code(Errc::not_caught_up))
    throw Violation{"the leader does not hand over: " + handed_over.error().message()};
  if (!named && !core.transfer(std::nullopt, now_)) return;  // all others are fetching snapshots
  after(before);
  const auto arrived = [&] {
    const auto now = leader();
    return now && (named ? hosts_[*now]->self() == to : *now != before);
  };
  wait(arrived, kHandOverMax, "leadership was handed over and did not arrive");
  ++counts_.handed_over;
  recover(kRecoveryMax, "no progress after leadership was handed over");
}

/// The others go on without the leader.
void World::must_survive_a_hung_disk() {
  const auto before = *leader();
  if (checker_.configuration_of(*hosts_[before]).voters.size() < 3) return;
  hang(before, 2 * plan_.settings.disk_patience + milliseconds{4'000});
  const Index marker = checker_.committed();
  const auto others_lead = [&] {
    const auto now = leader();
    return now && *now != before && hosts_[*now]->machine().applied > marker;
  };
  const auto longest = plan_.settings.disk_patience + 4 * plan_.settings.election_timeout;
  wait(others_lead, longest, "the disk of the leader hangs, and no other leads");
  run_until(nodes_[before].disk_hangs_until);
  recover(kRecoveryMax, "no member's progress after a disk hung");
}

void World::must_have_answered() {
  for (const auto& [token, asked] : reads_)
    if (hosts_[asked.host]->life() == asked.life && now_ > asked.at + kReadMax)
      throw Violation{
          fmt::format("a read that was asked of {} is not answered", hosts_[asked.host]->name())};
}

}  // namespace millrace::replication::consensus::sim
