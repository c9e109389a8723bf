#pragma once

#include <chrono>
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
/// What the group has committed; the last error, if it could not be learned.
net::Awaitable<std::optional<clients::ClientError>> see_commits(Stage& stage,
                                                                clients::Consumer& consumer,
                                                                std::chrono::seconds patience);

/// Polls `consumer` up to the ends of `partitions` and gives what it got, by log as `name` says;
/// adds `Failed` when that takes too long.
net::Awaitable<std::vector<clients::ConsumedRecord>> read_to_end(
    Stage& stage, SimScheduler& here, clients::Client& client,
    std::vector<TopicPartition> partitions);

}  // namespace millrace::sim
