#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "clients/client.hpp"
#include "protocol/net/asio_runtime.hpp"
#include "tools/exit_code.hpp"
#include "tools/report.hpp"
#include "tools/terminal.hpp"

namespace millrace::tools {

/// Options that every command takes.
struct Globals {
  std::string brokers;  ///< as given; empty: MILLRACE_BROKERS, else localhost:9092
  OutputForm form = OutputForm::table;
  bool form_given = false;
  std::chrono::milliseconds timeout{10'000};  ///< for one request to the cluster, retries included
  bool timeout_given = false;
  bool verbose = false;
};

/// What a command runs in.
struct Context {
  Terminal& terminal;
  Globals globals;

  [[nodiscard]] std::string brokers() const;
  /// Says on `err` what failed and gives the code for it.
  ExitCode fail(const clients::ClientError& error) const;
  /// Prints the report in the form that was asked for.
  [[nodiscard]] ExitCode show(const Report& report) const;
};

/// What a command does with the cluster; returns when it is through.
using Work = std::function<net::Awaitable<ExitCode>(clients::Client&, net::AsioScheduler&)>;

/// Connects, runs `work` on the calling thread and closes everything. When no broker can be reached
/// it says so at once, instead of trying until the timeout. `options` need no bootstrap servers.
ExitCode with_cluster(const Context& context, const Work& work,
                      clients::ClientOptions options = {});

}  // namespace millrace::tools
