#pragma once

#include <algorithm>
#include <deque>
#include <optional>

#include "protocol/base/clock.hpp"
#include "replication/consensus/types.hpp"

namespace millrace::replication::consensus {

/// What a leader knows of one other member, and how much it may have under way to it. Made anew
/// with each term, and when a member joins.
class Progress {
 public:
  enum class State {
    probe,      // where the logs part is not known: one message at a time
    replicate,  // it keeps up: up to a window of messages, each begun where the one before ended
    snapshot,   // what it lacks is gone: nothing but offers until it acknowledged something
  };

  explicit Progress(Index next) : next_{next} {}

  [[nodiscard]] State state() const { return state_; }
  /// Everything up to here is durable there and equal to our log.
  [[nodiscard]] Index match() const { return match_; }
  /// The first entry of the next message; above `match`.
  [[nodiscard]] Index next() const { return next_; }
  /// Whether an append may be sent now.
  [[nodiscard]] bool may_send(std::size_t window) const;
  /// When it last said something in our term.
  [[nodiscard]] std::optional<Instant> heard() const { return heard_; }
  /// What it is offered while it is in state snapshot.
  [[nodiscard]] Position offered() const { return offered_; }
  /// The last round of heartbeats that it answered.
  [[nodiscard]] std::uint64_t round() const { return round_; }

  /// An append with entries up to `last` was sent; without entries, `last` is next() - 1.
  void sent(Index last);
  /// What it needs begins before the log; this stands for it.
  void offer(Position snapshot);
  /// It acknowledged up to `match`; the log is kept from behind `start`. Whether that was news.
  bool accepted(Index match, Index start);
  /// It has no entry `prev`; none behind `common` is worth trying. False if that is old.
  bool rejected(Index prev, Index common);
  void answered(std::uint64_t round) { round_ = std::max(round_, round); }
  /// A heartbeat was due, and will be answered.
  void may_retry() { retry_ = true; }
  /// Once for each `may_retry`: it answered, so what is still under way may be lost, and one more
  /// message may be sent.
  bool retry();
  void hear(Instant now) { heard_ = now; }

 private:
  void become(State state);

  State state_ = State::probe;
  Index match_;
  Index next_;
  bool probe_out_ = false;       // in state probe: wait for its answer
  std::deque<Index> in_flight_;  // in state replicate: the last entry of each message
  Position offered_;
  std::optional<Instant> heard_;
  bool retry_ = false;
  std::uint64_t round_ = 0;
};

}  // namespace millrace::replication::consensus
