#include "replication/consensus/progress.hpp"

#include <algorithm>
#include <utility>

namespace millrace::replication::consensus {

bool Progress::may_send(std::size_t window) const {
  switch (state_) {
    case State::probe:
      return !probe_out_;
    case State::replicate:
      return in_flight_.size() < window;
    case State::snapshot:
      return false;
  }
  return false;
}

void Progress::sent(Index last) {
  if (state_ == State::probe) {
    probe_out_ = true;
  } else if (last >= next_) {
    in_flight_.push_back(last);
    next_ = last.next();
  }
}

bool Progress::accepted(Index match, Index start) {
  const bool news = match > match_;
  match_ = std::max(match_, match);
  next_ = std::max(next_, match_.next());
  while (!in_flight_.empty() && in_flight_.front() <= match_) in_flight_.pop_front();
  if (state_ == State::probe) become(State::replicate);
  if (state_ == State::snapshot && match_ >= start) become(State::probe);
  return news;
}

bool Progress::rejected(Index prev, Index common) {
  if (state_ == State::snapshot || prev <= match_) return false;
  // Of several probes, duplicates included, only the answer to the last one counts.
  if (state_ == State::probe && prev != next_.prev()) return false;
  become(State::probe);
  next_ = std::max(match_, std::min(common, prev.prev())).next();
  return true;
}

bool Progress::retry() {
  if (!std::exchange(retry_, false)) return false;
  probe_out_ = false;
  if (!in_flight_.empty()) in_flight_.pop_front();
  return true;
}

void Progress::offer(Position snapshot) {
  become(State::snapshot);
  offered_ = snapshot;
}

void Progress::become(State state) {
  state_ = state;
  in_flight_.clear();
  probe_out_ = false;
  if (state != State::snapshot) next_ = match_.next();
}

}  // namespace millrace::replication::consensus
