#include "broker/shard_journal.hpp"

#include <spdlog/spdlog.h>

#include "broker/shard.hpp"

namespace millrace::broker {

void ShardJournal::take(const std::shared_ptr<Partition>& partition) {
  if (!journal_ || partition->offline()) return;
  const auto part = partition->log().unjournaled();
  if (!part) return;
  const auto key = key_of(*partition);
  const auto position = journal_->add(
      {.key = key, .base = part->base, .end = part->end, .generation = part->generation},
      part->batches);
  if (!position) return;
  partition->log().journal_took(part->end, *position);
  auto& member = members_.try_emplace(key, Member{.partition = partition}).first->second;
  if (!std::exchange(member.unsynced, true)) unsynced_.push_back(key);
}

void ShardJournal::flush() {
  if (!journal_) return;
  settle();
  while (auto work = journal_->take_write()) {
    send(std::move(*work));
    settle();
  }
}

void ShardJournal::send(log::JournalWrite work) {
  auto shared = std::make_shared<log::JournalWrite>(std::move(work));
  shard_.on_pool(
      shard_.node().world.journal_pool, [shared] { return shared->run(); },
      [this, shared](const Result<void>& result) {
        const auto outcome = journal_->written(std::move(*shared), result);
        if (!outcome.lost.empty()) {
          spdlog::error(
              "a write to the journal failed: {}; nothing more is acknowledged by {} partitions "
              "until the broker is started again",
              result.error().message(), outcome.lost.size());
        }
        for (const auto& entry : outcome.durable) {
          const auto member = members_.find(entry.key);
          if (member == members_.end()) continue;
          member->second.partition->journaled(entry.end, entry.generation);
        }
        for (const auto& entry : outcome.lost) {
          const auto member = members_.find(entry.key);
          if (member != members_.end()) member->second.partition->journal_failed(result.error());
        }
        flush();
      });
}

void ShardJournal::settle() {
  for (const auto& key : journal_->take_unsettled()) sync_segments(key);
  const auto& node = shard_.node();
  const std::size_t share = node.world.unsynced_files_max / node.shards.size();
  while (unsynced_.size() > share) {
    const auto key = unsynced_.front();
    unsynced_.pop_front();
    const auto member = members_.find(key);
    if (member == members_.end() || !std::exchange(member->second.unsynced, false)) continue;
    sync_segments(key);
  }
}

void ShardJournal::sync_segments(const log::JournalKey& key) {
  const auto member = members_.find(key);
  if (member == members_.end()) return journal_->forget(key);
  const auto partition = member->second.partition;  // the member may be gone when `sync` returns
  settled(*partition);
  if (!partition->log().has_unsynced_files()) return;
  partition->sync_soon();
  shard_.sync(partition);
}

void ShardJournal::settled(const Partition& partition) {
  if (!journal_ || partition.offline()) return;
  const auto key = key_of(partition);
  if (partition.log().has_unsynced_files() || partition.log().needs_sync())
    return journal_->settled(key, partition.log().files_synced_end());
  // With all of its segments synced nothing of it is needed, whatever was truncated since.
  journal_->forget(key);
  const auto member = members_.find(key);
  if (member != members_.end()) member->second.unsynced = false;
}

void ShardJournal::forget(const Partition& partition) {
  if (journal_) journal_->forget(key_of(partition));
  members_.erase(key_of(partition));
}

}  // namespace millrace::broker
