#pragma once

#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

#include "broker/node.hpp"
#include "broker/partition.hpp"
#include "protocol/net/net.hpp"
#include "replication/controller/controller.hpp"

namespace millrace::broker {

class Shard;

/// The shell around the controller's core: asks it one request at a time, commits the records that
/// it decided on to the metadata log, replays them, tells every shard, and only then lets the
/// answer go. Lives on the first shard; others reach it through the `Awaitable` functions below.
class MetadataService {
 public:
  MetadataService(Node& node, Shard& shard);
  ~MetadataService();

  /// Opens the metadata log and replays it. Blocks on files; called before anything is served.
  Result<void> load(const std::filesystem::path& directory);
  /// The image as replayed so far; on the first shard only.
  [[nodiscard]] const replication::ImagePtr& image() const { return image_; }
  /// Tells all shards of the image that `load` gave.
  net::Awaitable<void> publish_loaded();

  // From any shard, `home`: resolved there when the change is committed and every shard has it.
  net::Awaitable<protocol::CreateTopicsResponse> create_topics(
      Shard& home, protocol::CreateTopicsRequest request);
  net::Awaitable<protocol::DeleteTopicsResponse> delete_topics(
      Shard& home, protocol::DeleteTopicsRequest request, std::int16_t version);
  net::Awaitable<protocol::CreatePartitionsResponse> create_partitions(
      Shard& home, protocol::CreatePartitionsRequest request);
  net::Awaitable<protocol::IncrementalAlterConfigsResponse> alter_configs(
      Shard& home, protocol::IncrementalAlterConfigsRequest request);
  /// One producer id that nobody had before, or nothing when the metadata log is out of order.
  net::Awaitable<std::optional<ProducerId>> next_producer_id(Shard& home);

  /// Takes no more changes; returns when those taken are done.
  net::Awaitable<void> refuse_changes();
  /// Syncs and closes the log; the last step of a stop.
  void close();

 private:
  /// `none` when the records are committed and all shards know; otherwise nothing was changed.
  using Committed = std::move_only_function<void(protocol::ErrorCode)>;
  struct Operation {
    std::function<std::vector<replication::MetadataRecord>()> decide;  // on the newest image
    Committed done;
  };

  template <class Response, class Decide, class Refuse>
  net::Awaitable<Response> change(Shard& home, Decide decide, Refuse refuse);
  void submit(Operation operation);
  void run_next();
  void commit(std::vector<replication::MetadataRecord> records, Committed done);
  void publish(std::move_only_function<void()> done);
  void finish(Committed done, protocol::ErrorCode error);

  Node& node_;
  Shard& shard_;
  replication::Controller controller_;
  replication::ImagePtr image_;
  std::shared_ptr<Partition> log_;
  std::deque<Operation> queue_;  // the first one is under way while `busy_`
  bool busy_ = false;
  bool stopping_ = false;
  std::int64_t producer_id_next_ = 0;  // of the block at hand
  std::int64_t producer_id_end_ = 0;
  net::Event idle_;
};

}  // namespace millrace::broker
