#include "clients/connection.hpp"

#include <fmt/format.h>

#include <array>
#include <deque>
#include <unordered_map>

#include "clients/frame_reader.hpp"
#include "clients/negotiation.hpp"
#include "clients/request_ledger.hpp"
#include "clients/wakeup.hpp"
#include "protocol/base/ensure.hpp"

namespace millrace::clients {

using protocol::ApiKey;

namespace {

std::string text(const net::Endpoint& at) {
  return fmt::format("{}:{}", at.host, at.port);
}

std::string where(ApiKey key, const net::Endpoint& peer) {
  return fmt::format("{} to {}", protocol::to_string(key), text(peer));
}

/// One caller of `exchange`, in its frame.
struct Waiter {
  explicit Waiter(net::Executor executor) : done{std::move(executor)} {}
  net::Event done;
  std::optional<Outcome<SharedBytes>> outcome;
};

}  // namespace

struct BrokerConnection::State {
  State(net::Scheduler& on, std::unique_ptr<net::Connection> socket_, net::Endpoint to,
        ConnectionOptions options_)
      : scheduler{on},
        socket{std::move(socket_)},
        peer{std::move(to)},
        options{std::move(options_)},
        ledger{options.stall_grace},
        frames{options.response_bytes_max},
        writable{on.executor()},
        watchdog{on},
        tasks{on.executor()} {}

  net::Scheduler& scheduler;
  std::unique_ptr<net::Connection> socket;
  net::Endpoint peer;
  ConnectionOptions options;
  ApiVersionTable versions;
  RequestLedger ledger;
  FrameReader frames;
  std::unordered_map<CorrelationId, Waiter*> waiters;  // the ledger's entries, abandoned ones not
  std::deque<protocol::EncodedMessage> outgoing;
  net::Event writable;  // set while `outgoing` has something or the connection is dead
  Wakeup watchdog;
  Instant watching_until;             // when the watchdog wakes by itself
  std::optional<ClientError> broken;  // why nothing can be sent any more
  net::TaskGroup tasks;

