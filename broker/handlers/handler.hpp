#pragma once

#include <concepts>
#include <span>

#include "protocol/base/result.hpp"
#include "protocol/messages/api_key.hpp"
#include "protocol/net/net.hpp"
#include "protocol/wire/frame.hpp"

namespace millrace::broker {

class Shard;
class Session;
struct Node;

/// What a handler gets beside the request. Everything outlives the handler's coroutine.
struct RequestContext {
  Shard& shard;  // where the connection lives and the handler runs
  Node& node;
  Session& session;
  const protocol::RequestHeader& header;

  [[nodiscard]] std::int16_t version() const { return header.api_version; }
};

/// A handler serves one API: it names the request and the versions it serves, and answers. The
/// answer to ApiVersions is made from the handlers that exist, so it cannot promise what is not
/// there.
template <class H>
concept ApiHandler = requires(typename H::Request request, RequestContext& context) {
  { H::kVersions } -> std::convertible_to<protocol::VersionRange>;
  { H::handle(std::move(request), context) } -> std::same_as<net::Awaitable<typename H::Response>>;
};

/// A handler with its types folded away. An error means that the request was not understood and the
/// connection is to be closed.
struct Handler {
  using Function = net::Awaitable<Result<protocol::EncodedMessage>> (*)(RequestContext&,
                                                                        protocol::Reader&);
  [[nodiscard]] bool serves(std::int16_t version) const { return versions.contains(version); }

  protocol::ApiKey key;
  protocol::VersionRange versions;
  Function handle;
};

/// Null when the API is not served.
const Handler* find_handler(protocol::ApiKey key);
/// All of them, by key.
std::span<const Handler> all_handlers();

}  // namespace millrace::broker
