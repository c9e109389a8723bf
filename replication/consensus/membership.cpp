#include <algorithm>

#include "replication/consensus/consensus.hpp"

namespace millrace::replication::consensus {

/// One voter more or fewer: any two majorities, before and after, have a voter in common.
Result<Position> Consensus::change(const Change& change, Instant now) {
  if (role_ != Role::leader) return Errc::not_leader;
  if (successor_) return Errc::handing_over;
  // Until then a change of an earlier leader may be in the log of others and not in ours.
  if (commit_ < first_own_) return Errc::not_ready;
  if (!configuration_committed()) return Errc::change_in_flight;
  auto next = changed(change);
  if (!next) return next.error();
  if (!has_living_majority(*next, now)) return Errc::unreachable;
  const Position position = append_own({{state_.term, *std::move(next)}});
  advance_commit(now);
  // Of those who are left, enough may have answered.
  serve_reads();
  return position;
}

/// Counts from the moment it is in the log: with too many dead it could not even be taken back.
bool Consensus::has_living_majority(const Configuration& next, Instant now) const {
  const auto alive = std::ranges::count_if(next.voters, [&](const Member& voter) {
    return voter == self_ || is_alive(followers_.at(voter), now);
  });
  return static_cast<std::size_t>(alive) >= next.majority();
}

Result<Configuration> Consensus::changed(const Change& change) const {
  Configuration next = log_.configuration();
  const auto same_node = [&](const Member& member) { return member.node == change.member.node; };
  const bool learns = next.is_learner(change.member);
  switch (change.kind) {
    case Change::Kind::add_learner:
      if (std::ranges::any_of(next.voters, same_node) ||
          std::ranges::any_of(next.learners, same_node))
        return Errc::already_member;
      next.learners.push_back(change.member);
      break;
    case Change::Kind::promote:
      if (!learns) return Errc::unknown_member;
      if (followers_.at(change.member).match() < commit_) return Errc::not_caught_up;
      std::erase(next.learners, change.member);
      next.voters.push_back(change.member);
      break;
    case Change::Kind::remove:
      if (!learns && !next.is_voter(change.member)) return Errc::unknown_member;
      std::erase(next.learners, change.member);
      std::erase(next.voters, change.member);
      if (next.voters.empty()) return Errc::last_voter;
      break;
  }
  std::ranges::sort(next.voters);
  std::ranges::sort(next.learners);
  return next;
}

/// One `Progress` for each other member; those that stay keep theirs, a new one is tried with the
/// last entry. Who is removed is served
/// until that is committed, and told so, for then it is quiet.
void Consensus::follow_configuration() {
  const auto& configuration = log_.configuration();
  if (configuration_committed()) {
    std::erase_if(followers_, [&](const auto& each) {
      const auto& [member, progress] = each;
      if (configuration.is_voter(member) || configuration.is_learner(member)) return false;
      send(member, Heartbeat{std::min(commit_, progress.match()), round_});
      return true;
    });
  }
  for (const auto* members : {&configuration.voters, &configuration.learners})
    for (const auto& member : *members)
      if (member != self_) followers_.try_emplace(member, log_.last().index);
}

}  // namespace millrace::replication::consensus