  void answer(CorrelationId id, Outcome<SharedBytes> outcome);
  void fail(ClientError error);
  void handle(SharedBytes frame);
  net::Awaitable<void> read_loop();
  net::Awaitable<void> write_loop();
  net::Awaitable<void> watch();
};

void BrokerConnection::State::answer(CorrelationId id, Outcome<SharedBytes> outcome) {
  const auto found = waiters.find(id);
  ENSURE(found != waiters.end());
  Waiter& waiter = *found->second;
  waiters.erase(found);
  waiter.outcome = std::move(outcome);
  waiter.done.set();
}

void BrokerConnection::State::fail(ClientError error) {
  if (broken) return;
  broken = std::move(error);
  socket->close();
  outgoing.clear();
  writable.set();
  watchdog.wake();
  for (const auto id : ledger.fail_all()) answer(id, *broken);
}

void BrokerConnection::State::handle(SharedBytes frame) {
  if (frame.size() < 4) return fail(malformed("an answer without a header", text(peer)));
  const CorrelationId id{load_be<std::int32_t>(frame.data())};
  switch (ledger.answered(id)) {
    case RequestLedger::Match::answered:
      answer(id, std::move(frame));
      break;
    case RequestLedger::Match::late:
      break;
    case RequestLedger::Match::unexpected:
      fail(malformed(fmt::format("an answer to request {} which was not the next", id.value),
                     text(peer)));
      break;
  }
}

net::Awaitable<void> BrokerConnection::State::read_loop() {
  while (!broken) {
    const auto room = frames.room();
    const auto count = co_await socket->read_some(room);
    if (!count) {
      fail(from_network(count.error(), fmt::format("connection to {} broke", text(peer))));
      break;
    }
    frames.commit(*count);
    while (!broken) {
      auto frame = frames.next();
      if (!frame) {
        fail(malformed("an answer larger than the bound or of negative size", text(peer)));
        break;
      }
      if (!*frame) break;
      handle(std::move(**frame));
    }
  }
}

net::Awaitable<void> BrokerConnection::State::write_loop() {
  std::vector<Piece> pieces;
  while (!broken) {
    if (outgoing.empty()) {
      writable.reset();
      co_await writable.wait();
      continue;
    }
    const auto batch = std::exchange(outgoing, {});
    pieces.clear();
    for (const auto& message : batch) message.gather(pieces);
    const auto written = co_await socket->write(pieces);
    if (!written) {
      fail(from_network(written.error(), fmt::format("connection to {} broke", text(peer))));
    }
  }
}

net::Awaitable<void> BrokerConnection::State::watch() {
  constexpr auto kIdle = std::chrono::hours{1};  // an earlier deadline wakes it anyway
  while (!broken) {
    const auto now = scheduler.clock().now();
    for (const auto id : ledger.expire(now)) {
      answer(id, ClientError{.code = Errc::timed_out,
                             .message = fmt::format("{} did not answer before the deadline; it "
                                                    "may have done what it was asked",
                                                    text(peer)),
                             .retriable = true});
    }
    if (ledger.stalled(now)) {
      fail({.code = Errc::connection_lost,
            .message = fmt::format("{} has stopped answering", text(peer)),
            .retriable = true});
      break;
    }
    watching_until = ledger.next_event().value_or(now + kIdle);
    co_await watchdog.wait_until(watching_until);
  }
}

BrokerConnection::BrokerConnection(std::unique_ptr<State> state) : state_{std::move(state)} {}
BrokerConnection::~BrokerConnection() = default;

net::Awaitable<Outcome<std::shared_ptr<BrokerConnection>>> BrokerConnection::open(
    net::Scheduler& scheduler, net::Endpoint to, ConnectionOptions options, Instant deadline) {
  auto socket = co_await scheduler.connect(to, deadline);
  if (!socket) {
    co_return ClientError{
        .code = Errc::unreachable,
        .message = fmt::format("cannot connect to {}: {}; is a broker listening there?", text(to),
                               socket.error().message()),
        .retriable = true};
  }
  auto state = std::make_unique<State>(scheduler, std::move(*socket), to, std::move(options));
  const std::shared_ptr<BrokerConnection> connection{new BrokerConnection{std::move(state)}};
  State& s = *connection->state_;
  s.tasks.spawn(s.read_loop());
  s.tasks.spawn(s.write_loop());
  s.tasks.spawn(s.watch());

  const protocol::ApiVersionsRequest request{.client_software_name = s.options.software_name,
                                             .client_software_version = s.options.software_version};
  Negotiation negotiation{text(to)};
  auto step = negotiation.start();
  while (const auto* ask = std::get_if<Negotiation::Ask>(&step)) {
    auto frame = connection->encode(request, ask->version);
    ENSURE(frame);  // both fields may be dropped in old versions
    auto answer = co_await connection->exchange(std::move(*frame), deadline);
    if (answer) {
      step = negotiation.answered(answer->frame);
    } else {
      step = answer.error();
    }
  }
  if (auto* error = std::get_if<ClientError>(&step)) {
    co_await connection->stop();
    co_return std::move(*error);
  }
  s.versions = std::get<ApiVersionTable>(std::move(step));
  co_return connection;
}

Outcome<std::int16_t> BrokerConnection::version_for(ApiKey key, protocol::VersionRange ours) const {
  const auto version = state_->versions.choose(key, ours);
  if (version) return *version;
  const auto theirs = state_->versions.range(key);
  auto reason = theirs ? fmt::format("it speaks versions {} to {} and this client {} to {}",
                                     theirs->first, theirs->last, ours.first, ours.last)
                       : std::string{"it does not offer that API"};
  return ClientError{.code = Errc::unsupported,
                     .message = fmt::format("{} is not possible: {}; use another broker or client "
                                            "version",
                                            where(key, state_->peer), reason)};
}

net::Awaitable<Outcome<RawAnswer>> BrokerConnection::exchange(Outgoing request, Instant deadline) {
  State& s = *state_;
  if (s.broken) co_return *s.broken;
  Waiter waiter{s.scheduler.executor()};
  s.waiters.emplace(request.id, &waiter);
  s.ledger.sent(request.id, deadline);
  s.outgoing.push_back(std::move(request.message));
  s.writable.set();
  if (deadline < s.watching_until) s.watchdog.wake();
  co_await waiter.done.wait();
  auto& outcome = *waiter.outcome;
  if (!outcome) {
    auto error = outcome.error();
    error.message = fmt::format("{}: {}", where(request.key, s.peer), error.message);
    co_return error;
  }
  co_return RawAnswer{std::move(*outcome), request.version};
}

Outcome<void> BrokerConnection::send_only(Outgoing request) {
  State& s = *state_;
  if (s.broken) return *s.broken;
  s.outgoing.push_back(std::move(request.message));
  s.writable.set();
  return {};
}

const net::Endpoint& BrokerConnection::peer() const {
  return state_->peer;
}
const ApiVersionTable& BrokerConnection::versions() const {
  return state_->versions;
}
bool BrokerConnection::alive() const {
  return !state_->broken;
}
std::size_t BrokerConnection::in_flight() const {
  return state_->ledger.size();
}

void BrokerConnection::close() {
  state_->fail(
      {.code = Errc::connection_lost,
       .message = fmt::format("this client closed its connection to {}", text(state_->peer)),
       .retriable = true});
}

net::Awaitable<void> BrokerConnection::stop() {
  close();
  co_await state_->tasks.join();
}

CorrelationId BrokerConnection::next_id() {
  return state_->ledger.next_id();
}

protocol::RequestHeader BrokerConnection::header(std::int16_t version, CorrelationId id) const {
  return {.api_version = version, .correlation_id = id, .client_id = state_->options.client_id};
}

ClientError BrokerConnection::not_representable(ApiKey key, std::int16_t version,
                                                std::string_view field) const {
  return {.code = Errc::unsupported,
          .message = fmt::format("{}: the broker's version {} has no room for {}",
                                 where(key, state_->peer), version, field)};
}

ClientError BrokerConnection::undecodable(ApiKey key, const protocol::Reader& in) const {
  return malformed(fmt::format("the answer does not decode, {} in field {}",
                               protocol::to_string(in.error()), in.failed_field()),
                   where(key, state_->peer));
}

}  // namespace millrace::clients
