#include "clients/request_ledger.hpp"

#include <algorithm>
#include <limits>

namespace millrace::clients {

CorrelationId RequestLedger::next_id() {
  const CorrelationId id{next_id_};
  next_id_ = next_id_ == std::numeric_limits<std::int32_t>::max() ? 0 : next_id_ + 1;
  return id;
}

void RequestLedger::sent(CorrelationId id, Instant deadline) {
  waiting_.push_back({.id = id, .deadline = deadline});
}

RequestLedger::Match RequestLedger::answered(CorrelationId id) {
  if (waiting_.empty() || waiting_.front().id != id) return Match::unexpected;
  const bool abandoned = waiting_.front().abandoned;
  waiting_.pop_front();
  return abandoned ? Match::late : Match::answered;
}

std::vector<CorrelationId> RequestLedger::expire(Instant now) {
  std::vector<CorrelationId> expired;
  for (auto& entry : waiting_) {
    if (entry.abandoned || entry.deadline > now) continue;
    entry.abandoned = true;
    expired.push_back(entry.id);
  }
  return expired;
}

bool RequestLedger::stalled(Instant now) const {
  return !waiting_.empty() && waiting_.front().abandoned &&
         waiting_.front().deadline + stall_grace_ <= now;
}

std::optional<Instant> RequestLedger::next_event() const {
  if (waiting_.empty()) return std::nullopt;
  auto soonest = Instant::max();
  for (const auto& entry : waiting_) {
    if (!entry.abandoned) soonest = std::min(soonest, entry.deadline);
  }
  const auto& oldest = waiting_.front();
  if (oldest.abandoned) soonest = std::min(soonest, oldest.deadline + stall_grace_);
  return soonest;
}

std::vector<CorrelationId> RequestLedger::fail_all() {
  std::vector<CorrelationId> failed;
  for (const auto& entry : waiting_) {
    if (!entry.abandoned) failed.push_back(entry.id);
  }
  waiting_.clear();
  return failed;
}

}  // namespace millrace::clients
