#include <fmt/format.h>

#include "clients/producer.hpp"
#include "clients/producer_state.hpp"

/// What a transactional producer does besides sending.
namespace millrace::clients {

namespace {

using CoreState = TransactionCore::State;

ClientError no_transactions() {
  return {
      .code = Errc::invalid_argument,
      .message = "this producer was made without a transactional_id; give it one in its options"};
}

ClientError not_in_time(std::string_view what, const std::string& id, bool stopped) {
  if (stopped) {
    return {
        .code = Errc::stopped,
        .message = fmt::format("the producer was stopped before {} of '{}' was done", what, id)};
  }
  return {.code = Errc::timed_out,
          .message = fmt::format("{} of '{}' was not done before the deadline; it goes on, so call "
                                 "the same again",
                                 what, id),
          .retriable = true};
}

}  // namespace

void Producer::State::begin_transactions() {
  auto batches = [this] {
    return TransactionCore::Batches{.left = batcher.buffered_records() > 0,
                                    .unclear = batcher.unclear()};
  };
  transactions = std::make_unique<TransactionSession>(client, options, std::move(batches), [this] {
    run_callbacks();
    wakeup.wake();
  });
  tasks.spawn(transactions->run());
}

/// Brings the batches in line with the transaction, and the other way round.
void Producer::State::follow_transactions() {
  auto& core = transactions->core();
  if (const auto failed = batcher.take_failure()) core.record_failed(*failed);
  switch (core.state()) {
    case CoreState::must_abort:
    case CoreState::aborting:
      batcher.abandon({.code = Errc::must_abort,
                       .broker_code = core.error().broker_code,
                       .message = "the record's transaction is not committed"});
      break;
    case CoreState::failed:
      batcher.close(core.error());
      break;
    default:
      break;
  }
  // One that is being ended may have heard the last of its batches.
  const bool ending = core.state() == CoreState::committing || core.state() == CoreState::aborting;
  if (ending && batcher.buffered_records() == 0) transactions->wake();
  if (core.wants_partitions()) transactions->wake();
  const bool between = core.state() == CoreState::ready;
  if (between && core.identity())
    batcher.set_identity(*core.identity(), core.version() == TransactionVersion::v2);
}

/// Until the core has left `state`, or the deadline.
net::Awaitable<void> Producer::State::await_change(TransactionCore::State from, Instant deadline) {
  transactions->wake();
  wakeup.wake();
  while (!stopped && transactions->core().state() == from && client.now() < deadline)
    co_await progress.wait_until(deadline);
}

net::Awaitable<Outcome<void>> Producer::init_transactions(Instant deadline) {
  State& s = *state_;
  if (!s.transactions) co_return no_transactions();
  auto& core = s.transactions->core();
  const auto wanted = core.init();
  if (!wanted) co_return wanted.error();
  co_await s.await_change(CoreState::initialising, deadline);
  if (core.state() == CoreState::ready) co_return Outcome<void>{};
  if (core.state() == CoreState::failed) co_return core.error();
  co_return not_in_time("InitProducerId", s.options.transactional_id, s.stopped);
}

Outcome<void> Producer::begin_transaction() {
  State& s = *state_;
  if (!s.transactions) return no_transactions();
  return s.transactions->core().begin(s.transactions->version());
}

net::Awaitable<Outcome<void>> Producer::send_offsets(PartitionOffsets offsets, GroupMetadata member,
                                                     Instant deadline) {
  State& s = *state_;
  if (!s.transactions) co_return no_transactions();
  auto& core = s.transactions->core();
  const auto number = core.send_offsets(std::move(member), std::move(offsets));
  if (!number) co_return number.error();
  s.transactions->wake();
  while (!s.stopped && core.offsets_pending(*number) && s.client.now() < deadline)
    co_await s.progress.wait_until(deadline);
  if (core.state() == CoreState::must_abort || core.state() == CoreState::failed)
    co_return core.error();
  if (core.offsets_pending(*number))
    co_return not_in_time("TxnOffsetCommit", s.options.transactional_id, s.stopped);
  co_return Outcome<void>{};
}

net::Awaitable<Outcome<void>> Producer::commit_transaction(Instant deadline) {
  State& s = *state_;
  if (!s.transactions) co_return no_transactions();
  auto& core = s.transactions->core();
  const auto wanted = core.commit();
  if (!wanted) co_return wanted.error();
  static_cast<void>(s.batcher.flush());
  co_await s.await_change(CoreState::committing, deadline);
  if (core.state() == CoreState::committing)
    co_return not_in_time("the commit", s.options.transactional_id, s.stopped);
  if (core.state() == CoreState::must_abort || core.state() == CoreState::failed)
    co_return core.error();
  if (core.ended_with_commit() != true) {
    co_return ClientError{.code = Errc::out_of_turn,
                          .message = fmt::format("the transaction of '{}' was aborted while its "
                                                 "commit was awaited",
                                                 s.options.transactional_id)};
  }
  core.heard_end();
  co_return Outcome<void>{};
}

net::Awaitable<Outcome<void>> Producer::abort_transaction(Instant deadline) {
  State& s = *state_;
  if (!s.transactions) co_return no_transactions();
  auto& core = s.transactions->core();
  const auto wanted = core.abort();
  if (!wanted) co_return wanted.error();
  s.run_callbacks();
  co_await s.await_change(CoreState::aborting, deadline);
  if (core.state() == CoreState::aborting)
    co_return not_in_time("the abort", s.options.transactional_id, s.stopped);
  if (core.state() != CoreState::ready) co_return core.error();
  core.heard_end();
  co_return Outcome<void>{};
}

std::optional<ProducerIdentity> Producer::identity() const {
  return state_->transactions ? state_->transactions->core().identity()
                              : state_->batcher.identity();
}

}  // namespace millrace::clients
