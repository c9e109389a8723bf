#pragma once

#include <array>
#include <cstddef>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "protocol/base/bytes.hpp"
#include "protocol/net/net.hpp"
#include "tests/support/sim_network.hpp"
#include "tests/support/sim_scheduler.hpp"

namespace millrace::sim {

class SimConnection;

/// One TCP connection, seen from the network: two ends and a pipe from each to the other.
struct SimLink {
  struct Piece {
    enum class Kind { data, end, reset };
    Kind kind = Kind::data;
    std::vector<std::byte> bytes;
    Instant due;  // when it arrives, unless it is held by a cut
  };
  /// What goes out at one end and comes in at the other.
  struct Pipe {
    std::deque<Piece> under_way;
    bool delivery_scheduled = false;
    Instant last_due;
    std::vector<std::byte> arrived;  // arrived[0, read) has been read already
    std::size_t read = 0;
    std::size_t unacknowledged = 0;  // written and not yet known to be read; <= window
    std::size_t to_acknowledge = 0;  // read, but a cut holds the news
    bool ended = false;              // the end arrived behind the data
  };
  struct End {
    SimHost* host = nullptr;
    net::Endpoint address;
    SimConnection* connection = nullptr;  // null before it is accepted and after it is destroyed
    bool closed = false;                  // by this side
    bool said_end = false;                // by this side, which may still read
    bool failed = false;                  // a reset arrived
  };
  std::size_t window = 0;
  std::array<End, 2> ends;    // 0: who connected, 1: who listened
  std::array<Pipe, 2> pipes;  // pipes[s] leads from ends[s]
};

/// One end of a link, for the code under test.
class SimConnection final : public net::Connection {
 public:
  SimConnection(SimScheduler& scheduler, std::shared_ptr<SimLink> link, int side);
  ~SimConnection() override;
  SimConnection(const SimConnection&) = delete;
  SimConnection& operator=(const SimConnection&) = delete;

  net::Awaitable<Result<std::size_t>> read_some(MutableBytes into) override;
  net::Awaitable<Result<void>> write(std::span<const Piece> pieces) override;
  void shutdown_send() override;
  void close() override;
  [[nodiscard]] const net::Endpoint& local() const override { return own().address; }
  [[nodiscard]] const net::Endpoint& peer() const override {
    return link_->ends[1 - side_].address;
  }

  /// Something changed at this end of the link.
  void wake() { changed_.pulse(); }

 private:
  [[nodiscard]] SimLink::End& own() const { return link_->ends[side_]; }
  [[nodiscard]] SimLink::Pipe& out() const { return link_->pipes[side_]; }
  [[nodiscard]] SimLink::Pipe& in() const { return link_->pipes[1 - side_]; }

  SimNetwork& network_;
  std::shared_ptr<SimLink> link_;
  int side_;
  net::Event changed_;
};

class SimListener final : public net::Listener {
 public:
  SimListener(SimScheduler& scheduler, net::Endpoint address);
  ~SimListener() override;
  SimListener(const SimListener&) = delete;
  SimListener& operator=(const SimListener&) = delete;

  net::Awaitable<Result<std::unique_ptr<net::Connection>>> accept(net::Scheduler& onto) override;
  void close() override;
  [[nodiscard]] const net::Endpoint& local() const override { return address_; }

  [[nodiscard]] SimHost& host() { return host_; }
  /// False when too many wait to be accepted already.
  [[nodiscard]] bool offer(std::shared_ptr<SimLink> link);

 private:
  static constexpr std::size_t kBacklogMax = 128;

  SimHost& host_;
  net::Endpoint address_;
  bool closed_ = false;
  std::deque<std::shared_ptr<SimLink>> backlog_;
  net::Event changed_;
};

/// Closes one end as the operating system does: what was written still arrives, then the end of the
/// stream; or a reset, when data for this end was never read.
void close_end(SimNetwork& network, const std::shared_ptr<SimLink>& link, int side);
/// The same for a process that died: always a reset.
void abort_end(SimNetwork& network, const std::shared_ptr<SimLink>& link, int side);

}  // namespace millrace::sim
