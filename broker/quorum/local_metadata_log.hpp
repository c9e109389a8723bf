#pragma once

#include <filesystem>
#include <memory>

#include "broker/partition.hpp"
#include "broker/quorum/metadata_log.hpp"
#include "protocol/base/result.hpp"

namespace millrace::broker {

struct Node;
class Shard;

/// The metadata log of a node that is alone: a partition of its own, in which a change is one batch
/// of records, durable before it counts. Always active, in term 1.
class LocalMetadataLog final : public MetadataLog {
 public:
  LocalMetadataLog(Node& node, Shard& shard);

  /// Opens the log and replays it. Blocks on files; before `start`.
  Result<void> load(const std::filesystem::path& directory);
  /// Tells `reader`, which outlives this, of what was loaded, and that this node is active.
  void start(Reader& reader);
  /// Syncs and closes; nothing is proposed any more, and nothing that was is on its way.
  void close();

  void propose(std::vector<replication::MetadataRecord> records, Done done) override;
  [[nodiscard]] std::int64_t next_index() const override;
  [[nodiscard]] std::int64_t applied_index() const override { return applied_; }
  [[nodiscard]] std::optional<BrokerId> leader() const override;
  [[nodiscard]] std::int32_t term() const override { return 1; }

 private:
  Node& node_;
  Shard& shard_;
  Reader* reader_ = nullptr;
  replication::ImagePtr image_;
  std::shared_ptr<Partition> log_;
  std::int64_t applied_ = -1;
};

}  // namespace millrace::broker
