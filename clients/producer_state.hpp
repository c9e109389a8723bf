#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "clients/batcher.hpp"
#include "clients/producer.hpp"
#include "clients/transaction_session.hpp"
#include "clients/wakeup.hpp"

namespace millrace::clients {

/// The inside of a producer, for its own sources alone: `producer.cpp` sends, and
/// `producer_transactions.cpp` has what a transactional one does besides.
struct Producer::State {
  State(Client& with, ProducerOptions options_)
      : client{with},
        options{std::move(options_)},
        batcher{options, with.rng()},
        wakeup{with.scheduler()},
        progress{with.scheduler()},
        tasks{with.scheduler().executor()} {}

  Client& client;
  ProducerOptions options;
  Batcher batcher;
  Wakeup wakeup;      // of the sender
  WaitList progress;  // those who wait for room, or for a flush
  int room_waiters = 0;
  int flushes = 0;
  bool stopped = false;
  bool asking_metadata = false;
  bool asking_identity = false;
  std::optional<Instant> published_at;  // which metadata the batcher knows
  std::set<BrokerId> connecting;
  Instant ask_again;                                 // not before: the last question failed
  std::unique_ptr<TransactionSession> transactions;  // of a transactional producer
  net::TaskGroup tasks;

  void run_callbacks();
  net::Awaitable<void> send_loop();
  Instant ask_what_is_missing(Instant now);
  net::Awaitable<void> produce(Batcher::Request request);
  net::Awaitable<void> connect(BrokerId broker);
  net::Awaitable<void> learn_topics(std::vector<std::string> topics);
  net::Awaitable<void> learn_leaders();
  net::Awaitable<void> learn_identity();
  void publish_topics();

  void begin_transactions();
  void follow_transactions();
  net::Awaitable<void> await_change(TransactionCore::State from, Instant deadline);
};

}  // namespace millrace::clients
