#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <span>
#include <string>

#include "protocol/base/bytes.hpp"
#include "protocol/base/clock.hpp"
#include "protocol/base/result.hpp"

/// The network facade: the only door to Asio for brokers and clients, and the seam at which the
/// simulated network takes its place. Files that include this header compile fast, because the rest
/// of Asio stays in `protocol/net/*.cpp`.
namespace millrace::net {

template <class T>
using Awaitable = boost::asio::awaitable<T>;
using Executor = boost::asio::any_io_executor;
using Task = std::move_only_function<void()>;

struct Endpoint {
  friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Endpoint& e) {
    return out << e.host << ':' << e.port;
  }
  std::string host;  // name or address, without brackets
  std::uint16_t port = 0;
};

/// One byte stream. Used from its scheduler's thread only. One read and one write may be under way
/// at a time. Destroying it closes it; no operation may be under way then.
class Connection {
 public:
  virtual ~Connection() = default;
  /// At least one byte, or an error: `Errc::end_of_stream` when the peer closed in order.
  virtual Awaitable<Result<std::size_t>> read_some(MutableBytes into) = 0;
  /// All pieces in order, gathered into as few system calls as possible; those in files go from the
  /// file to the socket, which waits for the disk if they are not in memory, so look first. The
  /// pieces and what they look at must stay until the result is there. `Errc::file_cut` when a file
  /// does not hold any more what was promised of it. After an error part of the pieces has been
  /// sent: all that is left to do is `close`.
  virtual Awaitable<Result<void>> write(std::span<const Piece> pieces) = 0;
  /// Tells the peer that nothing more comes; reading goes on. To be called when no write is under
  /// way, and none may follow. Who closes at once while the peer still sends makes the system
  /// reset the connection, and the peer may lose what it had not read yet.
  virtual void shutdown_send() = 0;
  /// Ends reads and writes under way with `Errc::closed`, and all later ones. May be repeated.
  virtual void close() = 0;
  [[nodiscard]] virtual const Endpoint& local() const = 0;
  [[nodiscard]] virtual const Endpoint& peer() const = 0;
};

class Listener {
 public:
  virtual ~Listener() = default;
  /// The next connection, bound to the scheduler `onto`, whose thread alone may use it afterwards.
  /// An error other than `Errc::closed` is the system's (too many open files): the listener is
  /// still good, so wait a little and try again.
  virtual Awaitable<Result<std::unique_ptr<Connection>>> accept(class Scheduler& onto) = 0;
  /// Ends an `accept` under way with `Errc::closed`, and all later ones.
  virtual void close() = 0;
  /// Where it listens, with the port that was given when 0 was asked for.
  [[nodiscard]] virtual const Endpoint& local() const = 0;
};

class Timer {
 public:
  virtual ~Timer() = default;
  /// True when `deadline` was reached, false when `cancel` came first. One wait at a time. Use it
  /// on its scheduler's thread; no wait may be under way when it is destroyed.
  virtual Awaitable<bool> wait_until(Instant deadline) = 0;
  /// Ends the wait under way; forgotten when there is none.
  virtual void cancel() = 0;
};

/// One thread of work: a shard, or a client's loop. Everything that belongs to it runs on it, so
/// nothing in it needs a lock. `post` alone may be called from other threads.
class Scheduler {
 public:
  virtual ~Scheduler() = default;
  [[nodiscard]] virtual const Clock& clock() const = 0;
  [[nodiscard]] virtual Executor executor() = 0;
  /// Runs `task` on this scheduler's thread, after everything posted before it. Thread-safe; many
  /// posts from one turn cost one wake-up.
  virtual void post(Task task) = 0;
  virtual std::unique_ptr<Timer> make_timer() = 0;
  /// Listens at `at`; port 0 takes any free port.
  virtual Result<std::unique_ptr<Listener>> listen(const Endpoint& at) = 0;
  /// Resolves and connects; gives up at `deadline` with `Errc::timed_out`.
  virtual Awaitable<Result<std::unique_ptr<Connection>>> connect(Endpoint to, Instant deadline) = 0;
};

/// Sleeps; true, always, unless the scheduler's machine dies. Nothing can cut it short, so use it
/// in tests and tools; a coroutine that its owner must be able to stop keeps a `Timer`.
Awaitable<bool> sleep_until(Scheduler& scheduler, Instant deadline);

/// Threads for work that blocks: syncs, cold reads, recovery. The simulated one runs the work later
/// on the only thread there is.
class BlockingPool {
 public:
  virtual ~BlockingPool() = default;
  /// Runs `work` on some pool thread. Thread-safe. `work` posts its own result where it is wanted.
  virtual void submit(Task work) = 0;
};

/// Wakes the coroutines that wait for it. Used from one scheduler's thread. `set` wakes all that
/// wait now and stays set until `reset`; `pulse` wakes them without staying set.
/// It must outlive every wait (join the task group that waits, then destroy).
class Event {
 public:
  explicit Event(Executor executor);
  ~Event();
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  void set();
  void reset();
  void pulse();
  [[nodiscard]] bool is_set() const;
  Awaitable<void> wait();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Owns coroutines: nothing is detached. Used from one scheduler's thread. The owner closes what
/// the coroutines wait on, then awaits `join`; the group refuses to die while one is inside.
/// An exception that escapes a coroutine is a broken invariant and is reported as such.
class TaskGroup {
 public:
  explicit TaskGroup(Executor executor);
  ~TaskGroup();
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;
  /// Starts `coroutine`; it runs up to its first suspension in a later turn of the loop.
  void spawn(Awaitable<void> coroutine);
  [[nodiscard]] std::size_t size() const;
  /// Returns when no coroutine of the group is left.
  Awaitable<void> join();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace millrace::net
