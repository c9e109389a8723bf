#include "replication/consensus/consensus.hpp"

#include <algorithm>
#include <utility>

#include "protocol/base/ensure.hpp"

namespace millrace::replication::consensus {

std::ostream& operator<<(std::ostream& out, Role role) {
  switch (role) {
    case Role::follower:
      return out << "follower";
    case Role::pre_candidate:
      return out << "pre-candidate";
    case Role::candidate:
      return out << "candidate";
    case Role::leader:
      return out << "leader";
  }
  return out;
}

Consensus::Consensus(Durable durable, Settings settings, const LogReader& log, Rng& rng,
                     Instant now)
    : settings_{settings},
      reader_{log},
      rng_{rng},
      self_{durable.self},
      state_{durable.state},
      log_{std::move(durable.log)},
      commit_{log_.snapshot().at.index},
      applied_{commit_},
      durable_{log_.last().index} {
  ENSURE(log_.holds(log_.snapshot().at) && log_.last().term <= state_.term);
  arm_election(now);
  // Alone, there is nobody to wait for.
  if (is_voter() && log_.configuration().voters.size() == 1) election_due_ = now;
}

// --- time ----------------------------------------------------------------------------------------

void Consensus::tick(Instant now) {
  if (role_ == Role::leader) {
    lead(now);
  } else if (now >= election_due_) {
    leader_.reset();
    if (may_lead()) {
      campaign(true, false, now);
    } else {
      arm_election(now);
    }
  }
}

Instant Consensus::next_deadline() const {
  if (role_ != Role::leader) return election_due_;
  const Instant due = std::min(heartbeat_due_, quorum_due_);
  return successor_ ? std::min(due, transfer_due_) : due;
}

void Consensus::arm_election(Instant now) {
  const std::chrono::nanoseconds timeout = settings_.election_timeout;
  const auto jitter = rng_.below(static_cast<std::uint64_t>(timeout.count()));
  election_due_ = now + timeout + std::chrono::nanoseconds{jitter};
}

void Consensus::suspect(const Member& peer, Instant now) {
  if (role_ != Role::follower || leader_ != peer) return;
  leader_.reset();
  // Not all at once: the first to ask should be through before the next one does.
  const std::chrono::nanoseconds spread = settings_.heartbeat_interval;
  const auto jitter = rng_.below(static_cast<std::uint64_t>(spread.count()));
  election_due_ = std::min(election_due_, now + std::chrono::nanoseconds{jitter});
}

// --- messages ------------------------------------------------------------------------------------

void Consensus::step(const Message& message, Instant now) {
  if (message.to != self_) return;
  const auto* request = std::get_if<VoteRequest>(&message.body);
  if (request != nullptr && !request->handed_over && has_leader(now) && leader_ != message.from) {
    // Its term is not taken over: a node that cannot hear the leader must not unseat it.
    send_when_durable(message.from, VoteAnswer{request->pre, false}, state_ticket_);
    return;
  }
  if (message.term > state_.term) become_follower(message.term, std::nullopt, now);
  if (message.term < state_.term) {
    answer_from_the_past(message);
    return;
  }
  std::visit([&](const auto& body) { on(message, body, now); }, message.body);
}

/// All that counts in the answer is our term: who asks must learn that the world moved on.
void Consensus::answer_from_the_past(const Message& message) {
  if (const auto* request = std::get_if<VoteRequest>(&message.body)) {
    send_when_durable(message.from, VoteAnswer{request->pre, false}, state_ticket_);
  } else if (std::holds_alternative<Append>(message.body) ||
             std::holds_alternative<Heartbeat>(message.body) ||
             std::holds_alternative<SnapshotOffer>(message.body)) {
    send_when_durable(message.from, HeartbeatAnswer{}, state_ticket_);
  }
}

void Consensus::send(const Member& to, MessageBody body) {
  output_.messages.push_back({self_, to, state_.term, std::move(body)});
}

void Consensus::send_when_durable(const Member& to, MessageBody body, Ticket ticket) {
  held_.push_back({ticket, {self_, to, state_.term, std::move(body)}});
  release();
}

void Consensus::release() {
  std::vector<Message> ready;
  std::erase_if(held_, [&](Held& held) {
    if (held.ticket > persisted_) return false;
    // What was promised in an earlier term may not hold any more.
    if (held.message.term == state_.term) ready.push_back(std::move(held.message));
    return true;
  });
  for (auto& message : ready) output_.messages.push_back(std::move(message));
}

// --- the disk ------------------------------------------------------------------------------------

Write& Consensus::writing() {
  if (!output_.write) output_.write.emplace();
  return *output_.write;
}

void Consensus::write_state(VoterState state) {
  ENSURE(state.term >= state_.term);
  state_ = state;
  writing().state = state_;
  state_ticket_ = open_;
}

void Consensus::append(Index first, std::vector<Entry> entries) {
  if (first <= log_.last().index) {
    log_.cut_behind(first.prev());
    cut_durable(first.prev());
  }
  for (const auto& entry : entries) log_.append(entry);
  Write& write = writing();
  if (write.entries.empty() || first <= write.first) {
    write.first = first;
    write.entries = std::move(entries);
  } else {
    write.entries.resize(static_cast<std::size_t>(first - write.first));
    std::ranges::move(entries, std::back_inserter(write.entries));
  }
  note_in_flight(log_.last().index);
}

void Consensus::cut_durable(Index last) {
  durable_ = std::min(durable_, last);
  for (auto& write : in_flight_) write.last = std::min(write.last, last);
}

void Consensus::note_in_flight(Index last) {
  if (in_flight_.empty() || in_flight_.back().ticket != open_) in_flight_.push_back({open_, last});
  in_flight_.back().last = last;
}

Ticket Consensus::ticket_of(Index last) const {
  if (last <= durable_) return state_ticket_;
  const auto write = std::ranges::lower_bound(in_flight_, last, {}, &InFlight::last);
  ENSURE(write != in_flight_.end());
  return std::max(write->ticket, state_ticket_);
}

std::vector<Entry> Consensus::entries_from(Index first) const {
  const Index last = log_.last().index;
  if (!output_.write || output_.write->entries.empty() || first < output_.write->first) {
    const bool some_open = output_.write && !output_.write->entries.empty();
    const Index handed_over = some_open ? output_.write->first.prev() : last;
    return reader_.read(first, handed_over, settings_.batch_bytes_max);
  }
  std::vector<Entry> entries;
  std::size_t bytes = 0;
  for (auto i = first - output_.write->first; i <= last - output_.write->first; ++i) {
    const auto& entry = output_.write->entries[static_cast<std::size_t>(i)];
    bytes += entry.size();
    if (!entries.empty() && bytes > settings_.batch_bytes_max) break;
    entries.push_back(entry);
  }
  return entries;
}

void Consensus::persisted(Ticket ticket, Instant now) {
  ENSURE(ticket < open_);
  persisted_ = std::max(persisted_, ticket);
  while (!in_flight_.empty() && in_flight_.front().ticket <= persisted_) {
    durable_ = std::max(durable_, in_flight_.front().last);
    in_flight_.pop_front();
  }
  release();
  if (role_ == Role::candidate) count_votes(now);
  if (role_ == Role::leader) advance_commit(now);
}

Output Consensus::take() {
  if (output_.write) {
    output_.write->ticket = open_;
    open_ = Ticket{open_.value + 1};
  }
  const Index end = std::min(commit_, durable_);
  if (end > applied_) {
    applied_ = end;
    output_.apply_to = end;
  }
  return std::exchange(output_, {});
}

// --- roles ---------------------------------------------------------------------------------------

void Consensus::become_follower(Term term, std::optional<Member> leader, Instant now) {
  if (term > state_.term) write_state({term, std::nullopt});
  // A leader's election timer stood still.
  if (role_ == Role::leader) arm_election(now);
  role_ = Role::follower;
  leader_ = leader;
  votes_.clear();
  followers_.clear();
  successor_.reset();
  for (const auto& read : reads_) output_.reads.push_back({read.token, std::nullopt});
  reads_.clear();
}

void Consensus::follow(const Member& leader, Instant now) {
  if (role_ != Role::follower) become_follower(state_.term, leader, now);
  leader_ = leader;
  heard_leader_ = now;
  arm_election(now);
}

void Consensus::commit_to(Index index) {
  ENSURE(index <= log_.last().index);
  commit_ = std::max(commit_, index);
}

}  // namespace millrace::replication::consensus
