#include "broker/shard_journal.hpp"

#include <spdlog/spdlog.h>

#include "broker/shard.hpp"

namespace millrace::broker {

void ShardJournal::take(const std::shared_ptr<Partition>& partition) {
  if (!journal_ || partition->offline() || crowded()) return;
  const auto part = partition->log().unjournaled();
  if (!part) return;
  const auto key = key_of(*partition);
  const auto position = journal_->add(
      {.key = key, .base = part->base, .end = part->end, .generation = part->generation},
      part->batches);
  if (!position) return;
  partition->log().journal_took(part->end, *position);
  note_unsynced(partition);
}

void ShardJournal::note_unsynced(const std::shared_ptr<Partition>& partition) {
  const auto key = key_of(*partition);
  auto& member = members_.try_emplace(key, Member{.partition = partition}).first->second;
  if (member.syncing || std::exchange(member.unsynced, true)) return;
  unsynced_.push_back(key);
}

std::size_t ShardJournal::share() const {
  const auto& node = shard_.node();
  return node.world.unsynced_files_max / node.shards.size();
}

void ShardJournal::flush() {
  settle();
  if (!journal_) return;
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
  if (journal_)
    for (const auto& key : journal_->take_unsettled()) sync_segments(key);
  while (unsynced_.size() > share()) {
    const auto key = unsynced_.front();
    unsynced_.pop_front();
    const auto member = members_.find(key);
    if (member == members_.end() || !std::exchange(member->second.unsynced, false)) continue;
    if (!member->second.partition->log().has_unsynced_files()) continue;
    if (!std::exchange(member->second.syncing, true)) ++syncing_;
    sync_segments(key);
  }
}

void ShardJournal::sync_segments(const log::JournalKey& key) {
  const auto member = members_.find(key);
  if (member == members_.end()) {
    if (journal_) journal_->forget(key);
    return;
  }
  const auto partition = member->second.partition;  // the member may be gone when `sync` returns
  tell_journal(*partition);
  if (!partition->log().has_unsynced_files()) return;
  partition->sync_soon();
  shard_.sync(partition);
}

void ShardJournal::settled(const Partition& partition) {
  const auto member = members_.find(key_of(partition));
  if (member != members_.end() && std::exchange(member->second.syncing, false)) --syncing_;
  tell_journal(partition);
}

void ShardJournal::tell_journal(const Partition& partition) {
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
  const auto key = key_of(partition);
  if (journal_) journal_->forget(key);
  const auto member = members_.find(key);
  if (member == members_.end()) return;
  if (member->second.syncing) --syncing_;
  members_.erase(member);
}

}  // namespace millrace::broker
