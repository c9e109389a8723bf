#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "broker/quorum/metadata_codec.hpp"
#include "broker/quorum/quorum_service.hpp"

namespace millrace::broker {

namespace consensus = replication::consensus;
namespace quorum = replication::quorum;

std::optional<StartFailure> QuorumService::open_directory(const std::filesystem::path& directory) {
  disk_ = std::make_unique<quorum::QuorumDisk>(node_.world.files, directory);
  auto found = disk_->recover();
  if (auto* problem = std::get_if<quorum::Problem>(&found))
    return StartFailure{std::move(problem->text)};
  recovered_ = std::get<quorum::Recovered>(std::move(found));
  auto image = image_of(recovered_->snapshot.pieces);
  if (!image)
    return StartFailure{fmt::format("{}: the newest snapshot holds no metadata: {}",
                                    directory.string(), image.error().message())};
  image_ = *std::move(image);
  recovered_->snapshot.pieces.clear();
  return std::nullopt;
}

void QuorumService::submit(DiskJob job) {
  jobs_.push_back(std::move(job));
  pump_disk();
}

/// Writes that came while one was on its way are made durable together.
void QuorumService::pump_disk() {
  if (disk_busy_ || jobs_.empty() || ended_) return;
  disk_busy_ = true;
  auto job = std::make_shared<DiskJob>(std::move(jobs_.front()));
  jobs_.pop_front();
  while (!job->work && !jobs_.empty() && !jobs_.front().work) {
    for (auto& write : jobs_.front().writes) job->writes.push_back(std::move(write));
    jobs_.pop_front();
  }
  shard_.on_pool(
      node_.world.quorum_pool,
      [disk = disk_.get(), job] { return job->work ? job->work() : disk->write(job->writes); },
      [this, job](const Result<void>& result) { disk_done(*job, result); });
}

void QuorumService::disk_done(DiskJob& job, const Result<void>& result) {
  disk_busy_ = false;
  if (!result) give_up(result.error());
  if (ended_) return changed_.pulse();
  if (job.then) job.then();
  pump_disk();
  if (job.writes.empty()) return;
  core_->persisted(job.writes.back().ticket, shard_.now());
  carry_out();
}

/// Nobody knows what the disk holds now, and so what may be said of it: nothing.
void QuorumService::give_up(const ErrorInfo& error) {
  if (ended_) return;
  ended_ = true;
  const auto where = disk_->directory().string();
  node_.log_dir.fail(where, error);
  if (active_) reader_->active(active_ = std::nullopt);
  fail_proposals();
  changed_.pulse();
  if (node_.world.give_up)
    node_.world.give_up(fmt::format("{}: a write or sync failed: {}", where, error.message()));
}

void QuorumService::maybe_snapshot() {
  if (snapshotting_ || applied_bytes_ < node_.settings.quorum.bytes_between_snapshots) return;
  snapshotting_ = true;
  applied_bytes_ = 0;
  const auto snapshot = core_->snapshot_at(applied_);
  shard_.on_pool(
      [&files = node_.world.files, directory = disk_->directory(), snapshot, image = image_] {
        return quorum::write_snapshot(files, directory,
                                      {.snapshot = snapshot, .pieces = snapshot_pieces(*image)});
      },
      [this, snapshot](const Result<void>& result) { snapshot_written(snapshot, result); });
}

void QuorumService::snapshot_written(const consensus::Snapshot& snapshot,
                                     const Result<void>& result) {
  snapshotting_ = false;
  if (!result) give_up(result.error());
  if (ended_) return changed_.pulse();
  // Unless one from another node came in between.
  if (snapshot.at.index <= core_->log().snapshot().at.index) return;
  // Who is a little behind needs no snapshot.
  const Index start = std::max(snapshot_before_, log_->start());
  snapshot_before_ = snapshot.at.index;
  core_->snapshot_taken(snapshot, start);
  log_->forget(start);
  DiskJob job;
  job.work = [disk = disk_.get(), start] { return disk->compact(start); };
  submit(std::move(job));
  carry_out();
}

}  // namespace millrace::broker
