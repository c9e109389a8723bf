#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "tests/replication/consensus/world.hpp"

namespace millrace::replication::consensus::sim {
void World::run() {
  run_until(Instant{} + plan_.trouble);
  heal();
  must_recover();
  must_stay_well();
  must_take_changes();
  must_hand_over();
  must_survive_a_hung_disk();
  must_have_answered();
  counts_.committed = static_cast<std::uint64_t>(checker_.committed().value);
}

// --- load ----------------------------------------------------------------------------------------

void World::propose() {
  // Small batches and windows cannot carry just any load.
  constexpr milliseconds kCalmEvery{50};
  const auto every = calm_ ? std::max(kCalmEvery, plan_.propose_every) : plan_.propose_every;
  const auto batch_max = calm_ ? 1 : plan_.batch_max;
  schedule({.kind = Kind::propose}, up_to(2 * every));
  for (std::size_t at = 0; at < hosts_.size(); ++at) {
    Host& host = *hosts_[at];
    if (!host.runs() || now_ < nodes_[at].paused_until || host.core().role() != Role::leader)
      continue;
    if (rng_.chance(1, 8)) {
      const ReadToken token = ++reads_made_;
      reads_[token] = {at, host.life(), checker_.committed(), now_};
      if (!host.core().read_index(token)) reads_.erase(token);
    } else {
      std::vector<Payload> payloads;
      for (auto n = 1 + rng_.below(batch_max); n > 0; --n)
        payloads.emplace_back(fmt::format("{}-{}", host.name(), ++proposals_made_));
      if (const auto position = host.core().propose(payloads))
        proposals_[{at, *position}] = digest_of({position->term, payloads.back()});
    }
    after(at);
  }
}

// --- faults --------------------------------------------------------------------------------------

void World::crash(std::size_t at, std::chrono::nanoseconds down_for) {
  Host& host = *hosts_[at];
  if (!host.runs()) return;
  ++counts_.crashes;
  // Most of the time nothing survives that was not synced.
  const auto parts = host.disk().parts();
  const auto kept = rng_.chance(1, 2) ? 0 : rng_.below(parts + 1);
  counts_.lost_parts += parts - kept;
  say(fmt::format("{} crashes, keeps {} of {} unsynced parts", host.name(), kept, parts));
  host.crash(kept);
  nodes_[at].fetching.reset();
  nodes_[at].role = Role::follower;
  nodes_[at].starts = true;
  // Whoever asked there gets no answer.
  std::erase_if(reads_, [&](const auto& read) { return read.second.host == at; });
  std::erase_if(proposals_, [&](const auto& proposal) { return proposal.first.first == at; });
  schedule({.kind = Kind::start, .host = at}, down_for);
}

void World::fault() {
  if (calm_) return;
  schedule({.kind = Kind::fault}, up_to(2 * plan_.fault_every));
  const auto some = rng_.below(hosts_.size());
  const auto victim = rng_.chance(1, 3) ? leader().value_or(some) : some;
  switch (rng_.below(11)) {
    case 0:
    case 1:
      crash(victim, up_to(milliseconds{3'000}));
      break;
    case 2:
      // So quick that messages of the former life still arrive.
      crash(victim, up_to(milliseconds{5}));
      break;
    case 3:
      if (!plan_.restart_storms) break;
      for (std::size_t i = 0; i < hosts_.size(); ++i)
        if (rng_.chance(3, 4)) crash(i, up_to(milliseconds{rng_.chance(1, 2) ? 20 : 1'000}));
      break;
    case 4:
    case 5:
      cut();
      break;
    case 6:
      cuts_.clear();
      break;
    case 7:
      nodes_[victim].paused_until = now_ + up_to(milliseconds{4'000});
      say(hosts_[victim]->name() + " pauses");
      break;
    case 8:
      if (plan_.wipes && rng_.chance(1, 2)) wipe();
      break;
    case 9:
      if (plan_.hangs) hang(victim, up_to(milliseconds{8'000}));
      break;
    default:
      for (std::size_t i = 0; i < hosts_.size(); ++i) {
        if (!hosts_[i]->runs() || i == victim || now_ < nodes_[i].paused_until) continue;
        hosts_[i]->core().suspect(hosts_[victim]->self(), now_);
        after(i);
      }
  }
}

void World::hang(std::size_t at, std::chrono::nanoseconds how_long) {
  ++counts_.hangs;
  nodes_[at].disk_hangs_until = now_ + how_long;
  say(fmt::format("the disk of {} hangs", hosts_[at]->name()));
}

void World::cut() {
  ++counts_.cuts;
  if (rng_.chance(1, 2)) cuts_.clear();
  const auto pick = rng_.next();
  const bool one_way = rng_.chance(1, 3);
  std::string sides;
  for (std::size_t a = 0; a < hosts_.size(); ++a) {
    if ((pick >> a & 1) != 0) sides += hosts_[a]->name();
    for (std::size_t b = 0; b < hosts_.size(); ++b)
      if ((pick >> a & 1) > (pick >> b & 1) || (!one_way && (pick >> a & 1) < (pick >> b & 1)))
        cuts_.insert({a, b});
  }
  say(fmt::format("the network is cut {} {}", one_way ? "from" : "around", sides));
}

/// Voters of which the disk is gone.
std::size_t World::dead_voters(const Configuration& configuration) const {
  return static_cast<std::size_t>(std::ranges::count_if(
      configuration.voters, [&](const Member& voter) { return !host_of(voter); }));
}

/// Only as far as a majority is left, whichever configuration wins; more would be the loss of the
/// cluster.
void World::wipe() {
  const auto at = rng_.below(hosts_.size());
  for (const auto* host : hosts_) {
    const auto& files = host->disk().now();
    std::vector<const Configuration*> all{&files.image.snapshot.configuration};
    for (const auto& entry : files.entries)
      if (const auto* next = std::get_if<Configuration>(&entry.body)) all.push_back(next);
    for (const auto* configuration : all) {
      const std::size_t more = configuration->is_voter(hosts_[at]->self()) ? 1 : 0;
      if (configuration->voters.size() <
          configuration->majority() + dead_voters(*configuration) + more)
        return;
      // A change that removes one more must still leave a majority.
      if (more > 0 && configuration->voters.size() < 3) return;
    }
  }
  crash(at, up_to(milliseconds{2'000}));
  hosts_[at]->wipe(fresh(at));
  ++counts_.wipes;
  say(fmt::format("{} loses its disk", hosts_[at]->name()));
}

// --- members -------------------------------------------------------------------------------------

void World::change() {
  if (calm_) return;
  schedule({.kind = Kind::change}, up_to(2 * plan_.change_every));
  for (std::size_t at = 0; at < hosts_.size(); ++at) {
    Host& host = *hosts_[at];
    if (!host.runs() || host.core().role() != Role::leader || now_ < nodes_[at].paused_until)
      continue;
    const Configuration configuration = host.core().log().configuration();
    const Member some = hosts_[rng_.below(hosts_.size())]->self();
    if (rng_.chance(1, 4)) {
      const bool anybody = rng_.chance(1, 2);
      if (host.core().transfer(anybody ? std::nullopt : std::optional{some}, now_))
        ++counts_.transfers;
    } else {
      Change wanted{Change::Kind::add_learner, some};
      if (configuration.is_learner(some)) {
        wanted.kind = rng_.chance(3, 4) ? Change::Kind::promote : Change::Kind::remove;
      } else if (configuration.is_voter(some)) {
        wanted.kind = Change::Kind::remove;
      }
      // Who lost its disk goes first, so that those left stay a majority.
      for (const auto* members : {&configuration.voters, &configuration.learners})
        for (const auto& member : *members)
          if (!host_of(member)) wanted = {Change::Kind::remove, member};
      if (host.core().change(wanted, now_)) ++counts_.changes;
    }
    after(at);
  }
}

// --- healing -------------------------------------------------------------------------------------

void World::heal() {
  say("healing begins");
  calm_ = true;
  cuts_.clear();
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    nodes_[i].paused_until = nodes_[i].disk_hangs_until = now_;
    if (!hosts_[i]->runs()) schedule({.kind = Kind::start, .host = i}, {});
  }
}

}  // namespace millrace::replication::consensus::sim
