#include "log/sync_work.hpp"

#include <array>

#include "log/errc.hpp"
#include "log/points.hpp"

namespace millrace::log {

Result<void> SyncWork::sync_files() const {
  for (const auto& file : dirty_)
    if (const auto synced = file->sync(); !synced) return synced.error();
  if (new_files_in_)
    if (const auto synced = files_->sync_directory(*new_files_in_); !synced) return synced.error();
  if (gap_point_ && fence_->generation == generation_)
    return files_->write_atomically(*gap_point_, GapPoint{end_}.encode());
  return {};
}

Result<void> SyncWork::run() const {
  const std::scoped_lock lock{fence_->sync_mutex};
  const auto synced = sync_files();
  if (!synced) {
    fence_->sync_failed = true;
    return synced;
  }
  if (fence_->generation != generation_) return {};
  const auto point = SyncPoint{end_}.encode();
  const std::array pieces{Bytes{point}};
  // Not being able to note it is no failure: an older point only makes recovery less sure of what
  // was acknowledged.
  (void)sync_point_->write_at(pieces, 0);
  return {};
}

Result<void> CheckpointWork::run() const {
  const std::scoped_lock lock{fence_->checkpoint_mutex};
  if (fence_->generation != generation_) return Errc::superseded;
  for (const IndexWrite& index : indexes_) {
    const std::array pieces{Bytes{index.bytes}};
    if (const auto written = index.file->write_at(pieces, index.position); !written)
      return written.error();
    // Whatever an earlier life of the segment left behind must not be taken for entries.
    if (const auto cut = index.file->truncate(index.position + index.bytes.size()); !cut)
      return cut.error();
    if (const auto synced = index.file->sync(); !synced) return synced.error();
  }
  if (const auto synced = sync_point_->sync(); !synced) return synced.error();
  for (const SmallFile& file : small_files_)
    if (const auto written = files_->write_atomically(file.path, file.contents); !written)
      return written.error();
  return {};
}

}  // namespace millrace::log
