#pragma once

#include <deque>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/ask.hpp"
#include "broker/controller/active_controller.hpp"
#include "broker/controller/admin_requests.hpp"
#include "broker/controller/controller_calls.hpp"
#include "broker/controller/lifecycle.hpp"
#include "broker/node.hpp"
#include "broker/quorum/metadata_log.hpp"
#include "protocol/net/net.hpp"
#include "replication/controller/in_sync.hpp"

namespace millrace::broker {

class Shard;

/// What this node has to do with the cluster's metadata: it tells its shards of what was committed,
/// carries what is asked of the controller to where that is, and knows this broker's own standing.
/// Lives on the first shard; others reach it through the `Awaitable` functions below.
class MetadataService final : public MetadataLog::Reader {
 public:
  /// `log` outlives this.
  MetadataService(Node& node, Shard& shard, MetadataLog& log);
  ~MetadataService() override;

  // From the metadata log.
  void applied(replication::ImagePtr image, std::int64_t index,
               std::span<const replication::MetadataRecord> records) override;
  void active(std::optional<std::int32_t> term) override;
  /// A connection of the first shard to that node broke.
  void peer_broken(BrokerId broker) { controller_.peer_broken(broker); }

  // On the first shard.
  /// The newest image.
  [[nodiscard]] const replication::ImagePtr& image() const { return image_; }
  /// Returns when every shard has adopted the image of `index`, or a later one, and what is new in
  /// it can be used; or when it is `deadline`.
  net::Awaitable<void> published(std::int64_t index, Instant deadline = Instant::max());
  /// Registers this broker, and returns when it may serve, or why it never will. For
  /// `stopped_cleanly_at` see `replication::Registration`.
  net::Awaitable<std::optional<std::string>> join(std::optional<std::int64_t> stopped_cleanly_at);
  /// Hands over what this broker leads. Gives its epoch if it may go in order.
  net::Awaitable<std::optional<std::int64_t>> leave();
  /// Takes no more changes; returns when those taken are done, and nothing runs any more.
  net::Awaitable<void> refuse_changes();

  // From any shard, `home`.
  /// One of `AdminRequests`, by the active controller; answered there when the change is committed
  /// and every shard of this node has it. The answer has the shape of `version`.
  template <class Request>
  net::Awaitable<AdminResponse<Request>> administer(Shard& home, Request request,
                                                    std::int16_t version = Request::kVersions.last);
  /// One producer id that nobody had before, or nothing when there is no controller.
  net::Awaitable<std::optional<ProducerId>> next_producer_id(Shard& home);
  /// What this broker, as the leader of partitions, asks about their in-sync sets. The answers are
  /// in the order of the proposals: NOT_CONTROLLER when no controller answered, and then nobody
  /// knows; the next image may tell.
  net::Awaitable<std::vector<replication::InSyncAnswer>> propose_in_sync(
      Shard& home, std::vector<replication::InSyncProposal> proposals);
  /// The active controller, as far as this node knows.
  net::Awaitable<std::optional<BrokerId>> controller(Shard& home);
  /// A call of another node to this one as the active controller.
  net::Awaitable<PeerResult> serve(Shard& home, replication::schema::PeerCall call);

 private:
  /// An image on its way to the shards.
  struct Publication {
    replication::ImagePtr image;
    std::int64_t index = 0;
    bool removes = false;  // a topic
  };
  using ProducerIdAnswer = Answer<std::optional<ProducerId>>;

  void publish_next();
  void shard_adopted(std::int64_t index);
  void told(std::int64_t index);
  template <class Request>
  net::Awaitable<void> carry_out(std::shared_ptr<const Request> request, std::int16_t version,
                                 Answer<AdminResponse<Request>> answer);
  net::Awaitable<void> take_producer_id(ProducerIdAnswer answer);
  net::Awaitable<bool> refill_producer_ids();
  net::Awaitable<void> carry_proposals(std::vector<replication::InSyncProposal> proposals,
                                       Answer<std::vector<replication::InSyncAnswer>> answer);
  net::Awaitable<void> serve_here(replication::schema::PeerCall call, Answer<PeerResult> answer);
  net::Awaitable<void> pause(std::chrono::milliseconds time);

  Node& node_;
  Shard& shard_;
  MetadataLog& log_;
  ActiveController controller_;
  ControllerCalls calls_;
  Lifecycle life_;
  replication::ImagePtr image_;
  std::deque<Publication> unpublished_;  // oldest first
  std::size_t adopting_ = 0;             // shards that are at it
  std::int64_t published_ = std::numeric_limits<std::int64_t>::min();
  std::multimap<std::int64_t, net::Task> waiting_;  // by the index they wait for
  bool stopping_ = false;
  std::int64_t producer_id_next_ = 0;  // of the block at hand
  std::int64_t producer_id_end_ = 0;
  bool refilling_ = false;
  net::Event refilled_;
  net::TaskGroup tasks_;
};

}  // namespace millrace::broker
