#include "protocol/net/tcp.hpp"

#include <netinet/in.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <climits>
#include <csignal>
#include <optional>
#include <variant>
#include <vector>

#include "protocol/base/ensure.hpp"
#include "protocol/net/asio_scheduler_impl.hpp"
#include "protocol/net/errc.hpp"
#include "protocol/net/gather.hpp"
#include "protocol/net/tokens.hpp"

namespace millrace::net {
namespace {

using asio::ip::tcp;
using IoExecutor = asio::io_context::executor_type;  // spares the type erasure of `tcp::socket`
using Socket = asio::basic_stream_socket<tcp, IoExecutor>;
using Acceptor = asio::basic_socket_acceptor<tcp, IoExecutor>;
using SteadyTimer =
    asio::basic_waitable_timer<std::chrono::steady_clock,
                               asio::wait_traits<std::chrono::steady_clock>, IoExecutor>;

// A sender that always has more ready would keep its reader's thread for itself; after so many
// reads in a row that did not wait, the others get their turn.
constexpr int kReadsPerTurn = 16;

Endpoint endpoint_of(const tcp::endpoint& e) {
  const auto address = e.address();
  // An IPv4 peer of a socket that serves both families shows up as ::ffff:a.b.c.d.
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    return {asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).to_string(), e.port()};
  return {address.to_string(), e.port()};
}

ErrorInfo mapped(const ErrorInfo& error) {
  if (error == asio::error::eof) return Errc::end_of_stream;
  if (error == asio::error::operation_aborted || error == asio::error::bad_descriptor)
    return Errc::closed;
  if (error == asio::error::timed_out) return Errc::timed_out;
  return error;
}

bool would_block(const ErrorInfo& error) {
  return error == asio::error::would_block || error == asio::error::try_again;
}

ErrorInfo last_error() {
  return {errno, boost::system::system_category()};
}

/// Reads what is there without waiting; 0 bytes is the end of the stream.
ErrorInfo receive(int socket, MutableBytes into, std::size_t& count) {
  while (true) {
    const ssize_t got = ::recv(socket, into.data(), into.size(), MSG_DONTWAIT);
    if (got > 0) {
      count = static_cast<std::size_t>(got);
      return {};
    }
    if (got == 0) return asio::error::eof;
    if (errno != EINTR) return last_error();
  }
}

/// Sends as much of the pieces in memory as one system call takes without waiting.
ErrorInfo send_bytes(int socket, Gather& gather) {
  std::array<iovec, IOV_MAX> vectors;  // NOLINT: 16 KiB that need no initialisation
  std::size_t filled = 0;
  const bool file_follows = gather.for_each_rest([&](Bytes rest) {
    vectors[filled++] = {const_cast<std::byte*>(rest.data()), rest.size()};
    return filled < vectors.size();
  });
  msghdr message{};
  message.msg_iov = vectors.data();
  message.msg_iovlen = filled;
  // A frame's head shares its packet with the file's first bytes.
  const int more = file_follows ? MSG_MORE : 0;
  while (true) {
    const ssize_t sent = ::sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL | more);
    if (sent >= 0) {
      gather.advance(static_cast<std::size_t>(sent));
      return {};
    }
    if (errno != EINTR) return last_error();
  }
}

/// `sendfile` knows no MSG_NOSIGNAL, and a peer that hangs up must not end the process. Blocked,
/// the signal stays pending on this thread for good, and the call says EPIPE.
void block_broken_pipe_signal() {
  thread_local const bool blocked = [] {
    sigset_t broken_pipe;
    sigemptyset(&broken_pipe);
    sigaddset(&broken_pipe, SIGPIPE);
    return pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr) == 0;
  }();
  ENSURE(blocked);
}

/// Reads a part of the range into memory and sends it: for a file that the system does not have.
ErrorInfo send_copy(int socket, const FileRange& range, std::size_t& sent) {
  std::array<std::byte, 64U << 10> buffer;  // NOLINT: needs no initialisation
  const auto got = range.file->read_at(
      MutableBytes{buffer}.first(std::min(range.size, buffer.size())), range.position);
  if (!got) return got.error();
  if (*got == 0) return Errc::file_cut;
  while (true) {
    const ssize_t count = ::send(socket, buffer.data(), *got, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count >= 0) {
      sent = static_cast<std::size_t>(count);
      return {};
    }
    if (errno != EINTR) return last_error();
  }
}

