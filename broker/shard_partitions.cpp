// What a shard does with a new image: which partitions are here, and what they are.
#include <fmt/ostream.h>
#include <spdlog/spdlog.h>

#include "broker/data_directory.hpp"
#include "broker/group_service.hpp"
#include "broker/replica/replica_service.hpp"
#include "broker/shard.hpp"
#include "broker/transaction_service.hpp"
#include "protocol/base/ensure.hpp"
#include "replication/controller/broker_lists.hpp"

namespace millrace::broker {
namespace {

using protocol::ErrorCode;

/// Damage found while a log was opened, told to the operator with file and offset.
class DamageLog final : public log::DamageSink {
 public:
  explicit DamageLog(RecoveryProgress& progress) : progress_{progress} {}
  void verified(std::uint64_t bytes) override { progress_.verified(bytes); }
  void damaged(const log::Damage& damage) override {
    spdlog::error(
        "log damage: {} at byte {}, offset {}: {}; {} bytes cannot be read{}", damage.file.string(),
        damage.position, damage.offset.value, damage.what, damage.bytes,
        damage.acknowledged
            ? "; acknowledged records are missing, so the partition is read-only: restore "
              "the file from a copy, or delete the topic"
            : "; they were never acknowledged");
  }

 private:
  RecoveryProgress& progress_;
};

}  // namespace

/// Counts the partitions that one image brought or took and whose files are still being dealt with.
struct Shard::Opening {
  std::size_t left = 1;
  std::move_only_function<void()> done;
  void one_less() {
    if (--left == 0) done();
  }
};

void Shard::adopt(replication::ImagePtr image, std::move_only_function<void()> done) {
  auto opening = std::make_shared<Opening>();
  opening->done = std::move(done);
  const auto before = std::exchange(image_, std::move(image));
  peers_.adopt(image_);
  groups_->adopt(*image_);
  retire_missing(*image_, opening);
  share_tail_cache();
  for (const auto& [name, topic] : before->topics()) {
    if (!image_->topic(topic->id)) groups_->topic_deleted(name);
  }
  const bool cluster_changed = before->broker_configs("") != image_->broker_configs("");
  const bool brokers_changed = before->brokers() != image_->brokers();
  for (const auto& [name, topic] : image_->topics()) {
    const auto known = before->topic(topic->id);
    // Images share the topics that did not change.
    if (known == topic && !cluster_changed) continue;
    const bool settings_changed = known && (cluster_changed || known->configs != topic->configs);
    for (std::size_t i = 0; i < topic->partitions.size(); ++i) {
      const PartitionIndex index{static_cast<std::int32_t>(i)};
      if (!belongs_here(*topic, index)) continue;
      const Place place{topic->id, index};
      if (const auto partition = find(topic->id, index)) {
        if (settings_changed) partition->set_settings(settings_of(*topic, index));
        const auto* const was = known ? known->partition(index) : nullptr;
        if (was == nullptr || *was != topic->partitions[i]) adopt_role(partition);
      } else if (!opening_.contains(place) && !unopened_.contains(place)) {
        open_partition(*topic, index, opening);
      }
    }
  }
  if (brokers_changed) {
    for (const auto& [place, partition] : partitions_) partition->see(*image_);
    replicas_->look_at_all();
  }
  opening->one_less();
}

bool Shard::belongs_here(const replication::TopicImage& topic, PartitionIndex index) const {
  if (&node_.owner_of(topic.id, index) != this) return false;
  const auto* const partition = topic.partition(index);
  return partition != nullptr && replication::has(partition->replicas, node_.settings.node_id);
}

void Shard::adopt_role(const std::shared_ptr<Partition>& partition) {
  const auto topic = image_->topic(partition->topic_id());
  ENSURE(topic != nullptr);
  const auto* const now = topic->partition(partition->name().partition);
  ENSURE(now != nullptr);
  const bool led = partition->leads();
  const auto role = partition->adopt(node_.settings.node_id, *now, this->now());
  replicas_->adopted(partition, role);
  if (role == Partition::Role::unchanged) return;
  // A coordinator of transactions is known by its epoch; groups only care who it is.
  if (led) transactions_->retire(*partition);
  if (led && !partition->leads()) groups_->retire(*partition);
  if (partition->leads()) transactions_->led(partition);
  if (partition->leads() && !led) groups_->led(partition);
}

PartitionSettings Shard::settings_of(const replication::TopicImage& topic,
                                     PartitionIndex index) const {
  const auto overrides = node_.rules.as_the_cluster_has_it(topic.configs, *image_);
  auto settings =
      partition_settings(node_.config, overrides, static_cast<std::uint64_t>(index.value));
  // What this node's file says of it does not count.
  if (!overrides.contains("min.insync.replicas")) settings.replication.min_in_sync.reset();
  settings.log.tail_cache_bytes = tail_cache_share_;
  return settings;
}

void Shard::share_tail_cache() {
  std::size_t partitions = 0;
  for (const auto& [name, topic] : image_->topics()) {
    partitions += static_cast<std::size_t>(
        std::ranges::count_if(topic->partitions, [&](const auto& partition) {
          return replication::has(partition.replicas, node_.settings.node_id);
        }));
  }
  const auto share = tail_cache_share(node_.settings, partitions);
  if (share == tail_cache_share_) return;
  tail_cache_share_ = share;
  for (const auto& [place, partition] : partitions_) {
    auto settings = partition->settings();
    settings.log.tail_cache_bytes = share;
    partition->set_settings(std::move(settings));
  }
}

void Shard::retire_missing(const replication::MetadataImage& image, const OpeningPtr& opening) {
  const auto gone_from_here = [&](const Place& place) {
    const auto topic = image.topic(place.topic);
    return !topic || !belongs_here(*topic, place.index);
  };
  std::erase_if(unopened_, [&](const auto& item) { return gone_from_here(item.first); });
  std::vector<std::shared_ptr<Partition>> gone;
  std::erase_if(partitions_, [&](const auto& item) {
    if (!gone_from_here(item.first)) return false;
    gone.push_back(item.second);
    return true;
  });
  for (const auto& partition : gone) retire(partition, opening);
}

void Shard::retire(const std::shared_ptr<Partition>& partition, const OpeningPtr& opening) {
  const bool is_topic = image_->topic(partition->topic_id()) != nullptr;
  groups_->retire(*partition);
  transactions_->retire(*partition);
  replicas_->forget(*partition);
  partition->retire(is_topic ? ErrorCode::not_leader_or_follower
                             : ErrorCode::unknown_topic_or_partition);
  journal_.forget(*partition);
  remove_files(partition, opening);
}

/// The deletion counts as done when the folder is out of the way, so that a topic of the same name
/// can be created at once; work that still writes to its files is waited for first.
void Shard::remove_files(const std::shared_ptr<Partition>& partition, const OpeningPtr& opening) {
  ++opening->left;
  leaving_.try_emplace(partition->name());
  partition->when_idle([this, partition, opening] {
    auto& files = node_.world.files;
    on_pool(
        [&files, partition] {
          return set_aside(files, partition->log().directory(), partition->topic_id());
        },
        [this, &files, partition, opening](const Result<std::filesystem::path>& aside) {
          opening->one_less();
          auto waiting = leaving_.extract(partition->name());
          if (!waiting.empty())
            for (auto& task : waiting.mapped()) task();
          if (!aside) {
            spdlog::warn("{}: its files could not be set aside: {}",
                         fmt::streamed(partition->name()), aside.error().message());
            return;
          }
          on_pool([&files, path = *aside] { return files.remove_all(path); },
                  [partition](const Result<void>& removed) {
                    if (removed) return;
                    spdlog::warn(
                        "{}: its files could not be removed: {}; the next start will "
                        "try again",
                        fmt::streamed(partition->name()), removed.error().message());
                  });
        });
  });
}

void Shard::open_partition(const replication::TopicImage& topic, PartitionIndex index,
                           const OpeningPtr& opening) {
  ++opening->left;
  opening_.insert({topic.id, index});
  node_.recovery.expect(1);
  const TopicPartition name{topic.name, index};
  const auto settings = settings_of(topic, index);
  const auto directory = node_.data_dir / fmt::format("{}", fmt::streamed(name));
  auto open = [this, name, directory, id = topic.id, config = settings.log, opening] {
    on_pool(
        [this, &files = node_.world.files, directory, id, config, now = wall(),
         journal = node_.journals->left_over(), index = name.partition] {
          DamageLog sink{node_.recovery};
          return open_partition_log(files, directory, id, config, now, sink,
                                    journal->of({id, index}));
        },
        [this, name, id, opening](Result<log::OpenedLog> opened_log) {
          opened(name, id, std::move(opened_log), opening);
          opening->one_less();
        });
  };
  // Another replica may be leaving the very folder.
  const auto leaving = leaving_.find(name);
  if (leaving == leaving_.end()) return open();
  leaving->second.emplace_back(std::move(open));
}

void Shard::opened(const TopicPartition& name, TopicId id, Result<log::OpenedLog> opened,
                   const OpeningPtr& opening) {
  const Place place{id, name.partition};
  opening_.erase(place);
  if (!opened) {
    node_.recovery.not_opened();
    unopened_[place] = fmt::format("the log could not be opened: {}", opened.error().message());
    spdlog::error(
        "{}: its log could not be opened: {}; the partition is offline until the "
        "cause is gone and the broker is started again",
        fmt::streamed(name), opened.error().message());
    node_.journals->keep();
    return;
  }
  node_.recovery.opened(opened->report, opened->log->state());
  if (opened->report.journal_needed) node_.journals->keep();
  if (opened->report.torn_bytes > 0) {
    spdlog::info("{}: {} bytes that a crash left unfinished were cut off", fmt::streamed(name),
                 opened->report.torn_bytes);
  }
  if (opened->report.journal_bytes > 0) {
    spdlog::info("{}: {} bytes that were acknowledged came from the journal", fmt::streamed(name),
                 opened->report.journal_bytes);
  }
  const auto topic = image_->topic(id);
  const bool wanted = topic && belongs_here(*topic, name.partition);
  // The only replica has committed all that it has; of several nobody knows but by what was noted.
  Offset committed{std::numeric_limits<std::int64_t>::max()};
  if (wanted && topic->partition(name.partition)->replicas.size() > 1) {
    const auto noted = node_.high_watermarks.find({id, name.partition});
    committed = noted == node_.high_watermarks.end() ? Offset{0} : noted->second;
  }
  const auto settings = wanted ? settings_of(*topic, name.partition) : PartitionSettings{};
  auto partition = std::make_shared<Partition>(name, id, settings, std::move(opened->log),
                                               node_.log_dir, committed);
  if (!wanted) return retire(partition, opening);  // it went while it was being opened
  partitions_[place] = partition;
  adopt_role(partition);
}

}  // namespace millrace::broker
