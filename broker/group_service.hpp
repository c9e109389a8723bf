#pragma once

#include <functional>
#include <memory>
#include <unordered_map>

#include "broker/deadlines.hpp"
#include "broker/group/coordinator.hpp"
#include "broker/partition.hpp"
#include "protocol/net/net.hpp"
#include "replication/controller/image.hpp"

namespace millrace::broker {

class Shard;

/// The coordinator's view of topics, on one metadata image. Racks are not told: with one broker
/// every replica is in the same.
class ImageDirectory final : public TopicDirectory {
 public:
  explicit ImageDirectory(replication::ImagePtr image) : image_{std::move(image)} {}
  [[nodiscard]] bool has_partition(std::string_view topic, PartitionIndex index) const override;
  [[nodiscard]] std::optional<std::string> name_of(const TopicId& id) const override;
  [[nodiscard]] std::optional<TopicId> id_of(std::string_view topic) const override;
  [[nodiscard]] std::optional<TopicShape> shape_of(std::string_view topic) const override;
  void for_each_public_topic(const std::function<void(std::string_view)>& visit) const override;
  [[nodiscard]] std::uint64_t revision() const override { return image_->revision(); }

 private:
  replication::ImagePtr image_;
};

/// The shell around the group coordinators of one shard, one for each partition of
/// `__consumer_offsets` that the shard has: loads them from the log, appends the records they
/// decide on, reports when these are committed, runs their timers and hands out their replies.
/// Used on the shard's thread alone.
class GroupService {
 public:
  explicit GroupService(Shard& shard) : shard_{shard} {}

  using Reply = std::move_only_function<void(GroupReply::Response)>;
  /// Runs one operation of a coordinator.
  using Operation = std::function<GroupOutput(GroupCoordinator&, ReplyToken, const Moment&)>;

  /// Whether the coordinator of this partition can be asked: `none`, `not_coordinator` or
  /// `coordinator_load_in_progress`.
  [[nodiscard]] protocol::ErrorCode available(PartitionIndex partition) const;
  /// Runs `operation`; `reply` gets its answer, at once or later. The coordinator must be
  /// available.
  void run(PartitionIndex partition, const Operation& operation, Reply reply);
  /// For questions that change nothing. The coordinator must be available.
  [[nodiscard]] const GroupCoordinator& look(PartitionIndex partition) const;
  /// Those of this shard that are loaded.
  [[nodiscard]] std::vector<const GroupCoordinator*> all() const;
  [[nodiscard]] bool loading() const;

  /// Groups may have settings of their own in it.
  void adopt(const replication::MetadataImage& image);
  /// A partition of this shard is led from here from now on, or no longer.
  void led(const std::shared_ptr<Partition>& partition);
  void retire(const Partition& partition);
  void topic_deleted(const std::string& topic);
  /// The marker of the producer's transaction is committed in this partition.
  void end_transaction(PartitionIndex partition, ProducerId producer, bool commit);
  /// The broker stops: everybody who waits is told so.
  void resign();

 private:
  struct Entry {
    Entry(std::shared_ptr<Partition> p, const GroupSettings& settings)
        : partition{std::move(p)}, core{settings} {}
    std::shared_ptr<Partition> partition;
    GroupCoordinator core;
    bool loaded = false;
    bool resigned = false;
    std::unordered_map<ReplyToken, Reply> waiting;
    ReplyToken next_token = 1;
    std::optional<Deadlines::Key> timer;
  };
  using EntryPtr = std::shared_ptr<Entry>;

  net::Awaitable<void> load(EntryPtr entry);
  void perform(const EntryPtr& entry, GroupOutput output);
  void append(const EntryPtr& entry, const GroupOutput& output);
  void rearm(const EntryPtr& entry);
  void resign(const EntryPtr& entry, protocol::ErrorCode error);
  [[nodiscard]] Moment moment() const;

  Shard& shard_;
  std::unordered_map<PartitionIndex, EntryPtr> entries_;
  std::shared_ptr<const replication::MetadataImage::GroupConfigs> group_configs_;
  GroupCoordinator::OwnTimes own_times_;
};

}  // namespace millrace::broker
