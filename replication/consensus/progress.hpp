#pragma once

#include <deque>

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
  /// Whether it was heard since the last `forget_heard`.
  [[nodiscard]] bool heard() const { return heard_; }
  /// The last round of heartbeats that it answered.
  [[nodiscard]] std::uint64_t round() const { return round_; }

  /// An append with entries up to `last` was sent; without entries, `last` is next() - 1.
  void sent(Index last);
  /// What it needs begins before the log.
  void needs_snapshot() { become(State::snapshot); }
  /// It acknowledged up to `match`; the log is kept from behind `start`. Whether that was news.
  bool accepted(Index match, Index start);
  /// It has no entry `prev`; none behind `common` is worth trying. False if that is old.
  bool rejected(Index prev, Index common);
  /// It answered a heartbeat, so what is still under way may be lost: one more message may be sent.
  void answered(std::uint64_t round);
  /// It said something in our term.
  void hear() { heard_ = true; }
  void forget_heard() { heard_ = false; }

 private:
  void become(State state);

  State state_ = State::probe;
  Index match_;
  Index next_;
  bool probe_out_ = false;       // in state probe: wait for its answer
  std::deque<Index> in_flight_;  // in state replicate: the last entry of each message
  bool heard_ = false;
  std::uint64_t round_ = 0;
};

}  // namespace millrace::replication::consensus
