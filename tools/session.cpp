#include "tools/session.hpp"

#include <fmt/format.h>

namespace millrace::tools {
namespace {

using clients::Client;
using clients::ClientError;

std::string text_of(const net::Endpoint& at) {
  return at.host.contains(':') ? fmt::format("[{}]:{}", at.host, at.port)
                               : fmt::format("{}:{}", at.host, at.port);
}

/// The client itself goes on trying until its deadline, as programs want it; a person at a prompt
/// wants to hear at once that nobody listens there.
net::Awaitable<clients::Outcome<void>> probe(Client& client, Instant deadline) {
  std::string reasons;
  for (const auto& at : client.options().bootstrap) {
    const auto connection = co_await client.scheduler().connect(at, deadline);
    if (connection) co_return clients::Outcome<void>{};
    reasons += fmt::format("{}{}: {}", reasons.empty() ? "" : "; ", text_of(at),
                           connection.error().message());
  }
  co_return ClientError{
      .code = clients::Errc::unreachable,
      .message = fmt::format("no broker can be reached: {}. Is it running there? `millrace start` "
                             "starts one; -b HOST:PORT names another",
                             reasons)};
}

net::Awaitable<ExitCode> whole(const Context& context, Client& client,
                               net::AsioScheduler& scheduler, const Work& work) {
  const auto reached = co_await probe(client, client.now() + context.globals.timeout);
  ExitCode code = ExitCode::unreachable;
  if (reached) {
    code = co_await work(client, scheduler);
  } else {
    context.fail(reached.error());
  }
  co_await client.stop();
  co_return code;
}

}  // namespace

std::string Context::brokers() const {
  if (!globals.brokers.empty()) return globals.brokers;
  const auto variable = terminal.variable("MILLRACE_BROKERS");
  return variable && !variable->empty() ? *variable : "localhost:9092";
}

ExitCode Context::fail(const ClientError& error) const {
  terminal.error(error.message);
  return exit_code_of(error);
}

ExitCode Context::show(const Report& report) const {
  const auto failure = terminal.out.write(to_text(report, globals.form));
  if (!failure) return ExitCode::ok;
  if (failure != std::errc::broken_pipe)
    terminal.error(fmt::format("writing the output: {}", failure.message()));
  return ExitCode::failed;
}

ExitCode with_cluster(const Context& context, const Work& work, clients::ClientOptions options) {
  auto bootstrap = clients::parse_bootstrap(context.brokers());
  if (!bootstrap) return context.fail(bootstrap.error());
  options.bootstrap = std::move(*bootstrap);
  const SystemClock clock;
  SystemRng rng;
  net::AsioScheduler scheduler{clock};
  Client client{scheduler, rng, std::move(options)};
  return net::run_blocking(scheduler, whole(context, client, scheduler, work));
}

}  // namespace millrace::tools
