#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>

#include "protocol/net/net.hpp"

namespace millrace::net {

namespace asio = boost::asio;

/// How operations of Asio are awaited here: the error comes as a value, and there is no coroutine
/// frame for the operation beside that of the coroutine that awaits it.
inline constexpr asio::as_tuple_t<asio::deferred_t> kResult{asio::deferred};

}  // namespace millrace::net
