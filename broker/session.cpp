#include "broker/session.hpp"

#include <fmt/ostream.h>
#include <spdlog/spdlog.h>

#include "broker/handlers/handlers.hpp"
#include "broker/handlers/produce.hpp"
#include "broker/quorum/quorum_service.hpp"
#include "broker/shard.hpp"
#include "broker/strangers.hpp"
#include "protocol/base/ensure.hpp"

namespace millrace::broker {
namespace {

constexpr std::size_t kPendingMax = 1000;  // produce requests begun and not answered
constexpr std::size_t kPiecesMax = 512;    // of one gathered write
constexpr auto kGoodbye = std::chrono::milliseconds{500};

/// What is answered while this node is not ready: what it becomes ready by.
bool is_for_nodes(protocol::ApiKey key) {
  return key == protocol::ApiKey::peer || key == protocol::ApiKey::api_versions;
}

}  // namespace

Session::Session(Shard& shard, std::unique_ptr<net::Connection> connection, std::string listener)
    : shard_{shard},
      connection_{std::move(connection)},
      sender_{shard.scheduler(), shard.node().world.read_pool,
              shard.node().settings.read_ahead_bytes, *connection_},
      info_{.listener = std::move(listener),
            .local = connection_->local(),
            .peer = connection_->peer()},
      buffer_{shard.node().settings.request_bytes_max},
      answered_{shard.scheduler().executor()},
      can_write_{shard.scheduler().executor()},
      writer_{shard.scheduler().executor()},
      last_request_{shard.now()} {}

Session::~Session() = default;

net::Awaitable<void> Session::run() {
  writer_.spawn(write_loop());
  co_await read_loop();
  reading_ = false;
  draining_ = true;
  can_write_.set();
  co_await writer_.join();
  close();
  tell_quorum();
}

/// A node that dies takes its connections with it, long before anybody would miss its messages.
void Session::tell_quorum() const {
  if (!node_) return;
  Node& node = shard_.node();
  node.shards.front()->scheduler().post(
      [quorum = node.quorum, from = *node_] { quorum->connection_ended(from); });
}

net::Awaitable<void> Session::read_loop() {
  while (!closed_) {
    if (draining_) buffer_.discard();  // what comes now is thrown away; see `say_goodbye`
    const auto received = co_await connection_->read_some(buffer_.space());
    if (!received) co_return;
    buffer_.received(*received);
    while (!draining_ && !closed_) {
      auto frame = buffer_.next();
      if (!frame) break;
      last_request_ = shard_.now();
      const bool go_on = co_await serve(std::move(*frame));
      if (!go_on) {
        close();
        co_return;
      }
      // Somebody who asks but does not read the answers waits here, not in our memory; and so does
      // somebody who sends faster than the pool compresses anew.
      while (!closed_ && (unsent_bytes_ > shard_.node().settings.response_queue_bytes_max ||
                          pending_bytes_ > shard_.node().settings.request_bytes_max ||
                          pending_.size() >= kPendingMax)) {
        co_await answered_.wait();
      }
    }
    if (buffer_.error() != FrameBuffer::Error::none) {
      refuse_stranger();
      close();
      co_return;
    }
  }
}

/// Takes one request. False when the connection is of no use any more.
net::Awaitable<bool> Session::serve(SharedBytes frame) {
  const std::size_t bytes = frame.size();
  protocol::Reader in{std::move(frame)};
  const auto decoded = protocol::decode_request_header(in);
  if (!decoded) {
    log_bad_request("a request whose header cannot be read");
    co_return false;
  }
  const protocol::RequestHeader& header = *decoded;
  const Handler* const handler = find_handler(header.api_key);
  if (handler == nullptr) {
    log_bad_request(
        fmt::format("API key {}, which is not served here: the client is newer than "
                    "this broker or took no notice of its ApiVersions answer",
                    std::to_underlying(header.api_key)));
    co_return false;
  }
  if (!shard_.open_for_clients_event().is_set() && !is_for_nodes(header.api_key)) {
    co_await shard_.open_for_clients_event().wait();
    if (draining_ || closed_) co_return false;
  }
  RequestContext context{shard_, shard_.node(), *this, header};
  if (header.api_key == protocol::ApiKey::produce && kProduceServed.contains(header.api_version)) {
    const auto begun = begin_produce(context, in, open_slot(bytes));
    if (begun) co_return true;
    log_bad_request(fmt::format("a Produce request v{} with a bad field {}", header.api_version,
                                in.failed_field()));
    co_return false;
  }
  co_await all_answered();
  if (closed_) co_return false;
  const Slot slot = open_slot(bytes);
  auto response = co_await handler->handle(context, in);
  if (!response) {
    log_bad_request(fmt::format("a {} request v{} that cannot be served: {}{}{}",
                                to_string(header.api_key), header.api_version,
                                response.error().message(),
                                in.failed_field().empty() ? "" : ", field ", in.failed_field()));
    co_return false;
  }
  complete(slot, std::move(*response));
  co_return true;
}

net::Awaitable<void> Session::all_answered() {
  while (!pending_.empty() && !closed_) co_await answered_.wait();
}

Session::Slot Session::open_slot(std::size_t request_bytes) {
  pending_.push_back({.request_bytes = request_bytes});
  pending_bytes_ += request_bytes;
  return first_slot_ + pending_.size() - 1;
}

void Session::complete(Slot slot, protocol::EncodedMessage response) {
  settle(slot, std::move(response));
}

void Session::complete_silently(Slot slot) {
  settle(slot, {});
}

void Session::settle(Slot slot, protocol::EncodedMessage response) {
  if (closed_) return;
  ENSURE(slot >= first_slot_ && slot - first_slot_ < pending_.size());
  Pending& pending = pending_[slot - first_slot_];
  ENSURE(!pending.ready);
  pending.ready = true;
  last_request_ = shard_.now();  // a long wait for an answer was no silence
  unsent_bytes_ += response.size();
  pending.response = std::move(response);
  if (slot == first_slot_) can_write_.set();
}

/// Moves the answers that may leave now to `outgoing_`. False when there are none.
bool Session::take_ready() {
  bool any = false;
  while (!pending_.empty() && pending_.front().ready && outgoing_.size() < kPiecesMax / 2) {
    if (pending_.front().response.size() > 0) {
      outgoing_.push_back(std::move(pending_.front().response));
    }
    pending_bytes_ -= pending_.front().request_bytes;
    pending_.pop_front();
    ++first_slot_;
    any = true;
  }
  return any;
}

net::Awaitable<void> Session::write_loop() {
  std::vector<Piece> pieces;
  while (!closed_) {
    if (!take_ready()) {
      if (draining_ && pending_.empty()) break;
      can_write_.reset();
      co_await can_write_.wait();
      continue;
    }
    if (outgoing_.empty()) {  // they had no answers
      answered_.pulse();
      continue;
    }
    pieces.clear();
    std::size_t bytes = 0;
    for (const auto& message : outgoing_) {
      message.gather(pieces);
      bytes += message.size();
    }
    writing_since_ = shard_.now();
    const auto written = co_await sender_.write(pieces);
    writing_since_.reset();
    outgoing_.clear();
    unsent_bytes_ -= std::min(bytes, unsent_bytes_);
    answered_.pulse();
    if (!written) close();
  }
  if (!closed_) say_goodbye();
}

/// A client that is still sending would lose the answers under way to it if the connection were
/// closed under its hands, so it is told that no more comes and gets a moment to hang up itself.
void Session::say_goodbye() {
  if (!reading_) return close();
  connection_->shutdown_send();
  shard_.deadlines().after(kGoodbye, [self = shared_from_this()] { self->close(); });
}

void Session::drain() {
  if (draining_) return;
  draining_ = true;
  can_write_.set();
}

void Session::close() {
  if (closed_) return;
  closed_ = true;
  connection_->close();
  pending_.clear();
  can_write_.set();
  answered_.pulse();
}

void Session::close_if_idle(Instant now) {
  const auto longest = shard_.node().settings.connection_idle_max;
  const bool waits_for_us = !pending_.empty() && !writing_since_;
  const Instant quiet_since =
      writing_since_ ? std::max(*writing_since_, sender_.last_progress()) : last_request_;
  if (!waits_for_us && now - quiet_since > longest) close();
}

void Session::refuse_stranger() {
  const auto verdict = shard_.node().log_limiter.ask("stranger", shard_.now());
  if (!verdict.allowed) return;
  spdlog::warn("connection from {} on listener {} closed: {}{}", fmt::streamed(info_.peer),
               info_.listener, describe_stranger(buffer_.pending()),
               verdict.held_back > 0 ? fmt::format(" ({} more like it)", verdict.held_back) : "");
}

void Session::log_bad_request(std::string_view what) {
  const auto verdict = shard_.node().log_limiter.ask("bad request", shard_.now());
  if (!verdict.allowed) return;
  spdlog::warn("connection from {} on listener {} closed: it sent {}{}", fmt::streamed(info_.peer),
               info_.listener, what,
               verdict.held_back > 0 ? fmt::format(" ({} more like it)", verdict.held_back) : "");
}

}  // namespace millrace::broker
