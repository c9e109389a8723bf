#include "broker/quorum/quorum_links.hpp"

#include "protocol/base/ensure.hpp"
#include "replication/consensus/codec.hpp"

namespace millrace::broker {
namespace {

constexpr std::size_t kWaitingBytesMax = std::size_t{16} << 20;  // to one node

}  // namespace

QuorumLinks::QuorumLinks(Shard& shard, std::chrono::milliseconds timeout)
    : shard_{shard}, timeout_{timeout}, tasks_{shard.scheduler().executor()} {}

QuorumLinks::~QuorumLinks() = default;

void QuorumLinks::send(const replication::consensus::Message& message) {
  if (stopping_) return;
  const BrokerId node{message.to.node.value};
  auto& link = links_[node];
  const auto bytes = replication::consensus::encode(message);
  if (link.bytes + bytes.size() > kWaitingBytesMax) return;
  ENSURE(link.waiting.add_messages()->ParseFromString(bytes));
  link.bytes += bytes.size();
  if (link.busy) return;
  link.busy = true;
  tasks_.spawn(run(node));
}

net::Awaitable<void> QuorumLinks::run(BrokerId node) {
  auto& link = links_[node];  // stays where it is
  while (link.waiting.messages_size() > 0 && !stopping_) {
    replication::schema::PeerCall call;
    call.mutable_quorum()->Swap(&link.waiting);
    link.bytes = 0;
    auto asking =
        shard_.peers().ask(node, std::move(call), shard_.now() + timeout_, PeerLane::quorum);
    const auto answer = co_await std::move(asking);
    if (answer) continue;
    link.waiting.Clear();
    link.bytes = 0;
  }
  link.busy = false;
}

net::Awaitable<void> QuorumLinks::stop() {
  stopping_ = true;
  co_await tasks_.join();
}

}  // namespace millrace::broker
