#pragma once

#include <functional>

#include "clients/transaction_core.hpp"
#include "clients/wakeup.hpp"

namespace millrace::clients {

/// The versions of a request that belong to a version of transactions: in version 2 brokers add
/// partitions by themselves and ends bring a new epoch, which is what these versions tell them.
template <class Request>
constexpr protocol::VersionRange versions_in(TransactionVersion transactions) {
  protocol::VersionRange range = client_versions<Request>();
  std::int16_t first_of_v2 = 0;
  switch (Request::kApiKey) {
    case protocol::ApiKey::produce:
      first_of_v2 = 12;
      break;
    case protocol::ApiKey::txn_offset_commit:
    case protocol::ApiKey::end_txn:
      first_of_v2 = 5;
      break;
    default:
      return range;
  }
  if (transactions == TransactionVersion::v2) {
    range.first = first_of_v2;
  } else {
    range.last = static_cast<std::int16_t>(first_of_v2 - 1);
  }
  return range;
}

/// Asks the coordinators what the core wants to know, one question after the other, and backs off
/// from those that do not answer or say that a transaction is still being ended. Owned by the
/// producer and used from its thread.
class TransactionSession {
 public:
  using BatchesOf = std::function<TransactionCore::Batches()>;
  /// `batches` tells of the producer's batches; `changed` is called when the core may have changed.
  TransactionSession(Client& client, const ProducerOptions& options, BatchesOf batches,
                     std::function<void()> changed);

  [[nodiscard]] TransactionCore& core() { return core_; }
  [[nodiscard]] const TransactionCore& core() const { return core_; }
  /// Something is wanted of the core, or batches have come to their end.
  void wake() { wakeup_.wake(); }
  /// Ends `run`, after a question that is under way; that takes a request timeout at most.
  void stop();
  net::Awaitable<void> run();
  /// The version that the cluster speaks, as far as it is known.
  [[nodiscard]] TransactionVersion version() const;

 private:
  using Answer = Outcome<TransactionCore::Answer>;
  net::Awaitable<Answer> ask(TransactionCore::Question question);
  net::Awaitable<Answer> ask_init(TransactionCore::Init init, Instant deadline);
  net::Awaitable<Answer> ask_partitions(TransactionCore::AddPartitions add, Instant deadline);
  net::Awaitable<Answer> ask_group(TransactionCore::AddOffsets add, Instant deadline);
  net::Awaitable<Answer> ask_offsets(TransactionCore::CommitOffsets commit, Instant deadline);
  net::Awaitable<Answer> ask_end(TransactionCore::End end, Instant deadline);
  [[nodiscard]] ProducerIdentity identity() const;

  Client& client_;
  const ProducerOptions& options_;
  BatchesOf batches_;
  std::function<void()> changed_;
  TransactionCore core_;
  Wakeup wakeup_;
  bool stopped_ = false;
};

}  // namespace millrace::clients
