#include <algorithm>

#include "protocol/base/ensure.hpp"
#include "replication/consensus/consensus.hpp"

namespace millrace::replication::consensus {

void Consensus::on(const Message& message, const Append& append, Instant now) {
  if (role_ == Role::leader) return;
  follow(message.from, now);
  const Index prev = append.prev.index;
  // A leader has all that is committed, so up to there the logs are equal.
  if (prev < commit_) return acknowledge(message.from, commit_);
  if (!log_.holds(append.prev)) {
    const Position bound{std::min(prev, log_.last().index), append.prev.term};
    send_when_durable(message.from, Rejected{prev, log_.last_at_most(bound)}, state_ticket_);
    return;
  }
  // Only what differs is cut: the message may be older than what came meanwhile.
  const auto& entries = append.entries;
  std::size_t same = 0;
  while (same < entries.size() && log_.term_at(prev.plus(same + 1)) == entries[same].term) ++same;
  if (same < entries.size()) {
    const auto news = entries.begin() + static_cast<std::ptrdiff_t>(same);
    this->append(prev.plus(same + 1), {news, entries.end()});
  }
  // What lies behind these entries may come from another leader: it neither counts nor commits.
  const Index match = prev.plus(entries.size());
  commit_to(std::min(append.commit, match));
  acknowledge(message.from, match);
}

void Consensus::acknowledge(const Member& leader, Index match) {
  send_when_durable(leader, Accepted{match}, ticket_of(match));
}

void Consensus::on(const Message& message, const Heartbeat& heartbeat, Instant now) {
  if (role_ == Role::leader) return;
  follow(message.from, now);
  commit_to(std::min(heartbeat.commit, log_.last().index));
  send_when_durable(message.from, HeartbeatAnswer{heartbeat.round}, state_ticket_);
}

// --- snapshots -----------------------------------------------------------------------------------

void Consensus::on(const Message& message, const SnapshotOffer& offer, Instant now) {
  if (role_ == Role::leader) return;
  follow(message.from, now);
  if (has_snapshot(offer.snapshot)) {
    acknowledge(message.from, commit_);
  } else {
    output_.fetch = FetchSnapshot{message.from, offer.snapshot};
  }
}

/// Whether the log holds what the snapshot stands for. Then that much is committed.
bool Consensus::has_snapshot(Position snapshot) {
  if (snapshot.index > commit_ && log_.holds(snapshot)) commit_to(snapshot.index);
  return snapshot.index <= commit_;
}

void Consensus::install(const Snapshot& snapshot, Instant now) {
  if (!has_snapshot(snapshot.at)) {
    if (role_ == Role::leader) return;  // a leader lacks nothing that is committed
    // A candidate asked for votes with the log that it loses now.
    if (role_ != Role::follower) become_follower(state_.term, std::nullopt, now);
    log_.reset(snapshot);
    commit_ = applied_ = snapshot.at.index;
    Write& write = writing();
    write.restore = snapshot;
    write.entries.clear();
    cut_durable(Index{0});
    note_in_flight(snapshot.at.index);
  }
  if (role_ == Role::follower && leader_) acknowledge(*leader_, commit_);
}

Snapshot Consensus::snapshot_at(Index index) const {
  ENSURE(index >= log_.snapshot().at.index && index <= applied_);
  return {{index, *log_.term_at(index)}, log_.configuration_at(index)};
}

void Consensus::snapshot_taken(const Snapshot& snapshot, Index start) {
  // Another may have been installed meanwhile.
  if (snapshot.at.index > log_.snapshot().at.index) log_.compact(snapshot, start);
}

}  // namespace millrace::replication::consensus
