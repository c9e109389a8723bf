#include "broker/peers/peers.hpp"

#include <fmt/format.h>

namespace millrace::broker {

using clients::BrokerConnection;
using clients::ClientError;
using clients::Errc;
using replication::schema::PeerAnswer;
using replication::schema::PeerCall;

namespace {

constexpr auto kConnectTimeout = std::chrono::seconds{5};

ClientError unreachable(std::string message) {
  return {.code = Errc::unreachable, .message = std::move(message), .retriable = true};
}

}  // namespace

/// One connection, and those who wait for it to open.
struct Peers::Slot {
  explicit Slot(net::Executor executor) : opened{std::move(executor)} {}
  ConnectionPtr connection;
  bool opening = false;
  std::optional<ClientError> failure;  // of the last try
  net::Event opened;
};

Peers::Peers(net::Scheduler& scheduler, std::string inter_broker_listener)
    : scheduler_{scheduler},
      listener_{std::move(inter_broker_listener)},
      image_{std::make_shared<replication::MetadataImage>()},
      tasks_{scheduler.executor()} {}

Peers::~Peers() = default;

void Peers::learn(BrokerId node, net::Endpoint at) {
  learned_[node] = std::move(at);
}

std::optional<net::Endpoint> Peers::address_of(BrokerId node) const {
  if (const auto found = learned_.find(node); found != learned_.end()) return found->second;
  const auto* const broker = image_->broker(node);
  if (broker == nullptr) return std::nullopt;
  for (const auto& endpoint : broker->endpoints)
    if (endpoint.listener == listener_) return net::Endpoint{endpoint.host, endpoint.port};
  return std::nullopt;
}

net::Awaitable<Peers::Outcome<Peers::ConnectionPtr>> Peers::connection(BrokerId to, PeerLane lane,
                                                                       std::uint16_t fetcher,
                                                                       Instant deadline) {
  if (stopping_) co_return ClientError{.code = Errc::stopped, .message = "this node stops"};
  auto& place = slots_[Place{to, lane, fetcher}];
  if (!place) place = std::make_shared<Slot>(scheduler_.executor());
  const std::shared_ptr<Slot> slot = place;
  if (slot->connection && slot->connection->alive()) co_return slot->connection;
  if (slot->opening) {
    co_await slot->opened.wait();
    if (slot->connection && slot->connection->alive()) co_return slot->connection;
    co_return slot->failure.value_or(unreachable("the connection broke at once"));
  }
  const auto at = address_of(to);
  if (!at) {
    co_return unreachable(fmt::format(
        "node {} has no address for listener {}: it has not registered, or without that listener",
        to.value, listener_));
  }
  if (slot->connection) {
    tasks_.spawn(retire(std::exchange(slot->connection, nullptr)));
    if (broken_) broken_(to);  // while nobody waited for an answer
  }
  slot->opening = true;
  slot->opened.reset();
  const Instant give_up = std::min(deadline, scheduler_.clock().now() + kConnectTimeout);
  auto opening = BrokerConnection::open(
      scheduler_, *at, {.client_id = fmt::format("node-{}", self_.node.value)}, give_up);
  auto opened = co_await std::move(opening);
  slot->opening = false;
  if (!opened) {
    slot->failure = opened.error();
    slot->opened.set();
    co_return opened.error();
  }
  if (stopping_) {
    auto stopped = (*opened)->stop();
    co_await std::move(stopped);
    slot->failure = ClientError{.code = Errc::stopped, .message = "this node stops"};
    slot->opened.set();
    co_return *slot->failure;
  }
  slot->connection = *opened;
  slot->opened.set();
  co_return *opened;
}

net::Awaitable<void> Peers::retire(ConnectionPtr connection) {
  auto stopping = connection->stop();
  co_await std::move(stopping);
}

net::Awaitable<Peers::Outcome<PeerAnswer>> Peers::exchange(ConnectionPtr connection, PeerCall call,
                                                           Instant deadline) {
  protocol::PeerRequest request;
  request.cluster_id = self_.cluster_id;
  request.from_node = self_.node.value;
  request.from_directory = self_.directory;
  request.from_host = self_.reached_at.host;
  request.from_port = self_.reached_at.port;
  const auto text = call.SerializeAsString();
  request.call = SharedBytes::copy_of(as_bytes(text));
  // Not announced, so not negotiated either: there is one version.
  auto frame = connection->encode(request, 0);
  if (!frame) co_return frame.error();
  auto exchanging = connection->exchange(std::move(*frame), deadline);
  const auto raw = co_await std::move(exchanging);
  if (!raw) co_return raw.error();
  const auto response = connection->decode<protocol::PeerResponse>(*raw);
  if (!response) co_return response.error();
  const auto where = fmt::format("Peer to {}:{}", connection->peer().host, connection->peer().port);
  if (response->error_code != protocol::ErrorCode::none) {
    co_return clients::rejected(response->error_code, where, response->error_message.value_or(""));
  }
  PeerAnswer answer;
  const auto bytes = response->answer.view();
  if (!answer.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    co_return clients::malformed("an answer that is no PeerAnswer", where);
  co_return answer;
}

net::Awaitable<Peers::Outcome<PeerAnswer>> Peers::ask(BrokerId to, PeerCall call, Instant deadline,
                                                      PeerLane lane) {
  auto opening = connection(to, lane, 0, deadline);
  auto opened = co_await std::move(opening);
  if (!opened) co_return opened.error();
  auto exchanging = exchange(*opened, std::move(call), deadline);
  auto answer = co_await std::move(exchanging);
  const bool lost = !answer && answer.error().code == Errc::connection_lost;
  if (lost && !stopping_ && broken_) broken_(to);
  co_return answer;
}

net::Awaitable<Peers::Outcome<PeerAnswer>> Peers::ask(net::Endpoint to, PeerCall call,
                                                      Instant deadline) {
  auto opening = BrokerConnection::open(
      scheduler_, std::move(to), {.client_id = fmt::format("node-{}", self_.node.value)}, deadline);
  auto opened = co_await std::move(opening);
  if (!opened) co_return opened.error();
  auto exchanging = exchange(*opened, std::move(call), deadline);
  auto answer = co_await std::move(exchanging);
  auto stopping = (*opened)->stop();
  co_await std::move(stopping);
  co_return answer;
}

void Peers::close(BrokerId node) {
  for (const auto& [place, slot] : slots_)
    if (place.node == node && slot->connection) slot->connection->close();
}

net::Awaitable<void> Peers::stop() {
  stopping_ = true;
  const auto slots = std::exchange(slots_, {});
  for (const auto& [place, slot] : slots) {
    if (!slot->connection) continue;
    auto stopping = slot->connection->stop();
    co_await std::move(stopping);
  }
  co_await tasks_.join();
}

}  // namespace millrace::broker