/// Sends as much of the file piece in front as one system call takes. Nothing is sent of a range
/// that was cut, for what stands there now is not what the frame's head promised. A cut cannot
/// strike unseen: it is counted before, and synced several times before anything new is written.
ErrorInfo send_file(int socket, Gather& gather) {
  const FileRange range = *gather.front_file();
  if (!range.is_intact()) return Errc::file_cut;
  std::size_t count = 0;
  const auto file = range.file->descriptor();
  if (!file) {
    const ErrorInfo error = send_copy(socket, range, count);
    if (!error) gather.advance(count);
    return error;
  }
  block_broken_pipe_signal();
  while (true) {
    auto position = static_cast<off_t>(range.position);
    const ssize_t sent = ::sendfile(socket, *file, &position, range.size);
    if (sent == 0) return Errc::file_cut;
    if (sent > 0) {
      gather.advance(static_cast<std::size_t>(sent));
      return {};
    }
    if (errno != EINTR) return last_error();
  }
}

class TcpConnection final : public Connection {
 public:
  explicit TcpConnection(Socket socket) : socket_{std::move(socket)} {
    ErrorInfo ignored;  // it may have been reset already: then the first operation says so
    socket_.native_non_blocking(true, ignored);  // `sendfile` has no flag for it
    socket_.set_option(tcp::no_delay{true}, ignored);
    local_ = endpoint_of(socket_.local_endpoint(ignored));
    peer_ = endpoint_of(socket_.remote_endpoint(ignored));
  }

  Awaitable<Result<std::size_t>> read_some(MutableBytes into) override {
    ENSURE(!into.empty());
    if (closed_) co_return Errc::closed;
    if (more_is_likely_ && ++reads_this_turn_ < kReadsPerTurn) {
      std::size_t count = 0;
      const ErrorInfo error = receive(socket_.native_handle(), into, count);
      if (!would_block(error)) co_return finish_read(error, count, into.size());
    }
    reads_this_turn_ = 0;
    // It tries at once by itself, and lets a turn go by even if that succeeds.
    const auto [error, count] =
        co_await socket_.async_read_some(asio::buffer(into.data(), into.size()), kResult);
    if (closed_) co_return Errc::closed;
    co_return finish_read(error, count, into.size());
  }

  Awaitable<Result<void>> write(std::span<const Piece> pieces) override {
    Gather gather{pieces};
    while (!gather.done()) {
      if (closed_) co_return Errc::closed;
      const int socket = socket_.native_handle();
      const ErrorInfo error =
          gather.front_file() ? send_file(socket, gather) : send_bytes(socket, gather);
      if (!error) continue;
      if (!would_block(error)) co_return mapped(error);
      const auto [wait_error] = co_await socket_.async_wait(Socket::wait_write, kResult);
      if (closed_) co_return Errc::closed;
      if (wait_error) co_return mapped(wait_error);
    }
    co_return Result<void>{};
  }

  void shutdown_send() override {
    ErrorInfo ignored;  // a peer that is gone needs no farewell
    socket_.shutdown(Socket::shutdown_send, ignored);
  }
  void close() override {
    closed_ = true;
    ErrorInfo ignored;
    socket_.close(ignored);
  }
  [[nodiscard]] const Endpoint& local() const override { return local_; }
  [[nodiscard]] const Endpoint& peer() const override { return peer_; }

 private:
  /// A full buffer means that the socket probably holds more, so that the next read need not wait;
  /// after a short one a try would mostly be a wasted system call.
  Result<std::size_t> finish_read(const ErrorInfo& error, std::size_t count, std::size_t asked) {
    more_is_likely_ = !error && count == asked;
    if (error) return mapped(error);
    return count;
  }

  Socket socket_;
  Endpoint local_;
  Endpoint peer_;
  bool closed_ = false;
  bool more_is_likely_ = false;
  int reads_this_turn_ = 0;
};

class TcpListener final : public Listener {
 public:
  explicit TcpListener(Acceptor acceptor) : acceptor_{std::move(acceptor)} {
    ErrorInfo ignored;
    local_ = endpoint_of(acceptor_.local_endpoint(ignored));
  }

  Awaitable<Result<std::unique_ptr<Connection>>> accept(Scheduler& onto) override {
    auto* const scheduler = dynamic_cast<AsioScheduler*>(&onto);
    ENSURE(scheduler != nullptr);
    while (true) {
      if (closed_) co_return Errc::closed;
      auto [error, socket] =
          co_await acceptor_.async_accept(scheduler->impl().io.get_executor(), kResult);
      if (closed_) co_return Errc::closed;
      if (error == asio::error::connection_aborted) continue;  // gone again before we took it
      if (error) co_return mapped(error);
      co_return std::make_unique<TcpConnection>(std::move(socket));
    }
  }
  void close() override {
    closed_ = true;
    ErrorInfo ignored;
    acceptor_.close(ignored);
  }
  [[nodiscard]] const Endpoint& local() const override { return local_; }

 private:
  Acceptor acceptor_;
  Endpoint local_;
  bool closed_ = false;
};

