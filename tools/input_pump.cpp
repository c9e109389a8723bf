#include "tools/input_pump.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "protocol/base/ensure.hpp"

namespace millrace::tools {
namespace {

constexpr std::size_t kChunkBytes = std::size_t{256} << 10;
constexpr std::size_t kChunksAheadMax = 8;

}  // namespace

struct InputPump::State {
  State(int input, net::Scheduler& from) : fd{input}, scheduler{from}, arrived{from.executor()} {}
  ~State() { ::close(wake_fd); }

  /// What the thread does; `self` keeps the state for the tasks that it posts.
  static void read_all(std::shared_ptr<State> self);
  Chunk read_one();
  void hand_over(const std::shared_ptr<State>& self, Chunk chunk);

  const int fd;
  net::Scheduler& scheduler;
  net::Event arrived;
  const int wake_fd = ::eventfd(0, EFD_CLOEXEC);
  std::jthread thread;

  std::mutex mutex;
  std::condition_variable taken;
  std::deque<Chunk> ready;  // guarded by mutex; the last one is empty
  bool ending = false;      // guarded by mutex
};

InputPump::Chunk InputPump::State::read_one() {
  for (;;) {
    pollfd waiting[] = {{.fd = fd, .events = POLLIN, .revents = 0},
                        {.fd = wake_fd, .events = POLLIN, .revents = 0}};
    if (::poll(waiting, 2, -1) < 0 && errno != EINTR)
      return {.failure = {errno, std::generic_category()}};
    if (waiting[1].revents != 0) return {};
    if (waiting[0].revents == 0) continue;
    Chunk chunk;
    chunk.bytes.resize(kChunkBytes);
    const auto count = ::read(fd, chunk.bytes.data(), chunk.bytes.size());
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (count < 0) return {.failure = {errno, std::generic_category()}};
    chunk.bytes.resize(static_cast<std::size_t>(count));
    return chunk;
  }
}

void InputPump::State::hand_over(const std::shared_ptr<State>& self, Chunk chunk) {
  {
    const std::lock_guard lock{mutex};
    ready.push_back(std::move(chunk));
  }
  scheduler.post([self] { self->arrived.set(); });
}

void InputPump::State::read_all(std::shared_ptr<State> self) {
  for (;;) {
    {
      std::unique_lock lock{self->mutex};
      self->taken.wait(lock, [&] { return self->ending || self->ready.size() < kChunksAheadMax; });
      if (self->ending) break;
    }
    auto chunk = self->read_one();
    const bool last = chunk.bytes.empty();
    self->hand_over(self, std::move(chunk));
    if (last) return;
  }
  self->hand_over(self, {});
}

InputPump::InputPump(int fd, net::Scheduler& scheduler)
    : state_{std::make_shared<State>(fd, scheduler)} {
  ENSURE(state_->wake_fd >= 0);
  state_->thread = std::jthread{&State::read_all, state_};
}

InputPump::~InputPump() {
  cancel();
  state_->thread.join();
}

void InputPump::cancel() {
  {
    const std::lock_guard lock{state_->mutex};
    state_->ending = true;
  }
  state_->taken.notify_all();
  const std::uint64_t one = 1;
  // It fails only when the counter is full, and then the thread is awake.
  static_cast<void>(::write(state_->wake_fd, &one, sizeof one));
}

net::Awaitable<InputPump::Chunk> InputPump::next() {
  State& s = *state_;
  for (;;) {
    s.arrived.reset();
    {
      const std::lock_guard lock{s.mutex};
      if (!s.ready.empty()) {
        if (s.ready.front().bytes.empty()) co_return s.ready.front();
        auto chunk = std::move(s.ready.front());
        s.ready.pop_front();
        s.taken.notify_all();
        co_return chunk;
      }
    }
    co_await s.arrived.wait();
  }
}

}  // namespace millrace::tools
