#include "broker/cleaner.hpp"

#include <fmt/ostream.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "broker/shard.hpp"

namespace millrace::broker {

namespace {

std::pair<TopicId, PartitionIndex> place_of(const Partition& partition) {
  return {partition.topic_id(), partition.name().partition};
}

}  // namespace

void Cleaner::look() {
  if (!budget_.settings().enabled) return;
  stuck_.clear();
  fill();
}

void Cleaner::fill() {
  while (!shard_.stopping() && budget_.take_pass()) {
    const auto partition = dirtiest();
    if (partition && start(partition)) continue;
    budget_.give_pass();
    return;
  }
}

bool Cleaner::can_start(const Partition& partition) const {
  const auto place = place_of(partition);
  return !partition.offline() && !partition.retired() && partition.settings().log.compact &&
         !damaged_.contains(place) && !stuck_.contains(place) &&
         std::ranges::none_of(
             passes_, [&](const PassPtr& pass) { return pass->partition.get() == &partition; });
}

std::shared_ptr<Partition> Cleaner::dirtiest() {
  std::shared_ptr<Partition> best;
  log::CompactionPlan best_plan;
  shard_.each_partition([&](const std::shared_ptr<Partition>& partition) {
    if (!can_start(*partition)) return;
    const auto plan = partition->log().plan_compaction(shard_.wall(), partition->high_watermark());
    // What is closed can be compacted once it is synced and a checkpoint lies behind it.
    if (partition->log().recovery_point() < partition->log().active_segment_base())
      shard_.appended(partition);
    shard_.checkpoint(partition);
    if (!plan.due) return;
    const bool better = !best || std::pair{plan.overdue, plan.dirty_ratio()} >
                                     std::pair{best_plan.overdue, best_plan.dirty_ratio()};
    if (!better) return;
    best = partition;
    best_plan = plan;
  });
  return best;
}

bool Cleaner::start(const std::shared_ptr<Partition>& partition) {
  const auto& settings = budget_.settings();
  const auto share = static_cast<std::uint64_t>(std::max(settings.passes_max, 1));
  auto& rng = shard_.node().world.rng;
  log::CompactionRequest request;
  request.now = shard_.wall();
  request.high_watermark = partition->high_watermark();
  request.hash_secret = {rng.next(), rng.next()};
  request.key_map_bytes = settings.key_map_bytes / share;
  request.key_map_load = settings.key_map_load;
  request.buffer_bytes = settings.buffer_bytes / share;
  auto work = partition->log().take_compaction(request);
  if (!work) return false;
  auto pass = std::make_shared<Pass>(Pass{partition, std::move(work)});
  passes_.push_back(pass);
  step(pass);
  return true;
}

void Cleaner::step(const PassPtr& pass) {
  if (pass->partition->retired()) return end(pass, log::Errc::superseded);
  pass->partition->work_begun();
  // With the readers, for it reads what is cold: no sync is to wait behind it.
  shard_.on_pool(
      shard_.node().world.read_pool, [work = pass->work] { return work->step(); },
      [this, pass](const Result<log::CompactionStep>& result) { stepped(pass, result); });
}

void Cleaner::stepped(const PassPtr& pass, const Result<log::CompactionStep>& result) {
  auto& partition = *pass->partition;
  const bool more = partition.log().compacted(*pass->work, result);
  partition.work_ended();
  if (!more) return end(pass, result);
  // What is left of the pass goes with the log, which is closed or removed.
  if (shard_.stopping() || partition.retired()) return end(pass, log::Errc::superseded);
  const auto rest = budget_.spend(result->read_bytes + result->written_bytes, shard_.now());
  if (rest.count() == 0) return step(pass);
  shard_.deadlines().after(rest, [this, pass] { step(pass); });
}

void Cleaner::end(const PassPtr& pass, const Result<log::CompactionStep>& last) {
  std::erase(passes_, pass);
  budget_.give_pass();
  auto& partition = *pass->partition;
  const auto& stats = pass->work->stats();
  if (partition.offline() && !shard_.stopping()) {
    spdlog::error(
        "{}: compaction could not put its segments in place{}{}; nothing more is acknowledged "
        "there until the broker is started again",
        fmt::streamed(partition.name()), last ? "" : ": ", last ? "" : last.error().message());
    return;
  }
  if (last) {
    ++totals_.passes;
    totals_.bytes_before += stats.bytes_before;
    totals_.bytes_after += stats.bytes_after;
    totals_.records_dropped += static_cast<std::uint64_t>(stats.records_dropped);
    spdlog::info("{}: compaction made {} bytes of {}, dropping {} records; {} read, {} keys",
                 fmt::streamed(partition.name()), stats.bytes_after, stats.bytes_before,
                 stats.records_dropped, stats.read_bytes, stats.keys);
    const bool moved = partition.log().first_dirty() > pass->work->plan().first_dirty;
    if (!moved) stuck_.insert(place_of(partition));
    return fill();
  }
  if (last.error() == log::make_error_code(log::Errc::superseded)) return;
  stuck_.insert(place_of(partition));
  const bool damage = last.error() == log::make_error_code(log::Errc::corrupt_file);
  if (damage) damaged_.insert(place_of(partition));
  spdlog::error("{}: compaction stopped: {}; {}", fmt::streamed(partition.name()),
                last.error().message(),
                damage ? "the partition keeps growing until its damaged segment is restored, or "
                         "the topic deleted, and the broker started again"
                       : "it will be tried again");
}

}  // namespace millrace::broker
