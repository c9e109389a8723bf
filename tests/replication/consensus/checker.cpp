#include "tests/replication/consensus/checker.hpp"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <algorithm>
#include <iterator>

namespace millrace::replication::consensus::sim {
namespace {

template <class... Parts>
[[noreturn]] void broken(fmt::format_string<Parts...> text, Parts&&... parts) {
  throw Violation{fmt::format(text, std::forward<Parts>(parts)...)};
}

std::size_t difference(const std::vector<Member>& a, const std::vector<Member>& b) {
  std::vector<Member> different;
  std::ranges::set_symmetric_difference(a, b, std::back_inserter(different));
  return different.size();
}

/// Durably. It may have held it before its disk was lost.
bool holds(const Member& voter, Position position, const std::vector<Host*>& hosts) {
  const auto host = std::ranges::find(hosts, voter, [](const Host* each) { return each->self(); });
  return host == hosts.end() || (*host)->disk().durable().covers(position);
}

template <class Holds>
bool most(const std::vector<Member>& voters, Holds holds) {
  return 2 * static_cast<std::size_t>(std::ranges::count_if(voters, holds)) > voters.size();
}

}  // namespace

void Checker::begin(const Snapshot& first) {
  committed_ = first.at;
  configurations_[first.at.index] = committed_by_ = first.configuration;
  applied_[first.at.index.value] = 0;
}

std::uint64_t Checker::committed_at(Index index) const {
  const auto found = commits_.find(index.value);
  return found == commits_.end() ? 0 : found->second.digest;
}

void Checker::started(const Host& host) {
  Seen& seen = seen_[host.self()];
  if (host.core().term() < seen.said)
    broken("{} said something in term {} and is in {} again", host.name(), seen.said.value,
           host.core().term().value);
  seen.term = host.core().term();
  seen.commit = Index{0};
  seen.led = Term{0};
  note_configurations(host, Index{0});
}

const Configuration& Checker::configuration_of(const Host& host) const {
  return seen_.at(host.self()).configurations.rbegin()->second;
}

/// From `first` on its log is another.
void Checker::note_configurations(const Host& host, Index first) {
  Seen& seen = seen_[host.self()];
  const Files& files = host.disk().now();
  const Snapshot& snapshot = files.image.snapshot;
  if (first <= snapshot.at.index) {
    seen.configurations = {{snapshot.at.index, snapshot.configuration}};
    first = snapshot.at.index.next();
  }
  seen.configurations.erase(seen.configurations.lower_bound(first), seen.configurations.end());
  for (Index i = first; i <= files.last(); i = i.next())
    if (const auto* next = std::get_if<Configuration>(&files.entry(i)->body))
      seen.configurations[i] = *next;
  seen.last = files.last();
}

void Checker::output(const Host& host, const Output& output) {
  if (output.write) note_entries(host, *output.write);
  for (const auto& message : output.messages) say(host, message);
}

void Checker::say(const Host& host, const Message& message) {
  Seen& seen = seen_[host.self()];
  if (message.term < seen.said)
    broken("{} says something in term {} after {}", host.name(), message.term.value,
           seen.said.value);
  seen.said = message.term;
  const auto* answer = std::get_if<VoteAnswer>(&message.body);
  const auto* request = std::get_if<VoteRequest>(&message.body);
  std::optional<Member> vote;
  if (answer != nullptr && answer->granted && !answer->pre) vote = message.to;
  if (request != nullptr && !request->pre) vote = message.from;
  if (!vote) return;
  const auto [first, is_first] = seen.votes.emplace(message.term, *vote);
  if (!is_first && first->second != *vote)
    broken("{} votes twice in term {}", host.name(), message.term.value);
}

void Checker::note_entries(const Host& host, const Write& write) {
  Seen& seen = seen_[host.self()];
  if (seen.configurations.empty()) note_configurations(host, Index{0});
  const bool leads = host.core().role() == Role::leader && seen.led == host.core().term();
  if (leads && !write.entries.empty() && write.first != seen.last.next())
    broken("{} leads and writes at {} to its log of {}", host.name(), write.first.value,
           seen.last.value);
  if (write.restore) {
    note_configurations(host, Index{0});
  } else if (!write.entries.empty()) {
    note_configurations(host, write.first);
  }
  for (std::size_t i = 0; i < write.entries.size(); ++i) {
    const Index index = write.first.plus(i);
    const Entry& entry = write.entries[i];
    const Entry* prev = host.disk().now().entry(index.prev());
    const Term prev_term = prev != nullptr ? prev->term : host.disk().now().start.term;
    const Known known{digest_of(entry), prev_term};
    const auto [first, is_new] = entries_.emplace(Position{index, entry.term}, known);
    if (!is_new &&
        (first->second.digest != known.digest || first->second.prev_term != known.prev_term))
      broken("two entries are called {}/{}", index.value, entry.term.value);
    if (const auto* after = std::get_if<Configuration>(&entry.body)) {
      const auto before = std::prev(seen.configurations.lower_bound(index));
      if (host.core().role() == Role::leader &&
          difference(before->second.voters, after->voters) > 1)
        broken("{} changes two voters at once at {}", host.name(), index.value);
    }
  }
  // Those that nobody knows to be committed.
  std::size_t open = 0;
  for (Index i = committed_.index.next(); i <= host.disk().now().last(); i = i.next()) {
    const Entry* entry = host.disk().now().entry(i);
    if (entry != nullptr && std::holds_alternative<Configuration>(entry->body)) ++open;
  }
  if (open > 1) broken("{} has {} changes of members in flight", host.name(), open);
}

void Checker::look(const Host& host, const std::vector<Host*>& hosts) {
  const Consensus& core = host.core();
  Seen& seen = seen_[host.self()];
  if (seen.configurations.empty()) note_configurations(host, Index{0});
  if (core.term() < seen.term) broken("the term of {} goes back", host.name());
  seen.term = core.term();
  if (core.commit() < seen.commit) broken("the commit of {} goes back", host.name());
  const LogShape& log = core.log();
  if (log.start().index > log.snapshot().at.index || log.snapshot().at.index > core.commit() ||
      core.commit() > log.last().index || core.applied() > core.commit())
    broken("the indexes of {} are out of order", host.name());
  if (log.last().index != host.disk().now().last())
    broken("{} takes its log for {} long, it is {}", host.name(), log.last().index.value,
           host.disk().now().last().value);
  if (core.log().configuration() != configuration_of(host))
    broken("{} takes others for the members than its log names", host.name());
  if (seen.image != host.disk().now().image.snapshot.at) note_image(host);
  const bool led = seen.led == core.term();
  if (core.role() == Role::leader && !led) note_leader(host);
  if (core.commit() > seen.commit) note_commit(host, led, hosts);
  note_applied(host);
  look_for_committed(host, hosts);
}

void Checker::note_image(const Host& host) {
  Seen& seen = seen_[host.self()];
  const Snapshot& snapshot = host.disk().now().image.snapshot;
  seen.image = snapshot.at;
  const auto committed = configurations_.upper_bound(snapshot.at.index);
  if (snapshot.at.index <= committed_.index && committed != configurations_.begin() &&
      std::prev(committed)->second != snapshot.configuration)
    broken("the snapshot of {} at {} names other members than were committed", host.name(),
           snapshot.at.index.value);
  auto& all = seen.configurations;
  all.erase(all.begin(), all.upper_bound(snapshot.at.index));
  all[snapshot.at.index] = snapshot.configuration;
}

void Checker::note_leader(const Host& host) {
  const Consensus& core = host.core();
  seen_[host.self()].led = core.term();
  const auto [first, is_first] = leaders_.emplace(core.term(), core.self());
  if (!is_first && first->second != core.self())
    broken("term {} has two leaders, {} is one", core.term().value, host.name());
  // What was committed in a later term need not be there: it comes too late.
  if (committed_.term <= core.term() && !host.disk().now().covers(committed_))
    broken("{} leads term {} without the committed {}/{}", host.name(), core.term().value,
           committed_.index.value, committed_.term.value);
}

/// `led`: it was the leader already when that happened.
void Checker::note_commit(const Host& host, bool led, const std::vector<Host*>& hosts) {
  const Consensus& core = host.core();
  Seen& seen = seen_[host.self()];
  const Index from = std::max(seen.commit, host.disk().now().start.index);
  for (Index i = from.next(); i <= core.commit(); i = i.next()) {
    const Entry& entry = *host.disk().now().entry(i);
    const Committed committed{entry.term, digest_of(entry)};
    const auto [first, is_first] = commits_.emplace(i.value, committed);
    if (!is_first && (first->second.digest != committed.digest))
      broken("{} takes another entry for committed at {} than was before", host.name(), i.value);
    if (const auto* next = std::get_if<Configuration>(&entry.body)) configurations_[i] = *next;
  }
  seen.commit = core.commit();
  const Position newest{core.commit(), *core.log().term_at(core.commit())};
  if (led) {
    // Judged also if another has committed as much: this one counted for itself.
    const auto& voters = configuration_of(host).voters;
    if (!most(voters, [&](const Member& voter) { return holds(voter, newest, hosts); }))
      broken("{} commits {}/{} which no majority of {} voters holds", host.name(),
             newest.index.value, newest.term.value, voters.size());
    if (newest.term != core.term())
      broken("{} leads term {} and commits up to {} of term {}", host.name(), core.term().value,
             newest.index.value, newest.term.value);
  } else if (newest.index > committed_.index) {
    broken("{} takes {}/{} for committed before any leader does", host.name(), newest.index.value,
           newest.term.value);
  }
  if (newest.index <= committed_.index) return;
  committed_ = newest;
  committed_by_ = configuration_of(host);
}

void Checker::look_for_committed(const Host& host, const std::vector<Host*>& hosts) const {
  if (!most(committed_by_.voters,
            [&](const Member& voter) { return holds(voter, committed_, hosts); }))
    broken("{} makes that no majority holds the committed {}/{} any more", host.name(),
           committed_.index.value, committed_.term.value);
}

void Checker::note_applied(const Host& host) {
  const Machine& machine = host.machine();
  const auto [first, is_first] = applied_.emplace(machine.applied.value, machine.digest);
  if (!is_first && first->second != machine.digest)
    broken("{} has applied other entries up to {}", host.name(), machine.applied.value);
}

}  // namespace millrace::replication::consensus::sim
