#pragma once

#include <chrono>
#include <map>

#include "broker/shard.hpp"
#include "replication/consensus/message.hpp"

namespace millrace::broker {

/// Takes the messages of the consensus to the other nodes. To each goes one call at a time with all
/// that gathered meanwhile; what does not get through is dropped, for the core repeats what
/// matters. Lives on the first shard.
class QuorumLinks {
 public:
  QuorumLinks(Shard& shard, std::chrono::milliseconds timeout);
  ~QuorumLinks();

  /// Leaves at the end of this turn, together with all else for that node.
  void send(const replication::consensus::Message& message);
  /// Once the shard's `Peers` are stopped.
  net::Awaitable<void> stop();

 private:
  struct Link {
    replication::schema::QuorumCall waiting;
    std::size_t bytes = 0;  // of what waits
    bool busy = false;
  };

  net::Awaitable<void> run(BrokerId node);

  Shard& shard_;
  std::chrono::milliseconds timeout_;
  std::map<BrokerId, Link> links_;
  bool stopping_ = false;
  net::TaskGroup tasks_;
};

}  // namespace millrace::broker