/// One operation that is given up at a deadline. The waiting coroutine sleeps on the timer, and the
/// operation's handler wakes it; the handler shares this state, so that it may come ever so late.
template <class Object, class Outcome>
struct Attempt {
  explicit Attempt(asio::io_context& io) : object{io.get_executor()}, timer{io} {}
  Object object;
  SteadyTimer timer;
  std::optional<ErrorInfo> error;  // set when the operation has ended
  Outcome outcome{};
};

using Resolver = asio::ip::basic_resolver<tcp, IoExecutor>;

Awaitable<Result<std::vector<tcp::endpoint>>> resolve(asio::io_context& io, Endpoint name,
                                                      Instant deadline) {
  std::vector<tcp::endpoint> found;
  ErrorInfo not_a_literal;
  const auto literal = asio::ip::make_address(name.host, not_a_literal);
  if (!not_a_literal) {
    found.emplace_back(literal, name.port);
    co_return found;
  }
  const auto attempt = std::make_shared<Attempt<Resolver, Resolver::results_type>>(io);
  attempt->object.async_resolve(name.host, std::to_string(name.port), Resolver::numeric_service,
                                [attempt](const ErrorInfo& error, Resolver::results_type results) {
                                  attempt->error = error;
                                  attempt->outcome = std::move(results);
                                  attempt->timer.cancel();
                                });
  attempt->timer.expires_at(deadline);
  co_await attempt->timer.async_wait(kResult);
  if (!attempt->error) {
    attempt->object.cancel();
    co_return Errc::timed_out;
  }
  for (const auto& entry : attempt->outcome) found.push_back(entry.endpoint());
  if (found.empty()) co_return Errc::unknown_host;
  co_return found;
}

Awaitable<Result<std::unique_ptr<Connection>>> connect_one(asio::io_context& io, tcp::endpoint to,
                                                           Instant deadline) {
  const auto attempt = std::make_shared<Attempt<Socket, std::monostate>>(io);
  attempt->object.async_connect(to, [attempt](const ErrorInfo& error) {
    attempt->error = error;
    attempt->timer.cancel();
  });
  attempt->timer.expires_at(deadline);
  co_await attempt->timer.async_wait(kResult);
  if (!attempt->error) {
    ErrorInfo ignored;
    attempt->object.close(ignored);
    co_return Errc::timed_out;
  }
  if (*attempt->error) co_return mapped(*attempt->error);
  co_return std::make_unique<TcpConnection>(std::move(attempt->object));
}

Result<tcp::endpoint> listen_address(asio::io_context& io, const Endpoint& at) {
  ErrorInfo error;
  if (at.host.empty()) return tcp::endpoint{tcp::v6(), at.port};
  const auto literal = asio::ip::make_address(at.host, error);
  if (!error) return tcp::endpoint{literal, at.port};
  Resolver resolver{io.get_executor()};
  const auto found = resolver.resolve(at.host, std::to_string(at.port),
                                      Resolver::numeric_service | Resolver::passive, error);
  if (error || found.empty()) return Errc::unknown_host;
  return found.begin()->endpoint();
}

}  // namespace

Result<std::unique_ptr<Listener>> tcp_listen(asio::io_context& io, const Endpoint& at) {
  auto address = listen_address(io, at);
  if (!address) return address.error();
  Acceptor acceptor{io.get_executor()};
  ErrorInfo error;
  acceptor.open(address->protocol(), error);
  if (error == asio::error::address_family_not_supported && at.host.empty()) {
    address = tcp::endpoint{tcp::v4(), at.port};  // a machine without IPv6
    acceptor.open(address->protocol(), error);
  }
  if (error) return error;
  acceptor.set_option(Acceptor::reuse_address{true}, error);
  if (!error && at.host.empty() && address->protocol() == tcp::v6())
    acceptor.set_option(asio::ip::v6_only{false}, error);
  if (!error) acceptor.bind(*address, error);
  if (!error) acceptor.listen(Acceptor::max_listen_connections, error);
  if (error) return error;
  return std::make_unique<TcpListener>(std::move(acceptor));
}

Awaitable<Result<std::unique_ptr<Connection>>> tcp_connect(asio::io_context& io, const Clock& clock,
                                                           Endpoint to, Instant deadline) {
  const auto found = co_await resolve(io, to, deadline);
  if (!found) co_return found.error();
  ErrorInfo last = Errc::timed_out;
  for (std::size_t i = 0; i < found->size(); ++i) {
    const Instant now = clock.now();
    const auto share = (deadline - now) / static_cast<int>(found->size() - i);
    const bool is_last = i + 1 == found->size();
    auto connection = co_await connect_one(io, (*found)[i], is_last ? deadline : now + share);
    if (connection) co_return connection;
    last = connection.error();
  }
  co_return last;
}

}  // namespace millrace::net
