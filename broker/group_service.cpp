#include "broker/group_service.hpp"

#include <fmt/ostream.h>
#include <spdlog/spdlog.h>

#include "broker/blocking.hpp"
#include "broker/errors.hpp"
#include "broker/shard.hpp"
#include "protocol/base/ensure.hpp"
#include "protocol/record/builder.hpp"
#include "protocol/record/compression.hpp"
#include "protocol/record/record.hpp"
#include "replication/controller/topic_names.hpp"

namespace millrace::broker {
namespace {

using protocol::ErrorCode;

constexpr std::size_t kLoadBytes = std::size_t{1} << 20;
constexpr std::size_t kRecordsSectionBytesMax = std::size_t{128} << 20;

/// Feeds one batch of the log to the coordinator. Damaged records are skipped and counted: a group
/// that lost one commit is better than a partition of groups that cannot be loaded.
Result<std::size_t> replay_batch(const protocol::BatchView& batch, GroupCoordinator& core) {
  if (batch.is_control()) return std::size_t{0};
  std::vector<std::byte> decompressed;
  Bytes section = batch.records_section();
  if (batch.codec() != protocol::Codec::none) {
    auto whole = protocol::decompress(batch.codec(), section, kRecordsSectionBytesMax);
    if (!whole) return whole.error();
    decompressed = std::move(*whole);
    section = decompressed;
  }
  std::size_t damaged = 0;
  protocol::RecordReader reader{section, batch.record_count()};
  while (reader.left() > 0) {
    const auto record = reader.next();
    if (!record) return record.error();
    if (!record->key) continue;
    if (const auto replayed = core.replay(*record->key, record->value); !replayed) ++damaged;
  }
  return damaged;
}

}  // namespace

bool ImageDirectory::has_partition(std::string_view topic, PartitionIndex index) const {
  const auto found = image_->topic(topic);
  return found && index.value >= 0 && index.value < std::ssize(found->partitions);
}

std::optional<std::string> ImageDirectory::name_of(const TopicId& id) const {
  const auto found = image_->topic(id);
  if (!found) return std::nullopt;
  return found->name;
}

std::optional<TopicId> ImageDirectory::id_of(std::string_view topic) const {
  const auto found = image_->topic(topic);
  if (!found) return std::nullopt;
  return found->id;
}

std::optional<TopicShape> ImageDirectory::shape_of(std::string_view topic) const {
  const auto found = image_->topic(topic);
  if (!found) return std::nullopt;
  return TopicShape{.id = found->id,
                    .partitions = static_cast<std::int32_t>(found->partitions.size()),
                    .racks = {}};
}

void ImageDirectory::for_each_public_topic(
    const std::function<void(std::string_view)>& visit) const {
  for (const auto& [name, topic] : image_->topics()) {
    if (!topic->is_internal()) visit(name);
  }
}

Moment GroupService::moment() const {
  return {.now = shard_.now(), .wall = shard_.wall()};
}

ErrorCode GroupService::available(PartitionIndex partition) const {
  const auto found = entries_.find(partition);
  if (found == entries_.end() || found->second->resigned) return ErrorCode::not_coordinator;
  return found->second->loaded ? ErrorCode::none : ErrorCode::coordinator_load_in_progress;
}

void GroupService::run(PartitionIndex partition, const Operation& operation, Reply reply) {
  ENSURE(available(partition) == ErrorCode::none);
  const EntryPtr entry = entries_.find(partition)->second;
  const ReplyToken token = entry->next_token++;
  entry->waiting.emplace(token, std::move(reply));
  perform(entry, operation(entry->core, token, moment()));
}

const GroupCoordinator& GroupService::look(PartitionIndex partition) const {
  ENSURE(available(partition) == ErrorCode::none);
  return entries_.find(partition)->second->core;
}

std::vector<const GroupCoordinator*> GroupService::all() const {
  std::vector<const GroupCoordinator*> loaded;
  for (const auto& [index, entry] : entries_) {
    if (entry->loaded && !entry->resigned) loaded.push_back(&entry->core);
  }
  return loaded;
}

bool GroupService::loading() const {
  return std::ranges::any_of(entries_, [](const auto& item) { return !item.second->loaded; });
}

void GroupService::opened(const std::shared_ptr<Partition>& partition) {
  if (partition->name().topic != replication::kOffsetsTopic) return;
  auto entry = std::make_shared<Entry>(partition, shard_.node().settings.groups);
  entries_[partition->name().partition] = entry;
  shard_.tasks().spawn(load(std::move(entry)));
}

net::Awaitable<void> GroupService::load(EntryPtr entry) {
  auto& log = entry->partition->log();
  Offset at = log.log_start();
  const Offset end = log.log_end();
  std::size_t damaged = 0;
  while (at < end && !entry->resigned) {
    auto plan = log.plan_read({.from = at, .limit = end, .bytes_max = kLoadBytes});
    Result<log::ReadResult> read = log::Errc::closed;
    if (!plan) {
      read = plan.error();
    } else if (auto* at_hand = std::get_if<log::ReadResult>(&*plan)) {
      read = std::move(*at_hand);
    } else {
      auto work = [file_read = std::get<log::FileRead>(std::move(*plan))] {
        return file_read.run();
      };
      read = co_await blocking(shard_.scheduler(), shard_.node().world.read_pool, std::move(work));
    }
    if (!read || read->next == at) {
      spdlog::error("{}: the groups kept there cannot be loaded, reading stopped at offset {}: {}",
                    fmt::streamed(entry->partition->name()), at.value,
                    read ? "nothing could be read" : read.error().message());
      co_return;  // stays in loading: better no answer than offsets that are too old
    }
    const auto bytes = read->batches.flatten();
    for (const auto& batch : protocol::BatchRun{bytes}) {
      const auto replayed = replay_batch(batch, entry->core);
      damaged += replayed ? *replayed : 1;
    }
    at = read->next;
  }
  if (damaged > 0) {
    spdlog::warn("{}: {} damaged records of groups were skipped",
                 fmt::streamed(entry->partition->name()), damaged);
  }
  if (entry->resigned) co_return;
  entry->loaded = true;
  perform(entry, entry->core.finish_loading(moment()));
}

void GroupService::perform(const EntryPtr& entry, GroupOutput output) {
  for (auto& [token, response] : output.replies) {
    auto waiting = entry->waiting.extract(token);
    ENSURE(!waiting.empty());
    waiting.mapped()(std::move(response));
  }
  if (output.ticket) append(entry, std::move(output.records), *output.ticket);
  rearm(entry);
}

void GroupService::append(const EntryPtr& entry, std::vector<GroupRecord> records, Ticket ticket) {
  const auto failed = [this, entry, ticket](ErrorCode error) {
    if (!entry->resigned) perform(entry, entry->core.failed(ticket, error, moment()));
  };
  // What is left of the disk is for deleting.
  if (shard_.node().log_dir.level() == SpaceLevel::exhausted) return failed(kNoSpace);
  protocol::BatchBuilder builder;
  const Timestamp now = shard_.wall();
  for (const auto& record : records) {
    builder.add(now, Bytes{record.key},
                record.value ? std::optional{Bytes{*record.value}} : std::nullopt);
  }
  const auto batch = builder.build();
  ENSURE(batch.has_value());
  const auto appended = entry->partition->append_own(*batch);
  if (appended.error != ErrorCode::none) return failed(appended.error);
  shard_.appended(entry->partition);
  entry->partition->when_committed(appended.end, Instant::max(),
                                   [this, entry, ticket, failed](ErrorCode error) {
                                     if (error != ErrorCode::none) return failed(error);
                                     if (!entry->resigned)
                                       perform(entry, entry->core.committed(ticket, moment()));
                                   });
}

void GroupService::rearm(const EntryPtr& entry) {
  if (entry->timer) shard_.deadlines().forget(*std::exchange(entry->timer, std::nullopt));
  if (entry->resigned || !entry->loaded) return;
  entry->timer = shard_.deadlines().at(entry->core.next_deadline(), [this, entry] {
    entry->timer.reset();
    if (!entry->resigned) perform(entry, entry->core.tick(moment()));
  });
}

void GroupService::resign(const EntryPtr& entry, ErrorCode error) {
  if (entry->resigned) return;
  auto output = entry->core.resign(error);
  output.ticket.reset();  // a coordinator that resigned writes nothing
  entry->resigned = true;
  perform(entry, std::move(output));
}

void GroupService::retire(const Partition& partition) {
  const auto found = entries_.find(partition.name().partition);
  if (found == entries_.end() || found->second->partition.get() != &partition) return;
  resign(found->second, ErrorCode::not_coordinator);
  entries_.erase(found);
}

void GroupService::topic_deleted(const std::string& topic) {
  for (const auto& [index, entry] : entries_) {
    if (entry->loaded) perform(entry, entry->core.topic_deleted(topic, moment()));
  }
}

void GroupService::resign() {
  for (const auto& [index, entry] : entries_) {
    resign(entry, ErrorCode::coordinator_not_available);
  }
}

}  // namespace millrace::broker
