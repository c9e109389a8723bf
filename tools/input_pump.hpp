#pragma once

#include <memory>
#include <string>
#include <system_error>

#include "protocol/net/net.hpp"

namespace millrace::tools {

/// Reads a file descriptor on a thread of its own, a few chunks ahead, because a read of a terminal
/// or a pipe may block for as long as it likes. Used from the thread of `scheduler`, which outlives
/// it; the descriptor is only read.
class InputPump {
 public:
  InputPump(int fd, net::Scheduler& scheduler);
  /// Ends the thread, wherever it waits.
  ~InputPump();
  InputPump(const InputPump&) = delete;
  InputPump& operator=(const InputPump&) = delete;

  struct Chunk {
    std::string bytes;        ///< empty at the end, and again after that
    std::error_code failure;  ///< why it ended, unless it simply did
  };
  /// What was read next; waits for it. One call at a time.
  net::Awaitable<Chunk> next();
  /// The input ends here, whatever more there is.
  void cancel();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace millrace::tools
