#include <unistd.h>

#include <csignal>
#include <utility>

#include "tools/cli.hpp"

int main(int argc, char** argv) {
  using namespace millrace::tools;
  // A reader that goes away is an error of the write, so that a group's offsets are still
  // committed.
  std::signal(SIGPIPE, SIG_IGN);
  FdSink out{STDOUT_FILENO};
  FdSink err{STDERR_FILENO};
  auto terminal = process_terminal(out, err);
  return std::to_underlying(run({argv + 1, argv + argc}, terminal));
}
