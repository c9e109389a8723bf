#include "broker/group_service.hpp"

#include <fmt/ostream.h>
#include <spdlog/spdlog.h>

#include <utility>

#include "broker/errors.hpp"
#include "broker/log_replay.hpp"
#include "broker/shard.hpp"
#include "protocol/base/ensure.hpp"
#include "protocol/record/builder.hpp"
#include "protocol/record/control.hpp"
#include "protocol/record/record.hpp"
#include "replication/controller/topic_names.hpp"

namespace millrace::broker {
namespace {

using protocol::ErrorCode;

/// Batches of coordinators are in no producer's row.
constexpr Sequence kNoSequence{-1};

/// Feeds one batch of the log to the coordinator. Damaged records are skipped and counted: a group
/// that lost one commit is better than a partition of groups that cannot be loaded.
std::size_t replay_batch(const protocol::BatchView& batch, GroupCoordinator& core) {
  const auto producer = batch.producer_id();
  if (batch.is_control()) {
    protocol::RecordReader reader{batch.records_section(), batch.record_count()};
    const auto record = reader.next();
    if (!record || !producer) return 0;  // compaction emptied it
    const auto marker = protocol::parse_control_record(*record);
    if (!marker) return 1;
    const bool commit = marker->type == protocol::ControlType::commit;
    if (commit || marker->type == protocol::ControlType::abort)
      core.end_transaction(*producer, commit);
    return 0;
  }
  const bool in_transaction = batch.is_transactional() && producer;
  return for_each_record(batch, [&](const protocol::RecordView& record) {
    if (!record.key) return true;
    const auto replayed =
        in_transaction
            ? core.replay_in_transaction(*producer, *record.key, record.value)
            : core.replay(*record.key, record.value, batch.timestamp_of(record.timestamp_delta));
    return replayed.has_value();
  });
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

void GroupService::adopt(const replication::MetadataImage& image) {
  if (image.all_group_configs() == group_configs_) return;
  group_configs_ = image.all_group_configs();
  own_times_.clear();
  for (const auto& [group, overrides] : *group_configs_) {
    own_times_.emplace(group, group_times(shard_.node().config, overrides));
  }
  for (const auto& [index, entry] : entries_) {
    entry->core.set_times(shard_.node().settings.groups.consumer.times, own_times_);
  }
}

void GroupService::led(const std::shared_ptr<Partition>& partition) {
  if (partition->name().topic != replication::kOffsetsTopic) return;
  auto entry = std::make_shared<Entry>(partition, shard_.node().settings.groups);
  entry->core.set_times(shard_.node().settings.groups.consumer.times, own_times_);
  entries_[partition->name().partition] = entry;
  shard_.tasks().spawn(load(std::move(entry)));
}

net::Awaitable<void> GroupService::load(EntryPtr entry) {
  std::size_t damaged = 0;
  auto visit = [&damaged, entry](const protocol::BatchView& batch) {
    damaged += replay_batch(batch, entry->core);
    return !entry->resigned;
  };
  const Offset end = entry->partition->log().log_end();
  auto replaying = replay_log(shard_, entry->partition, std::move(visit));
  bool whole = co_await std::move(replaying);
  if (whole) {
    // What was read may not be committed yet, and nobody may be told what might be taken back.
    auto committing = committed_up_to(shard_, entry->partition, end);
    whole = co_await std::move(committing);
  }
  if (damaged > 0) {
    spdlog::warn("{}: {} damaged records of groups were skipped",
                 fmt::streamed(entry->partition->name()), damaged);
  }
  // Without the whole log it stays in loading: better no answer than offsets that are too old.
  if (entry->resigned || !whole) co_return;
  if (entry->partition->log().state() == log::LogState::read_only) {
    spdlog::error(
        "{}: its log is damaged and ends too early, so its groups have no coordinator until it is "
        "repaired",
        fmt::streamed(entry->partition->name()));
    co_return;
  }
  entry->loaded = true;
  perform(entry, entry->core.finish_loading(moment()));
}

void GroupService::perform(const EntryPtr& entry, GroupOutput output) {
  for (auto& reply : output.replies) {
    auto waiting = entry->waiting.extract(reply.token);
    ENSURE(!waiting.empty());
    waiting.mapped()(std::move(reply.response));
  }
  if (output.ticket) append(entry, output);
  rearm(entry);
}

void GroupService::append(const EntryPtr& entry, const GroupOutput& output) {
  const auto failed = [this, entry, ticket = *output.ticket](ErrorCode error) {
    if (!entry->resigned) perform(entry, entry->core.failed(ticket, error, moment()));
  };
  // What is left of the disk is for deleting.
  if (shard_.node().log_dir.level() == SpaceLevel::exhausted) return failed(kNoSpace);
  const Timestamp now = shard_.wall();
  const auto& transaction = output.transaction;
  protocol::BatchBuilder::Options options;
  if (transaction) {
    options.producer = {transaction->producer, transaction->epoch, kNoSequence};
    options.transactional = true;
  }
  protocol::BatchBuilder builder{options};
  const auto record_bytes_max = entry->partition->settings().rules.max_message_bytes;
  for (const auto& record : output.records) {
    const std::size_t bytes = record.key.size() + (record.value ? record.value->size() : 0);
    if (std::cmp_greater(bytes, record_bytes_max)) return failed(ErrorCode::message_too_large);
    builder.add(now, Bytes{record.key},
                record.value ? std::optional{Bytes{*record.value}} : std::nullopt);
  }
  const auto batch = builder.build();
  ENSURE(batch.has_value());
  const auto appended = transaction ? entry->partition->append_own_in_transaction(*batch, now)
                                    : entry->partition->append_own(*batch);
  if (appended.error != ErrorCode::none) return failed(appended.error);
  shard_.appended(entry->partition);
  entry->partition->when_committed(appended.end, Instant::max(),
                                   [this, entry, ticket = *output.ticket, failed](ErrorCode error) {
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
    if (!entry->resigned)
      perform(entry, entry->core.tick(moment(), ImageDirectory{shard_.image()}));
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

void GroupService::end_transaction(PartitionIndex partition, ProducerId producer, bool commit) {
  const auto found = entries_.find(partition);
  if (found == entries_.end() || found->second->resigned) return;
  ENSURE(found->second->loaded);  // no marker is written before
  found->second->core.end_transaction(producer, commit);
}

void GroupService::resign() {
  for (const auto& [index, entry] : entries_) {
    resign(entry, ErrorCode::coordinator_not_available);
  }
}

}  // namespace millrace::broker
