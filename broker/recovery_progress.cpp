#include "broker/recovery_progress.hpp"

#include <fmt/format.h>

namespace millrace::broker {

void RecoveryProgress::expect(std::uint64_t partitions) {
  const std::scoped_lock lock{mutex_};
  totals_.partitions += partitions;
}

void RecoveryProgress::opened(const log::RecoveryReport& report, log::LogState state) {
  const std::scoped_lock lock{mutex_};
  ++totals_.opened;
  if (report.clean) ++totals_.clean;
  if (state == log::LogState::read_only) ++totals_.read_only;
  totals_.torn_bytes += report.torn_bytes;
  totals_.damages += report.damages;
  totals_.indexes_rebuilt += report.indexes_rebuilt;
}

void RecoveryProgress::not_opened() {
  const std::scoped_lock lock{mutex_};
  ++totals_.not_opened;
}

RecoveryProgress::Totals RecoveryProgress::totals() const {
  const std::scoped_lock lock{mutex_};
  auto totals = totals_;
  totals.verified_bytes = verified_bytes_.load(std::memory_order_relaxed);
  return totals;
}

std::string RecoveryProgress::under_way() const {
  const auto t = totals();
  return fmt::format("{} of {} partitions are open, {} bytes were verified", t.opened, t.partitions,
                     t.verified_bytes);
}

std::string RecoveryProgress::summary(std::chrono::milliseconds took) const {
  const auto t = totals();
  auto text = fmt::format(
      "{} partitions opened in {} ms: {} closed cleanly, {} bytes verified, {} torn bytes cut off, "
      "{} indexes rebuilt, {} places damaged",
      t.opened, took.count(), t.clean, t.verified_bytes, t.torn_bytes, t.indexes_rebuilt,
      t.damages);
  if (t.read_only > 0) text += fmt::format("; {} partitions are read-only", t.read_only);
  if (t.not_opened > 0) text += fmt::format("; {} partitions could not be opened", t.not_opened);
  return text;
}

}  // namespace millrace::broker
