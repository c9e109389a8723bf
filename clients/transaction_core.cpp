#include "clients/transaction_core.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "protocol/base/ensure.hpp"

namespace millrace::clients {

using protocol::ErrorCode;

namespace {

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};

using Meaning = TransactionCore::Meaning;

/// Worth asking again in answer to any question.
bool passes_by(ErrorCode code) {
  switch (code) {
    case ErrorCode::coordinator_load_in_progress:
    case ErrorCode::coordinator_not_available:
    case ErrorCode::not_coordinator:
    case ErrorCode::concurrent_transactions:
    case ErrorCode::request_timed_out:
    case ErrorCode::network_exception:
      return true;
    default:
      return false;
  }
}

/// Of what is asked of the partitions and the group; the producer itself is sound.
bool spoils_the_transaction(const TransactionCore::Question& question, ErrorCode code) {
  if (code == ErrorCode::transaction_abortable || code == ErrorCode::unknown_producer_id)
    return true;
  if (std::holds_alternative<TransactionCore::AddPartitions>(question)) {
    return code == ErrorCode::topic_authorization_failed ||
           code == ErrorCode::invalid_topic_exception || code == ErrorCode::operation_not_attempted;
  }
  if (std::holds_alternative<TransactionCore::AddOffsets>(question))
    return code == ErrorCode::group_authorization_failed;
  if (!std::holds_alternative<TransactionCore::CommitOffsets>(question)) return false;
  switch (code) {
    case ErrorCode::group_authorization_failed:
    case ErrorCode::topic_authorization_failed:
    case ErrorCode::fenced_instance_id:
    case ErrorCode::unknown_member_id:
    case ErrorCode::illegal_generation:
    case ErrorCode::stale_member_epoch:
    case ErrorCode::rebalance_in_progress:
    case ErrorCode::offset_metadata_too_large:
    case ErrorCode::invalid_commit_offset_size:
    case ErrorCode::invalid_group_id:
      return true;
    default:
      return false;
  }
}

/// A producer with the same transactional id has begun since, or the coordinator has ended the
/// transaction because its time was over.
bool is_fencing(ErrorCode code) {
  return code == ErrorCode::producer_fenced || code == ErrorCode::invalid_producer_epoch;
}

/// Of version 1: what tells the coordinator that there is a transaction.
bool is_addition(const TransactionCore::Question& question) {
  return std::holds_alternative<TransactionCore::AddPartitions>(question) ||
         std::holds_alternative<TransactionCore::AddOffsets>(question);
}

std::string_view name_of(const TransactionCore::Question& question) {
  static constexpr std::string_view kNames[] = {"InitProducerId", "AddPartitionsToTxn",
                                                "AddOffsetsToTxn", "TxnOffsetCommit", "EndTxn"};
  return kNames[question.index()];
}

}  // namespace

Meaning TransactionCore::meaning(const Question& question, ErrorCode code) {
  if (code == ErrorCode::none) return Meaning::fine;
  if (passes_by(code)) return Meaning::ask_again;
  const bool names_topics = std::holds_alternative<AddPartitions>(question) ||
                            std::holds_alternative<CommitOffsets>(question);
  // One that was just created is not known everywhere at once.
  if (code == ErrorCode::unknown_topic_or_partition && names_topics) return Meaning::ask_again;
  return spoils_the_transaction(question, code) ? Meaning::abort : Meaning::fatal;
}

ErrorCode TransactionCore::decisive(const Question& question, const std::vector<ErrorCode>& codes) {
  ErrorCode worst = ErrorCode::none;
  // OPERATION_NOT_ATTEMPTED stands beside what was wrong with another partition.
  const auto weight = [&](ErrorCode code) {
    if (code == ErrorCode::operation_not_attempted) return 1;
    const auto means = meaning(question, code);
    return means == Meaning::fine ? 0 : 1 + static_cast<int>(means);
  };
  for (const auto code : codes)
    if (weight(code) > weight(worst)) worst = code;
  return worst;
}

// Wishes ----------------------------------------------------------------------------------------

ClientError TransactionCore::out_of_turn(std::string_view wish, std::string_view first) const {
  return {.code = Errc::out_of_turn,
          .message = fmt::format("the producer of transactional id '{}' cannot {} now: {}",
                                 transactional_id_, wish, first)};
}

