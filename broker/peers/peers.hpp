#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "clients/connection.hpp"
#include "protocol/messages/peer.hpp"
#include "protocol/net/net.hpp"
#include "replication/controller/image.hpp"
#include "replication/peer.pb.h"

namespace millrace::broker {

/// What requests between nodes are about. Each lane to a node is a connection of its own, because
/// one connection is answered in order, and what waits there holds up what is behind it. Beyond
/// `replication` every fetcher has its own.
enum class PeerLane : std::uint16_t {
  quorum,
  snapshot,
  control,
  forward,
  transactions,
  replication
};

/// Who this node is, as it tells the others.
struct PeerIdentity {
  std::string cluster_id;  // empty while it is not known
  BrokerId node;
  Uuid directory;
  net::Endpoint reached_at;  // by other nodes
};

/// The connections of one shard to other nodes, opened when first used. Used on the shard's thread.
/// Await `stop`, and the calls under way, before destroying it. Nothing is retried here: a call
/// fails when its connection does, and the next one opens another.
class Peers {
 public:
  template <class T>
  using Outcome = clients::Outcome<T>;

  Peers(net::Scheduler& scheduler, std::string inter_broker_listener);
  ~Peers();
  Peers(const Peers&) = delete;
  Peers& operator=(const Peers&) = delete;

  /// Before the first call.
  void introduce(PeerIdentity self) { self_ = std::move(self); }
  [[nodiscard]] const PeerIdentity& self() const { return self_; }
  /// Where registered brokers are to be reached.
  void adopt(replication::ImagePtr image) { image_ = std::move(image); }
  /// A node said where it is to be reached: newer than what the image says until that changes, and
  /// all there is of one that has not registered yet.
  void learn(BrokerId node, net::Endpoint at);
  [[nodiscard]] std::optional<net::Endpoint> address_of(BrokerId node) const;
  /// `broken(node)` when a connection that had been open ends without our doing.
  void on_broken(std::function<void(BrokerId)> broken) { broken_ = std::move(broken); }

  /// A question to another node. `Errc::unreachable`, `connection_lost`, `timed_out`, or `rejected`
  /// with what the other said.
  net::Awaitable<Outcome<replication::schema::PeerAnswer>> ask(BrokerId to,
                                                               replication::schema::PeerCall call,
                                                               Instant deadline, PeerLane lane);
  /// The same to a node of which only the address is known. Its connection is closed afterwards.
  net::Awaitable<Outcome<replication::schema::PeerAnswer>> ask(net::Endpoint to,
                                                               replication::schema::PeerCall call,
                                                               Instant deadline);

  /// A request of Kafka's protocol. The answer's own error codes are the caller's to read.
  template <class Request>
  net::Awaitable<Outcome<clients::ResponseOf<Request>>> call(
      BrokerId to, Request request, Instant deadline, PeerLane lane, std::uint16_t fetcher = 0,
      protocol::VersionRange versions = Request::kVersions) {
    auto opening = connection(to, lane, fetcher, deadline);
    auto connection = co_await std::move(opening);
    if (!connection) co_return connection.error();
    auto calling = (*connection)->call(std::move(request), deadline, versions);
    co_return co_await std::move(calling);
  }

  void close(BrokerId node);
  /// Closes everything, and returns when nothing of it runs any more.
  net::Awaitable<void> stop();

 private:
  using ConnectionPtr = std::shared_ptr<clients::BrokerConnection>;
  struct Slot;
  struct Place {
    friend auto operator<=>(const Place&, const Place&) = default;
    BrokerId node;
    PeerLane lane{};
    std::uint16_t fetcher = 0;
  };

  net::Awaitable<Outcome<ConnectionPtr>> connection(BrokerId to, PeerLane lane,
                                                    std::uint16_t fetcher, Instant deadline);
  net::Awaitable<void> retire(ConnectionPtr connection);
  net::Awaitable<Outcome<replication::schema::PeerAnswer>> exchange(
      ConnectionPtr connection, replication::schema::PeerCall call, Instant deadline);

  net::Scheduler& scheduler_;
  std::string listener_;
  PeerIdentity self_;
  replication::ImagePtr image_;
  std::map<BrokerId, net::Endpoint> learned_;
  std::map<Place, std::shared_ptr<Slot>> slots_;
  std::function<void(BrokerId)> broken_;
  bool stopping_ = false;
  net::TaskGroup tasks_;
};

}  // namespace millrace::broker
