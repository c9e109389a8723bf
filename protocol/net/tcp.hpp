#pragma once

#include <boost/asio/io_context.hpp>

#include "protocol/net/net.hpp"

namespace millrace::net {

/// Listens with SO_REUSEADDR. An empty host is every address of this machine; a name must be an
/// address literal or resolve at once ("localhost").
Result<std::unique_ptr<Listener>> tcp_listen(boost::asio::io_context& io, const Endpoint& at);

/// Tries the addresses of `to.host` in the resolver's order, each for its share of the time left.
/// `Errc::unknown_host`, `Errc::timed_out`, or the error of the last address tried.
Awaitable<Result<std::unique_ptr<Connection>>> tcp_connect(boost::asio::io_context& io,
                                                           const Clock& clock, Endpoint to,
                                                           Instant deadline);

}  // namespace millrace::net