Outcome<void> TransactionCore::init() {
  if (state_ == State::failed) return error_;
  const bool over = state_ == State::ready && !begun_;
  if (state_ == State::initialising || over) return {};
  if (state_ != State::fresh) return out_of_turn("initialise", "it has done so before");
  state_ = State::initialising;
  return {};
}

Outcome<void> TransactionCore::begin(TransactionVersion version) {
  if (state_ == State::failed || state_ == State::must_abort) return error_;
  if (state_ == State::fresh || state_ == State::initialising)
    return out_of_turn("begin a transaction", "await init_transactions first");
  if (state_ != State::ready)
    return out_of_turn("begin a transaction", "the one before must be committed or aborted first");
  state_ = State::open;
  begun_ = true;
  version_ = version;
  unheard_end_.reset();
  last_end_.reset();
  return {};
}

Outcome<std::uint64_t> TransactionCore::send_offsets(GroupMetadata member,
                                                     PartitionOffsets offsets) {
  if (const auto may = check_send(); !may) return may.error();
  const auto number = next_offsets_++;
  if (!offsets.empty()) offsets_.push_back({number, {std::move(member), std::move(offsets)}});
  return number;
}

Outcome<void> TransactionCore::commit() {
  if (state_ == State::failed || state_ == State::must_abort) return error_;
  const bool over = state_ == State::ready && unheard_end_ == true;
  if (state_ == State::committing || over) return {};
  if (state_ != State::open) return out_of_turn("commit", "there is no transaction that is open");
  state_ = State::committing;
  return {};
}

Outcome<void> TransactionCore::abort() {
  if (state_ == State::failed) return error_;
  const bool over = state_ == State::ready && unheard_end_ == false;
  if (state_ == State::aborting || over) return {};
  if (state_ == State::committing && end_asked_)
    return out_of_turn("abort", "a commit is under way and may have come true; repeat the commit");
  if (state_ != State::open && state_ != State::committing && state_ != State::must_abort)
    return out_of_turn("abort", "there is no transaction that is open");
  state_ = State::aborting;
  drop_wishes();
  return {};
}

Outcome<void> TransactionCore::check_send() const {
  if (state_ == State::open) return {};
  if (state_ == State::failed || state_ == State::must_abort) return error_;
  return out_of_turn("send", "begin a transaction first");
}

// Batches ---------------------------------------------------------------------------------------

bool TransactionCore::admits(const TopicPartition& partition) {
  if (state_ != State::open && state_ != State::committing) return false;
  if (version_ == TransactionVersion::v2) {
    started_ = true;  // the broker adds the partition
    return true;
  }
  if (partitions_.contains(partition)) return true;
  wanted_.insert(partition);
  return false;
}

void TransactionCore::record_failed(const ClientError& error) {
  if (state_ != State::open && state_ != State::committing) return;
  switch (error.broker_code) {
    case ErrorCode::producer_fenced:
    case ErrorCode::invalid_producer_id_mapping:
    case ErrorCode::transactional_id_authorization_failed:
    case ErrorCode::cluster_authorization_failed:
      return fail(error);
    default:
      return error.code == Errc::unsupported ? fail(error) : must_abort(error);
  }
}

// Questions -------------------------------------------------------------------------------------

std::optional<TransactionCore::Question> TransactionCore::next_addition() const {
  if (unsettled_) return unsettled_;
  if (state_ == State::aborting) return std::nullopt;
  if (!wanted_.empty()) return AddPartitions{{wanted_.begin(), wanted_.end()}};
  if (offsets_.empty()) return std::nullopt;
  const auto& pending = offsets_.front().what;
  const bool add = version_ == TransactionVersion::v1 && !groups_.contains(pending.member.group);
  if (add) return AddOffsets{pending.member.group};
  return pending;
}

std::optional<TransactionCore::Question> TransactionCore::next(const Batches& batches) {
  unclear_ = batches.unclear;
  switch (state_) {
    case State::initialising:
      return Init{};
    case State::open:
    case State::committing:
    case State::aborting:
      break;
    default:
      return std::nullopt;
  }
  if (bump_due_) return Init{identity_};
  if (auto addition = next_addition()) {
    if (std::holds_alternative<CommitOffsets>(*addition)) started_ = true;
    return addition;
  }
  if (state_ == State::open || batches.left) return std::nullopt;
  const bool commit = state_ == State::committing;
  if (started_) {
    end_asked_ = true;
    return End{commit};
  }
  finish(commit);
  return std::nullopt;
}

