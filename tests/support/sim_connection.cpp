#include "tests/support/sim_connection.hpp"

#include <algorithm>
#include <boost/system/errc.hpp>

#include "protocol/base/ensure.hpp"
#include "protocol/net/errc.hpp"
#include "protocol/net/gather.hpp"

namespace millrace::sim {
namespace {

using Kind = SimLink::Piece::Kind;

constexpr std::size_t kPieceBytesMax = 16 * 1024;

void send(SimNetwork& network, const std::shared_ptr<SimLink>& link, int side, Kind kind,
          std::vector<std::byte> bytes = {}) {
  auto& pipe = link->pipes[side];
  const Instant due = std::max(network.world().clock().now() + network.delay(), pipe.last_due);
  pipe.last_due = due;
  pipe.under_way.push_back({kind, std::move(bytes), due});
  network.pump(link, side);
}

void end(SimNetwork& network, const std::shared_ptr<SimLink>& link, int side, Kind kind) {
  auto& own = link->ends[side];
  if (own.closed) return;
  own.closed = true;
  auto& in = link->pipes[1 - side];
  in.arrived.clear();
  in.read = 0;
  if (!own.failed) send(network, link, side, kind);
  if (own.connection != nullptr) own.connection->wake();
}

/// What a real connection sends of a file: what stands there now, unless the file was cut.
ErrorInfo read_range(const FileRange& range, std::size_t limit, std::vector<std::byte>& into) {
  if (!range.is_intact()) return net::Errc::file_cut;
  into.resize(std::min(limit, range.size));
  const auto got = range.file->read_at(into, range.position);
  if (!got) return got.error();
  if (*got == 0) return net::Errc::file_cut;
  into.resize(*got);
  return {};
}

ErrorInfo reset_error() {
  return make_error_code(boost::system::errc::connection_reset);
}

}  // namespace

void close_end(SimNetwork& network, const std::shared_ptr<SimLink>& link, int side) {
  const auto& in = link->pipes[1 - side];
  end(network, link, side, in.read < in.arrived.size() ? Kind::reset : Kind::end);
}

void abort_end(SimNetwork& network, const std::shared_ptr<SimLink>& link, int side) {
  end(network, link, side, Kind::reset);
}

SimConnection::SimConnection(SimScheduler& scheduler, std::shared_ptr<SimLink> link, int side)
    : network_{scheduler.host().world().network()},
      link_{std::move(link)},
      side_{side},
      changed_{scheduler.executor()} {
  own().connection = this;
}

SimConnection::~SimConnection() {
  own().connection = nullptr;
  close_end(network_, link_, side_);
}

net::Awaitable<Result<std::size_t>> SimConnection::read_some(MutableBytes into) {
  ENSURE(!into.empty());
  while (true) {
    if (own().closed) co_return net::Errc::closed;
    if (own().failed) co_return reset_error();
    auto& pipe = in();
    if (pipe.read < pipe.arrived.size()) {
      const std::size_t count = std::min(into.size(), pipe.arrived.size() - pipe.read);
      std::copy_n(pipe.arrived.data() + pipe.read, count, into.data());
      pipe.read += count;
      if (pipe.read == pipe.arrived.size()) {
        pipe.arrived.clear();
        pipe.read = 0;
      }
      pipe.to_acknowledge += count;
      network_.pump(link_, 1 - side_);
      co_return count;
    }
    if (pipe.ended) co_return net::Errc::end_of_stream;
    co_await changed_.wait();
  }
}

net::Awaitable<Result<void>> SimConnection::write(std::span<const Piece> pieces) {
  net::Gather gather{pieces};
  while (true) {
    if (own().closed) co_return net::Errc::closed;
    if (own().failed) co_return reset_error();
    if (gather.done()) co_return Result<void>{};
    const std::size_t space = link_->window - std::min(link_->window, out().unacknowledged);
    // Waits for a good part of the window, or else ever smaller pieces would chase one another.
    if (space < (link_->window + 3) / 4) {
      co_await changed_.wait();
      continue;
    }
    auto& rng = network_.world().rng();
    // Now and then very few bytes, for those who expect whole headers.
    const std::size_t wish = rng.chance(1, 8) ? 1 + rng.below(4) : 1 + rng.below(kPieceBytesMax);
    const std::size_t limit = std::min(space, wish);
    std::vector<std::byte> bytes;
    if (const auto range = gather.front_file()) {
      const auto error = read_range(*range, limit, bytes);
      if (error) co_return error;
    }
    gather.for_each_rest([&](Bytes rest) {
      const Bytes part = rest.first(std::min(rest.size(), limit - bytes.size()));
      bytes.insert(bytes.end(), part.begin(), part.end());
      return bytes.size() < limit;
    });
    gather.advance(bytes.size());
    out().unacknowledged += bytes.size();
    send(network_, link_, side_, Kind::data, std::move(bytes));
  }
}

void SimConnection::shutdown_send() {
  if (own().closed || own().failed || std::exchange(own().said_end, true)) return;
  send(network_, link_, side_, Kind::end);
}

void SimConnection::close() {
  close_end(network_, link_, side_);
}

SimListener::SimListener(SimScheduler& scheduler, net::Endpoint address)
    : host_{scheduler.host()}, address_{std::move(address)}, changed_{scheduler.executor()} {}

SimListener::~SimListener() {
  close();
}

net::Awaitable<Result<std::unique_ptr<net::Connection>>> SimListener::accept(net::Scheduler& onto) {
  auto* const scheduler = dynamic_cast<SimScheduler*>(&onto);
  ENSURE(scheduler != nullptr && &scheduler->host() == &host_);
  while (!closed_ && backlog_.empty()) co_await changed_.wait();
  if (closed_) co_return net::Errc::closed;
  auto link = std::move(backlog_.front());
  backlog_.pop_front();
  co_return std::make_unique<SimConnection>(*scheduler, std::move(link), 1);
}

void SimListener::close() {
  if (closed_) return;
  closed_ = true;
  auto& network = host_.world().network();
  network.forget(*this);
  for (const auto& link : std::exchange(backlog_, {})) abort_end(network, link, 1);
  changed_.pulse();
}

bool SimListener::offer(std::shared_ptr<SimLink> link) {
  if (backlog_.size() >= kBacklogMax) return false;
  backlog_.push_back(std::move(link));
  changed_.pulse();
  return true;
}

}  // namespace millrace::sim
