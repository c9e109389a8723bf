#include "broker/server.hpp"

#include <fmt/ostream.h>
#include <spdlog/spdlog.h>

#include "broker/session.hpp"
#include "broker/shard.hpp"

namespace millrace::broker {
namespace {

constexpr auto kAcceptPause = std::chrono::milliseconds{100};  // when the machine has no more files

}  // namespace

Server::Server(Node& node, Shard& shard)
    : node_{node}, shard_{shard}, tasks_{shard.scheduler().executor()} {}

Result<std::vector<Server::Bound>> Server::bind(net::Endpoint& culprit) {
  std::vector<Bound> bound;
  for (const auto& endpoint : node_.config.listeners()) {
    const net::Endpoint at{endpoint.host, endpoint.port};
    auto listener = shard_.scheduler().listen(at);
    if (!listener) {
      culprit = at;
      doors_.clear();
      return listener.error();
    }
    bound.push_back({endpoint.name, (*listener)->local()});
    doors_.push_back(std::make_unique<Door>(endpoint.name, std::move(*listener)));
  }
  return bound;
}

void Server::start() {
  for (const auto& door : doors_) tasks_.spawn(accept_loop(*door));
}

net::Awaitable<void> Server::accept_loop(Door& door) {
  const auto pause = shard_.scheduler().make_timer();
  while (!stopping_) {
    Shard& target = *node_.shards[next_shard_++ % node_.shards.size()];
    auto accepted = co_await door.listener->accept(target.scheduler());
    if (stopping_) co_return;
    if (!accepted) {
      if (node_.log_limiter.ask("accept", shard_.now()).allowed) {
        spdlog::warn("listener {}: a connection could not be accepted: {}", door.name,
                     accepted.error().message());
      }
      co_await pause->wait_until(shard_.now() + kAcceptPause);
      continue;
    }
    if (!admit(**accepted)) continue;  // destroying it closes it
    const std::string host = (*accepted)->peer().host;
    target.scheduler().post([this, &target, host, name = door.name,
                             connection = std::move(*accepted)]() mutable {
      target.serve(std::move(connection), std::move(name),
                   [this, host] { shard_.scheduler().post([this, host] { count_out(host); }); });
    });
  }
}

bool Server::admit(const net::Connection& connection) {
  const std::string& host = connection.peer().host;
  const auto refuse = [&](std::string_view setting, std::int64_t limit) {
    const auto verdict = shard_.node().log_limiter.ask(setting, shard_.now());
    if (verdict.allowed) {
      spdlog::warn("connection from {} refused: {} is {}", fmt::streamed(connection.peer()),
                   setting, limit);
    }
    return false;
  };
  if (connections_ >= node_.settings.connections_max) {
    return refuse("max.connections", node_.settings.connections_max);
  }
  if (connections_ >= node_.world.connections_max) {
    return refuse("the number of connections that half of the file descriptors allow (ulimit -n)",
                  node_.world.connections_max);
  }
  auto& from_host = per_host_[host];
  if (from_host >= node_.settings.connections_per_ip_max) {
    return refuse("max.connections.per.ip", node_.settings.connections_per_ip_max);
  }
  ++from_host;
  ++connections_;
  return true;
}

void Server::count_out(const std::string& host) {
  --connections_;
  const auto found = per_host_.find(host);
  if (found != per_host_.end() && --found->second == 0) per_host_.erase(found);
}

net::Awaitable<void> Server::stop() {
  stopping_ = true;
  for (const auto& door : doors_) door->listener->close();
  co_await tasks_.join();
}

}  // namespace millrace::broker