/// The meaning of `code` as things are: with a topic that stays unknown, patience ends; and an
/// addition that was wanted no more need not wait for its topic.
TransactionCore::Meaning TransactionCore::meaning_now(const Question& question, ErrorCode code,
                                                      Instant now) {
  const auto means = meaning(question, code);
  if (code != ErrorCode::unknown_topic_or_partition || means != Meaning::ask_again) {
    unknown_since_.reset();
    return means;
  }
  if (!unknown_since_) unknown_since_ = now;
  const bool over = state_ == State::aborting || *unknown_since_ + topic_patience_ <= now;
  if (!over) return means;
  unknown_since_.reset();
  return Meaning::abort;
}

bool TransactionCore::answered(const Question& question, const Outcome<Answer>& answer,
                               Instant now) {
  if (state_ == State::failed) return false;
  auto code = ErrorCode::none;
  ClientError why;
  if (answer) {
    code = answer->code;
    why = rejected(code, fmt::format("{} of '{}'", name_of(question), transactional_id_));
  } else {
    code = answer.error().broker_code;
    why = answer.error();
    if (code == ErrorCode::none && !why.retriable) {
      fail(why);
      return false;
    }
    if (code == ErrorCode::none) {
      if (is_addition(question)) unsettled_ = question;
      return true;
    }
  }
  const auto means = meaning_now(question, code, now);
  if (means == Meaning::ask_again) {
    // It may be the second attempt of the shell that has this code, and the first was done unheard.
    if (is_addition(question)) unsettled_ = question;
    return true;
  }
  if (unsettled_ == question) unsettled_.reset();
  if (means == Meaning::fine) {
    fine(question, *answer);
  } else if (means == Meaning::fatal) {
    fail(why);
  } else if (state_ != State::aborting || std::holds_alternative<End>(question)) {
    must_abort(why);
  }
  return false;
}

void TransactionCore::fine(const Question& question, const Answer& answer) {
  std::visit(Overloaded{
                 [&](const Init&) {
                   identity_ = answer.identity;
                   if (std::exchange(bump_due_, false)) return finish(false);
                   state_ = State::ready;
                 },
                 [&](const AddPartitions& added) {
                   started_ = true;
                   for (const auto& partition : added.partitions) {
                     wanted_.erase(partition);
                     partitions_.insert(partition);
                   }
                 },
                 [&](const AddOffsets& added) {
                   started_ = true;
                   groups_.insert(added.group);
                 },
                 [&](const CommitOffsets& committed) {
                   // An abort may have dropped them meanwhile.
                   if (!offsets_.empty() && offsets_.front().what == committed)
                     offsets_.pop_front();
                 },
                 [&](const End& end) {
                   if (version_ == TransactionVersion::v2 && answer.identity)
                     identity_ = answer.identity;
                   bump_due_ = !end.commit && version_ == TransactionVersion::v1 && unclear_;
                   if (!bump_due_) finish(end.commit);
                 },
             },
             question);
}

// Ends ------------------------------------------------------------------------------------------

void TransactionCore::finish(bool commit) {
  state_ = State::ready;
  unheard_end_ = commit;
  last_end_ = commit;
  started_ = false;
  end_asked_ = false;
  partitions_.clear();
  groups_.clear();
  drop_wishes();
}

void TransactionCore::drop_wishes() {
  wanted_.clear();
  offsets_.clear();
  unknown_since_.reset();
}

void TransactionCore::must_abort(const ClientError& cause) {
  state_ = State::must_abort;
  drop_wishes();
  error_ = {
      .code = Errc::must_abort,
      .broker_code = cause.broker_code,
      .message = fmt::format("the transaction of '{}' cannot be committed any more; abort it, "
                             "then begin another. The cause: {}",
                             transactional_id_, cause.message)};
}

void TransactionCore::fail(const ClientError& cause) {
  state_ = State::failed;
  drop_wishes();
  const bool fenced = is_fencing(cause.broker_code);
  error_ = {.code = fenced ? Errc::fenced : cause.code,
            .broker_code = cause.broker_code,
            .message = fmt::format(
                "the producer of transactional id '{}' is at its end{}; make a new one. The cause: "
                "{}",
                transactional_id_,
                fenced ? ": another has taken its place, or its transaction timed out" : "",
                cause.message)};
}

}  // namespace millrace::clients
