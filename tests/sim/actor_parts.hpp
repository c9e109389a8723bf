#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "clients/client.hpp"
#include "clients/consumer.hpp"
#include "clients/producer.hpp"
#include "tests/sim/actors.hpp"

/// What the actors have in common; for their own sources.
namespace millrace::sim {

/// Times short enough that a run of seconds sees retries of every kind.
clients::ClientOptions client_options(const std::string& id);
LogName log_name(const TopicPartition& partition);
std::string to_text(const clients::ClientError& error);

/// Writes the history of one writer. Outlives the producer's callbacks.
class Pen {
 public:
  /// `patient`: giving up a record is a failure of the run.
  Pen(Stage& stage, std::string writer, bool patient)
      : stage_{stage}, writer_{std::move(writer)}, patient_{patient} {}
  Pen(const Pen&) = delete;
  Pen& operator=(const Pen&) = delete;

  /// Hands one record over, of about `bytes`; false when it was not taken.
  bool write(clients::Producer& producer, const std::string& topic, PartitionIndex partition,
             const LogName& log, std::size_t bytes);
  /// Something was given up: what follows fails too.
  [[nodiscard]] bool broken() const { return broken_; }

 private:
  Stage& stage_;
  std::string writer_;
  bool patient_;
  bool broken_ = false;
  std::uint64_t number_ = 0;
};

/// `who` got an error; one that no crash, reset or deadline explains is a failure of the run.
void tell(Stage& stage, const std::string& who, const clients::ClientError& error);
inline constexpr auto kErrorPause = std::chrono::milliseconds{20};  // errors may come at once
std::string value_of(const clients::ConsumedRecord& record);
std::vector<clients::Assignment> from_the_beginning(const std::vector<TopicPartition>& partitions);
/// What the group has committed; the last error, if it could not be learned.
net::Awaitable<std::optional<clients::ClientError>> see_commits(Stage& stage,
                                                                clients::Consumer& consumer,
                                                                std::chrono::seconds patience);

/// Polls `consumer` up to the ends of `partitions` and gives what it got, by log as `name` says;
/// adds `Failed` when that takes too long.
net::Awaitable<std::vector<clients::ConsumedRecord>> read_to_end(
    Stage& stage, SimScheduler& here, clients::Client& client,
    std::vector<TopicPartition> partitions,
    clients::Isolation isolation = clients::Isolation::read_uncommitted);

// Of transactions.

std::vector<TopicPartition> ledger_partitions();
std::string transactional_id(const TransactorPlan& plan);
/// Whose offsets the transactions of an id commit.
std::string ledger_group(const TransactorPlan& plan);

/// Sends what a transaction that has ended might have sent, long after: its requests were held up
/// on the way. None may be granted.
class Ghosts {
 public:
  Ghosts(Stage& stage, SimScheduler& here, const TransactorPlan& plan)
      : stage_{stage}, here_{here}, plan_{plan} {}
  Ghosts(const Ghosts&) = delete;
  Ghosts& operator=(const Ghosts&) = delete;

  /// The producer was given another identity since.
  void remember(clients::ProducerIdentity past, bool committed) {
    past_.push_back({past, committed});
  }
  /// One request of some transaction of the past, on a connection of its own.
  net::Awaitable<void> haunt();

 private:
  struct Past {
    clients::ProducerIdentity producer;
    bool committed;
  };
  enum class What : std::uint8_t { end, partitions, offsets, records };
  net::Awaitable<void> haunt_as(Past past, What what,
                                std::shared_ptr<clients::BrokerConnection> through);
  void granted(const char* what);

  Stage& stage_;
  SimScheduler& here_;
  const TransactorPlan& plan_;
  std::vector<Past> past_;
};

}  // namespace millrace::sim
