// What a shard does for its partitions from time to time, without anybody waiting for it.
#include <fmt/ostream.h>
#include <spdlog/spdlog.h>

#include <limits>
#include <utility>

#include "broker/cleaner.hpp"
#include "broker/replica/replica_service.hpp"
#include "broker/shard.hpp"

namespace millrace::broker {
namespace {

constexpr std::uint64_t kMakeRoomEvery = 5;  // checks of a disk that is full
constexpr Timestamp kEndOfTime{std::numeric_limits<std::int64_t>::max()};

}  // namespace

void Shard::keep_house() {
  delete_old(wall());
}

void Shard::make_room() {
  if (!stopping_) delete_old(kEndOfTime);
}

void Shard::watch_space() {
  if (std::exchange(watching_space_, true)) return;
  on_pool(
      [&directory = node_.log_dir] {
        directory.check();
        return directory.level();
      },
      [this](SpaceLevel level) {
        watching_space_ = false;
        if (level == SpaceLevel::ample) {
          checks_without_room_ = 0;
        } else if (checks_without_room_++ % kMakeRoomEvery == 0) {
          for (const auto& shard : node_.shards)
            shard->scheduler().post([target = shard.get()] { target->make_room(); });
        }
      });
}

void Shard::delete_old(Timestamp purge_before) {
  for (const auto& [place, partition] : partitions_) {
    if (partition->offline()) continue;
    retain(partition, purge_before);
    purge(partition, purge_before);
    partition->log().expire_producers(wall());
  }
}

void Shard::retain(const std::shared_ptr<Partition>& partition, Timestamp purge_before) {
  auto work = partition->log().take_retention(wall(), partition->high_watermark());
  if (!work) return partition->log_failed(work.error());
  if (!*work) return;
  auto shared = std::make_shared<log::RetentionWork>(std::move(**work));
  partition->work_begun();
  on_pool([shared] { return shared->run(); },
          [this, shared, partition, purge_before](const Result<void>& result) {
            const auto deleted = partition->log().retained(*shared, result);
            if (!deleted) {
              partition->log_failed(deleted.error());
              spdlog::error("{}: retention could not delete old segments: {}",
                            fmt::streamed(partition->name()), deleted.error().message());
            } else if (deleted->segments > 0) {
              retained_.segments += deleted->segments;
              retained_.bytes += deleted->bytes;
              spdlog::info("{}: retention deleted {} segments of {} bytes",
                           fmt::streamed(partition->name()), deleted->segments, deleted->bytes);
            }
            checkpoint(partition);           // due when the active segment was rolled
            purge(partition, purge_before);  // at once, when the disk is full
            partition->work_ended();
          });
}

void Shard::purge(const std::shared_ptr<Partition>& partition, Timestamp before) {
  auto work = partition->log().take_purge(before);
  if (!work) return;
  auto shared = std::make_shared<log::PurgeWork>(std::move(*work));
  partition->work_begun();
  on_pool([shared] { return shared->run(); },
          [shared, partition](const Result<std::size_t>& removed) {
            partition->log().purged(*shared);
            if (!removed) {
              spdlog::warn("{}: deleted segments could not be removed: {}",
                           fmt::streamed(partition->name()), removed.error().message());
            }
            partition->work_ended();
          });
}

void Shard::tick_replicas() {
  replicas_->look_at_all();
}

/// Asks every shard, and writes what they say as one file.
void Shard::save_high_watermarks() {
  if (std::exchange(saving_high_watermarks_, true)) return;
  struct Round {
    std::size_t left;
    HighWatermarks offsets;
  };
  auto round = std::make_shared<Round>(node_.shards.size(), HighWatermarks{});
  const auto told = [this, round](HighWatermarks part) {
    round->offsets.merge(part);
    if (--round->left > 0) return;
    auto all = std::make_shared<const HighWatermarks>(std::move(round->offsets));
    const bool same = saved_high_watermarks_ ? *saved_high_watermarks_ == *all : all->empty();
    if (same || stopping_) {
      saving_high_watermarks_ = false;
      return;
    }
    on_pool([this,
             all] { return broker::save_high_watermarks(node_.world.files, node_.data_dir, *all); },
            [this, all](const Result<void>& saved) {
              saving_high_watermarks_ = false;
              if (saved) {
                saved_high_watermarks_ = all;
              } else {
                spdlog::warn("high watermarks could not be saved in {}: {}",
                             node_.data_dir.string(), saved.error().message());
              }
            });
  };
  for (const auto& shard : node_.shards) {
    shard->scheduler().post([this, target = shard.get(), told] {
      HighWatermarks part;
      for (const auto& [place, partition] : target->partitions_) {
        if (!partition->leads() || partition->leadership() != nullptr)
          part.emplace(replication::PartitionPlace{place.topic, place.index},
                       partition->high_watermark());
      }
      scheduler_.post([told, part = std::move(part)]() mutable { told(std::move(part)); });
    });
  }
}

void Shard::compact() {
  cleaner_->look();
}

}  // namespace millrace::broker
