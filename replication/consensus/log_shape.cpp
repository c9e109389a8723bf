#include "replication/consensus/log_shape.hpp"

#include <algorithm>

#include "protocol/base/ensure.hpp"

namespace millrace::replication::consensus {

LogShape::LogShape(Snapshot snapshot, Position start) {
  ENSURE(start.index <= snapshot.at.index);
  reset(std::move(snapshot));
  start_ = start;
  last_ = start.index;
}

std::optional<Term> LogShape::term_at(Index index) const {
  if (index == start_.index) return start_.term;
  if (index < start_.index || index > last_) return std::nullopt;
  const auto behind = std::ranges::upper_bound(runs_, index, {}, &Position::index);
  return std::prev(behind)->term;
}

Position LogShape::last_at_most(Position bound) const {
  for (auto run = runs_.rbegin(); run != runs_.rend(); ++run) {
    if (run->term > bound.term || run->index > bound.index) continue;
    const Index end = run == runs_.rbegin() ? last_ : std::prev(run)->index.prev();
    return {std::min(end, bound.index), run->term};
  }
  return start_;
}

const Configuration& LogShape::configuration_at(Index index) const {
  ENSURE(index >= configurations_.front().first);
  const auto behind = std::ranges::upper_bound(
      configurations_, index, {}, [](const auto& c) -> const Index& { return c.first; });
  return std::prev(behind)->second;
}

bool LogShape::votes_since(Index index, const Member& member) const {
  for (auto each = configurations_.rbegin(); each != configurations_.rend(); ++each) {
    if (each->second.is_voter(member)) return true;
    if (each->first <= index) return false;
  }
  return false;
}

void LogShape::append(const Entry& entry) {
  ENSURE(entry.term >= term_of_last());
  last_ = last_.next();
  if (runs_.empty() || runs_.back().term != entry.term) runs_.push_back({last_, entry.term});
  const auto* configuration = std::get_if<Configuration>(&entry.body);
  if (configuration != nullptr && last_ > snapshot_.at.index)
    configurations_.emplace_back(last_, *configuration);
}

void LogShape::cut_behind(Index last) {
  ENSURE(last >= snapshot_.at.index && last <= last_);
  last_ = last;
  while (!runs_.empty() && runs_.back().index > last) runs_.pop_back();
  while (configurations_.back().first > last) configurations_.pop_back();
}

void LogShape::compact(Snapshot snapshot, Index start) {
  ENSURE(holds(snapshot.at) && snapshot.at.index >= snapshot_.at.index);
  ENSURE(start >= start_.index && start <= snapshot.at.index);
  const Position new_start{start, *term_at(start)};
  while (runs_.size() > 1 && runs_[1].index <= start.next()) runs_.pop_front();
  if (start == last_) {
    runs_.clear();
  } else if (!runs_.empty()) {
    runs_.front().index = std::max(runs_.front().index, start.next());
  }
  start_ = new_start;
  while (configurations_.size() > 1 && configurations_[1].first <= snapshot.at.index)
    configurations_.pop_front();
  configurations_.front() = {snapshot.at.index, snapshot.configuration};
  snapshot_ = std::move(snapshot);
}

void LogShape::reset(Snapshot snapshot) {
  start_ = snapshot.at;
  last_ = snapshot.at.index;
  runs_.clear();
  configurations_.clear();
  configurations_.emplace_back(snapshot.at.index, snapshot.configuration);
  snapshot_ = std::move(snapshot);
}

}  // namespace millrace::replication::consensus
