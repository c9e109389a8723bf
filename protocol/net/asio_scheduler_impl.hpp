#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "protocol/net/asio_runtime.hpp"

namespace millrace::net {

/// Tasks from any thread for one thread, in the order of arrival: a stack that many push to with
/// one compare-and-swap each, and that its one reader takes whole and turns over.
class Inbox {
 public:
  Inbox() = default;
  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;
  ~Inbox() {
    for (Node* node = take_all(); node != nullptr;) delete std::exchange(node, node->next);
  }
  /// True when it was empty: then, and only then, the reader must be woken.
  [[nodiscard]] bool push(Task task) {
    Node* before = newest_.load(std::memory_order_relaxed);
    auto* const node = new Node{std::move(task), before};
    while (!newest_.compare_exchange_weak(before, node, std::memory_order_release,
                                          std::memory_order_relaxed)) {
      node->next = before;
    }
    return before == nullptr;  // not node->next: once published, the node may be gone already
  }
  /// Runs what is there, oldest first. An exception would lose the rest, so none may come out.
  void run_all() noexcept {
    for (Node* node = take_all(); node != nullptr;) {
      node->task();
      delete std::exchange(node, node->next);
    }
  }

 private:
  struct Node {
    Task task;
    Node* next;
  };
  Node* take_all() {
    Node* oldest = nullptr;
    for (Node* node = newest_.exchange(nullptr, std::memory_order_acquire); node != nullptr;) {
      Node* const next = std::exchange(node->next, oldest);
      oldest = std::exchange(node, next);
    }
    return oldest;
  }

  std::atomic<Node*> newest_{nullptr};
};

struct AsioScheduler::Impl {
  explicit Impl(const Clock& c) : clock{c} {}

  const Clock& clock;
  // Behind `io` in destruction: what dies with the handlers in `io` may still post.
  Inbox inbox;
  // One thread runs it, yet others post to it and register sockets with it. The hint 1 keeps the
  // locks that this needs and spares what only several running threads would need.
  boost::asio::io_context io{1};
  // Nothing to do is no reason to end: between two `drive` Asio would call itself stopped for good.
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> open{io.get_executor()};
};

}  // namespace millrace::net
