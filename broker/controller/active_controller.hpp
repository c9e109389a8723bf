#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "broker/node.hpp"
#include "broker/quorum/metadata_log.hpp"
#include "protocol/net/net.hpp"
#include "replication/controller/controller.hpp"
#include "replication/controller/in_sync.hpp"
#include "replication/controller/membership.hpp"

namespace millrace::broker {

class Shard;

/// The shell around the controller's cores on the node that is the active controller: asks them one
/// question at a time, commits what they decided to the metadata log, and gives the answer once
/// that is committed. It also does what nobody asks for: fences who is silent, gives leaders to
/// partitions that can have one again, gives leaderships back, raises internal topics.
///
/// Lives on the first shard. On a node that is not active every question is answered with
/// NOT_CONTROLLER.
class ActiveController {
 public:
  using Records = std::vector<replication::MetadataRecord>;
  /// Decides on the newest image.
  using Decide = std::move_only_function<Records()>;
  /// `none` and the index at which the records are committed, or of the newest change if there were
  /// none; or an error, and then nothing was changed, as far as is known.
  using Committed = std::move_only_function<void(protocol::ErrorCode, std::int64_t index)>;
  template <class T>
  using Reply = std::move_only_function<void(T)>;

  ActiveController(Node& node, Shard& shard, MetadataLog& log);

  // From the metadata log, by way of the metadata service.
  void applied(replication::ImagePtr image, std::span<const replication::MetadataRecord> records);
  void active(std::optional<std::int32_t> term);

  [[nodiscard]] bool is_active() const { return active_; }
  [[nodiscard]] const replication::MetadataImage& image() const { return *image_; }
  [[nodiscard]] const replication::Controller& admin() const { return admin_; }
  /// While it is active.
  [[nodiscard]] replication::Membership& membership() { return *membership_; }
  [[nodiscard]] Node& node() const { return node_; }
  [[nodiscard]] Instant now() const;

  void submit(Decide decide, Committed done);

  // Of brokers.
  void enroll(replication::Registration request, Reply<replication::RegistrationAnswer> reply);
  void heartbeat(replication::BrokerHeartbeat request,
                 Reply<replication::BrokerHeartbeatAnswer> reply);
  struct InSyncReply {
    protocol::ErrorCode error = protocol::ErrorCode::none;
    std::vector<replication::InSyncAnswer> answers;
  };
  void alter_in_sync(BrokerId broker, std::int64_t epoch,
                     std::vector<replication::InSyncProposal> proposals, Reply<InSyncReply> reply);
  struct ProducerIds {
    protocol::ErrorCode error = protocol::ErrorCode::none;
    std::int64_t first = 0;
    std::int64_t count = 0;
  };
  void give_producer_ids(BrokerId broker, std::int64_t epoch, Reply<ProducerIds> reply);

  /// A connection to that node broke: if it cannot be reached either, it is dead.
  void peer_broken(BrokerId broker);

  /// Takes no more questions; returns when those taken are answered and nothing runs any more.
  net::Awaitable<void> stop();

 private:
  struct Operation {
    Decide decide;
    Committed done;
  };

  void run_next();
  void finish(Committed done, protocol::ErrorCode error, std::int64_t index);
  template <class T, class Ask>
  void question(Ask ask, Reply<T> reply);
  void keep_watch();
  void mend();
  void seed_cluster_settings();
  net::Awaitable<void> look_after(BrokerId broker, std::int64_t epoch);

  Node& node_;
  Shard& shard_;
  MetadataLog& log_;
  replication::Controller admin_;
  std::optional<replication::Membership> membership_;  // of this term
  replication::ImagePtr image_;
  bool active_ = false;
  bool stopping_ = false;
  bool watching_ = false;  // the timer runs
  bool mending_ = false;
  bool fencing_ = false;
  Instant next_mend_;
  Instant next_balance_;
  std::deque<Operation> queue_;  // the first one is under way while `busy_`
  bool busy_ = false;
  net::Event idle_;
  net::TaskGroup tasks_;
};

}  // namespace millrace::broker
