#include "log/compaction/transactions.hpp"

#include <algorithm>

namespace millrace::log {

void TransactionOutcomes::data(ProducerId producer, Offset base) {
  open_.try_emplace(producer, base);
}

void TransactionOutcomes::marker(ProducerId producer, protocol::ControlType type, Offset offset) {
  const auto open = open_.find(producer);
  if (open == open_.end()) return;
  if (type == protocol::ControlType::abort) aborted_[producer].push_back({open->second, offset});
  open_.erase(open);
}

std::optional<Offset> TransactionOutcomes::first_open() const {
  std::optional<Offset> first;
  for (const auto& [producer, base] : open_)
    if (!first || base < *first) first = base;
  return first;
}

bool TransactionOutcomes::aborted(ProducerId producer, Offset base) const {
  const auto known = aborted_.find(producer);
  if (known == aborted_.end()) return false;
  const auto& ranges = known->second;
  const auto range = std::ranges::upper_bound(ranges, base, {}, &Range::marker);
  return range != ranges.end() && range->first <= base;
}

}  // namespace millrace::log
