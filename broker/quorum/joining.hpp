#pragma once

#include <chrono>
#include <string>

#include "broker/shard.hpp"
#include "protocol/net/net.hpp"

namespace millrace::broker {

struct JoinOutcome {
  std::string cluster_id;  // empty: it did not work
  std::string failure;
  bool foreign = false;  // they are another cluster than this directory's
};

/// Asks the nodes of `controller.quorum.bootstrap.servers`, and those of whom they tell, to let
/// this one take part, until one of them does `patience` is over or `cancelled` is set. On the
/// first shard.
net::Awaitable<JoinOutcome> ask_to_join(Node& node, Shard& shard,
                                        std::chrono::milliseconds patience, const bool& cancelled);

}  // namespace millrace::broker
