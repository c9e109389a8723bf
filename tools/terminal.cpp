#include "tools/terminal.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

extern "C" char** environ;

namespace millrace::tools {
namespace {

// Nothing can be done when even the error output is gone.
void say(Sink& err, std::string_view line) {
  static_cast<void>(err.write(line));
}

}  // namespace

std::error_code FdSink::write(std::string_view text) {
  while (!text.empty()) {
    const auto written = ::write(fd_, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      // Whoever shares the pipe with us has made it non-blocking.
      pollfd ready{.fd = fd_, .events = POLLOUT, .revents = 0};
      ::poll(&ready, 1, -1);
    } else if (errno != EINTR) {
      return {errno, std::generic_category()};
    }
  }
  return {};
}

std::optional<std::string> Terminal::variable(std::string_view name) const {
  const auto found =
      std::ranges::find(environment, name, &std::pair<std::string, std::string>::first);
  if (found == environment.end()) return std::nullopt;
  return found->second;
}

void Terminal::error(std::string_view text) const {
  say(err, fmt::format("{}: {}\n", colour ? "\x1b[31merror\x1b[0m" : "error", text));
}

void Terminal::notice(std::string_view text) const {
  say(err, fmt::format("{}\n", text));
}

bool Terminal::print(std::string_view text) const {
  const auto failure = out.write(fmt::format("{}\n", text));
  if (failure && failure != std::errc::broken_pipe)
    error(fmt::format("writing the output: {}", failure.message()));
  return !failure;
}

Terminal process_terminal(Sink& out, Sink& err) {
  Terminal terminal{.out = out, .err = err};
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text{*variable};
    const auto equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    terminal.environment.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  const bool on_terminal = ::isatty(STDERR_FILENO) == 1;
  const auto no_colour = terminal.variable("NO_COLOR");
  terminal.colour = on_terminal && (!no_colour || no_colour->empty());
  terminal.progress = on_terminal && terminal.variable("TERM").value_or("dumb") != "dumb";
  return terminal;
}

}  // namespace millrace::tools
