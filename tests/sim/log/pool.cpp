// What pool threads do for a log, and what readers ask of it.
#include <algorithm>

#include "log/errc.hpp"
#include "tests/sim/log/owner.hpp"

namespace millrace::log_sim {
namespace {

std::string to_text(const Model::Found& found) {
  if (!found) return "nothing";
  return fmt::format("offset {} at {}", found->offset.value, found->timestamp.value);
}

}  // namespace

bool Owner::job_is_running() const {
  return (sync_ && sync_->running) || (checkpoint_ && checkpoint_->running) ||
         (compaction_ && compaction_->running);
}

bool Owner::run_a_job() {
  const bool can_sync = sync_ && !sync_->running && !sync_->result;
  const bool can_checkpoint = checkpoint_ && !checkpoint_->running && !checkpoint_->result;
  if (compaction_ && compaction_->waits() && setting_.rng.chance(1, 2)) {
    run_compaction();
    return true;
  }
  switch (setting_.rng.below(4)) {
    case 0:
      if (!reads_.empty()) {
        const ReadJob job = std::move(reads_.front());
        reads_.erase(reads_.begin());
        finish(job);
        return true;
      }
      break;
    case 1:
      if (!lookups_.empty()) {
        const LookupJob job = std::move(lookups_.front());
        lookups_.erase(lookups_.begin());
        finish(job);
        return true;
      }
      break;
    case 2:
      if (can_checkpoint) {
        run_checkpoint();
        return true;
      }
      break;
    default:
      break;
  }
  if (!can_sync) return false;
  run_sync();
  return true;
}

void Owner::run_sync() {
  sync_->running = true;
  const auto result = sync_->work.run();
  sync_->running = false;
  sync_->result = result;
  setting_.note("{}: a sync ran{}", name_, result ? "" : " and failed");
}

void Owner::run_checkpoint() {
  checkpoint_->running = true;
  const auto result = checkpoint_->work.run();
  checkpoint_->running = false;
  checkpoint_->result = result;
  setting_.note("{}: a checkpoint ran{}", name_, result ? "" : " and failed");
}

void Owner::run_compaction() {
  compaction_->running = true;
  const auto result = compaction_->work->step();
  compaction_->running = false;
  compaction_->result = result;
  setting_.note("{}: a step of compaction ran{}", name_,
                !result            ? " and failed"
                : result->swap_due ? ", a swap is due"
                : result->done     ? ", the last"
                                   : "");
}

// -- Reading -------------------------------------------------------------------------------------

void Owner::read() {
  Rng& rng = setting_.rng;
  const auto span = static_cast<std::uint64_t>((model_.end - model_.start).value);
  const auto some = [&] {
    return Offset{model_.start.value + static_cast<std::int64_t>(rng.below(span + 1))};
  };
  log::ReadRequest request{.from = some(),
                           .limit = rng.chance(1, 3) ? some() : model_.end,
                           .bytes_max = 1 + rng.below(3'000),
                           .whole_first_batch = rng.chance(3, 4)};
  ++setting_.reads;
  const auto plan = log_->plan_read(request);
  if (!fine(plan, "planning a read")) return;
  if (const auto* const done = std::get_if<log::ReadResult>(&*plan))
    return check_read(request, *done, log_->written_end());
  ReadJob job{std::get<log::FileRead>(*plan), log_->written_end(), cuts_};
  if (rng.chance(1, 3))
    reads_.push_back(std::move(job));
  else
    finish(job);
}

void Owner::finish(const ReadJob& job) {
  const auto got = job.work.run();
  const bool strict = job.cuts == cuts_;
  if (!got) {
    if (strict) fine(got, "a read");
    return;
  }
  if (strict) return check_read(job.work.request(), *got, job.written);
  if (compact_) return;
  const auto bytes = got->batches.flatten();
  protocol::BatchRun run{bytes};
  for (const auto batch : run)
    expect(model_.ever(batch.base_offset(), batch.bytes()), "a late read gave what never was");
}

/// `written`: how far the log was written when the read was planned. What is behind may be read,
/// but nobody waits for it.
void Owner::check_read(const log::ReadRequest& request, const log::ReadResult& got,
                       Offset written) {
  if (compact_) return check_compacted(request, got, written);
  const auto bytes = got.batches.flatten();
  const ModelBatch* expected = model_.from(request.from);
  Offset next = request.from;
  std::size_t taken = 0;
  protocol::BatchRun run{bytes};
  for (const auto batch : run) {
    expect(expected != nullptr && std::ranges::equal(expected->bytes, batch.bytes()),
           fmt::format("a read from {} up to {} gave another batch at {}", request.from.value,
                       request.limit.value, batch.base_offset().value));
    if (setting_.broken()) return;
    next = expected->next;
    expect(next <= request.limit, "a read went past its limit");
    taken += batch.size_bytes();
    expected = model_.from(next);
  }
  expect(!run.error() && run.tail_bytes() == 0, "a read gave half a batch");
  expect(got.next == next, "a read does not say where it ended");
  if (taken > 0) {
    const ModelBatch* const first = model_.from(request.from);
    expect(
        taken <= request.bytes_max || (taken == first->bytes.size() && request.whole_first_batch),
        "a read gave more than was asked for");
  } else if (expected != nullptr && expected->next <= std::min(request.limit, written)) {
    expect(!request.whole_first_batch && expected->bytes.size() > request.bytes_max,
           fmt::format("a read from {} gave nothing", request.from.value));
  }
}

void Owner::look_up() {
  Rng& rng = setting_.rng;
  const auto span = static_cast<std::uint64_t>((model_.end - model_.start).value);
  const Offset limit{rng.chance(1, 2)
                         ? model_.end.value
                         : model_.start.value + static_cast<std::int64_t>(rng.below(span + 1))};
  const Offset written = log_->written_end();
  Timestamp time{setting_.now.value - static_cast<std::int64_t>(rng.below(3'000))};
  if (const ModelBatch* const batch =
          model_.from(Offset{model_.start.value + static_cast<std::int64_t>(rng.below(span + 1))});
      batch != nullptr && rng.chance(2, 3)) {
    time = batch->records.front().timestamp;
    time.value += static_cast<std::int64_t>(rng.below(3)) - 1;
  }
  time = std::max(time, Timestamp{0});
  const bool newest = rng.chance(1, 3);
  LookupJob job{
      newest ? log_->plan_max_timestamp(limit) : log_->plan_find_by_time(time, limit),
      newest ? model_.max_timestamp(written, limit) : model_.find_by_time(time, written, limit),
      newest ? std::nullopt : std::optional{time},
      model_.start,
      std::min(limit, written),
      cuts_,
      newest ? fmt::format("the newest record below {}", limit.value)
             : fmt::format("the first record from time {} on below {}", time.value, limit.value)};
  ++setting_.reads;
  if (rng.chance(1, 3))
    lookups_.push_back(std::move(job));
  else
    finish(job);
}

void Owner::finish(const LookupJob& job) {
  const auto found = job.work.run();
  if (job.cuts != cuts_) return;
  if (!fine(found, job.what)) return;
  if (setting_.disk.power_lost()) return;
  if (compact_) return check_compacted(job, *found);
  expect(*found == job.expected, fmt::format("{} is {}, and was found to be {}", job.what,
                                             to_text(job.expected), to_text(*found)));
}

}  // namespace millrace::log_sim
