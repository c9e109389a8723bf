#pragma once

#include <deque>
#include <memory>
#include <string>

#include "broker/frame_buffer.hpp"
#include "broker/sender.hpp"
#include "protocol/net/net.hpp"
#include "protocol/wire/frame.hpp"

namespace millrace::broker {

class Shard;

/// What handlers may know of the connection a request came in on.
struct ConnectionInfo {
  std::string listener;  // its name
  net::Endpoint local;   // where the client reached us
  net::Endpoint peer;
};

/// One client connection. Lives on one shard; read loop, decoding and the order of answers stay
/// there. Held by the shard's set and by requests that are still to be answered.
///
/// Requests are taken one after the other, as Kafka does it, with one liberty: produce requests
/// that follow one another are all begun before the first is answered, because each waits for a
/// sync and their order is kept by the partitions' shards. Answers always leave in the order of the
/// requests, and what is ready leaves in one gathered write.
class Session : public std::enable_shared_from_this<Session> {
 public:
  /// Number of a request on this connection.
  using Slot = std::uint64_t;

  Session(Shard& shard, std::unique_ptr<net::Connection> connection, std::string listener);
  ~Session();

  /// Serves the connection until it is closed and everything taken is answered or given up.
  net::Awaitable<void> run();

  /// The answer to a request; on this session's shard. After `close` it is dropped.
  void complete(Slot slot, protocol::EncodedMessage response);
  /// The request has no answer (acks=0).
  void complete_silently(Slot slot);

  /// Takes no more requests, answers those it has, then closes.
  void drain();
  void close();
  /// Closes a connection that has gone quiet: nothing was asked, a request was begun and not
  /// finished, or an answer was not read, for `connections.max.idle.ms`.
  void close_if_idle(Instant now);

  /// Another node of the cluster talks to us here; when that ends, the quorum is told.
  void set_node(BrokerId node) { node_ = node; }

  [[nodiscard]] const ConnectionInfo& info() const { return info_; }
  [[nodiscard]] Shard& shard() const { return shard_; }
  [[nodiscard]] bool closed() const { return closed_; }

 private:
  struct Pending {
    bool ready = false;
    std::size_t request_bytes = 0;
    protocol::EncodedMessage response;  // empty: no answer
  };

  net::Awaitable<void> read_loop();
  net::Awaitable<void> write_loop();
  net::Awaitable<bool> serve(SharedBytes frame);
  net::Awaitable<void> all_answered();
  void tell_quorum() const;
  Slot open_slot(std::size_t request_bytes);
  void settle(Slot slot, protocol::EncodedMessage response);
  bool take_ready();
  void say_goodbye();
  void refuse_stranger();
  void log_bad_request(std::string_view what);

  Shard& shard_;
  std::unique_ptr<net::Connection> connection_;
  Sender sender_;
  ConnectionInfo info_;
  FrameBuffer buffer_;
  std::deque<Pending> pending_;  // in request order; the first is slot `first_slot_`
  Slot first_slot_ = 0;
  std::vector<protocol::EncodedMessage> outgoing_;  // being written
  std::size_t unsent_bytes_ = 0;                    // ready or being written
  std::size_t pending_bytes_ = 0;                   // of the requests in `pending_`
  net::Event answered_;                             // pulsed when the pending answers become fewer
  net::Event can_write_;  // set when the first pending answer is ready, or on the way out
  net::TaskGroup writer_;
  Instant last_request_;
  std::optional<BrokerId> node_;          // that is the client
  std::optional<Instant> writing_since_;  // a write is under way
  bool reading_ = true;
  bool draining_ = false;
  bool closed_ = false;
};

}  // namespace millrace::broker
