#pragma once

#include <deque>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <vector>

#include "broker/node.hpp"
#include "broker/quorum/metadata_log.hpp"
#include "protocol/net/net.hpp"
#include "replication/controller/controller.hpp"

namespace millrace::broker {

class Shard;

/// The shell around the controller's core: asks it one request at a time, commits the records that
/// it decided on to the metadata log, tells every shard of what was committed, and only then lets
/// the answer go. Lives on the first shard; others reach it through the `Awaitable` functions
/// below.
class MetadataService final : public MetadataLog::Reader {
 public:
  /// `log` outlives this.
  MetadataService(Node& node, Shard& shard, MetadataLog& log);
  ~MetadataService() override;

  // From the metadata log.
  void applied(replication::ImagePtr image, std::int64_t index,
               std::span<const replication::MetadataRecord> records) override;
  void active(std::optional<std::int32_t> term) override;

  /// The newest image; on the first shard only.
  [[nodiscard]] const replication::ImagePtr& image() const { return image_; }
  /// Returns when every shard has adopted the image of `index`, or a later one, and what is new in
  /// it can be used. On the first shard.
  net::Awaitable<void> published(std::int64_t index);

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
  void publish(std::int64_t index);
  void shard_adopted();
  void when_published(std::int64_t index, net::Task task);
  void finish(Committed done, protocol::ErrorCode error);

  /// An image on its way to the shards.
  struct Round {
    std::int64_t index = 0;
    std::size_t left = 0;  // shards that have not opened all of it yet
  };

  Node& node_;
  Shard& shard_;
  replication::Controller controller_;
  MetadataLog& log_;
  replication::ImagePtr image_;
  bool active_ = false;
  std::deque<std::shared_ptr<Round>> rounds_;  // oldest first
  std::int64_t published_ = std::numeric_limits<std::int64_t>::min();
  std::multimap<std::int64_t, net::Task> waiting_;  // by the index they wait for
  std::deque<Operation> queue_;                     // the first one is under way while `busy_`
  bool busy_ = false;
  bool stopping_ = false;
  std::int64_t producer_id_next_ = 0;  // of the block at hand
  std::int64_t producer_id_end_ = 0;
  net::Event idle_;
};

}  // namespace millrace::broker
