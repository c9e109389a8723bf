#include "broker/cleaner_budget.hpp"

#include <algorithm>

#include "protocol/base/ensure.hpp"

namespace millrace::broker {

bool CleanerBudget::take_pass() {
  const std::scoped_lock lock{mutex_};
  if (passes_ >= settings_.passes_max) return false;
  ++passes_;
  return true;
}

void CleanerBudget::give_pass() {
  const std::scoped_lock lock{mutex_};
  ENSURE(passes_ > 0);
  --passes_;
}

std::chrono::nanoseconds CleanerBudget::spend(std::uint64_t bytes, Instant now) {
  constexpr double kRestMax = 3600;  // a rate of next to nothing must still end
  const double seconds =
      std::min(static_cast<double>(bytes) / std::max(settings_.bytes_per_second, 1.0), kRestMax);
  const auto price =
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>{seconds});
  const std::scoped_lock lock{mutex_};
  paid_until_ = std::max(paid_until_, now) + price;
  return paid_until_ - now;
}

}  // namespace millrace::broker
