#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "clients/errc.hpp"
#include "clients/producer.hpp"
#include "protocol/base/clock.hpp"
#include "protocol/base/types.hpp"
#include "protocol/error_code.hpp"

namespace millrace::clients {

/// What a transactional producer may do when, what it asks its coordinators next, and what their
/// answers mean. A core: no clock, no network.
///
///     fresh -> initialising -> ready -> open -> committing -> ready
///                                        |  \      |
///                                        |   +-> must_abort -+
///                                        +---------------------> aborting -> ready
///     any -> failed: this producer is at its end
///
/// One question is asked at a time. The shell asks what `next` says and reports to `answered`; a
/// question that is to be repeated is simply given by `next` again. A question of version 1 that
/// adds to the transaction and may have been heard without our hearing so is repeated until that is
/// settled, also while aborting: else nobody would know whether there is a transaction to end.
///
/// A topic that was just created is not known everywhere at once; one that is unknown for longer
/// than the given patience is taken for deleted, and the transaction must be aborted.
///
/// An abort in version 1 leaves the epoch, so late batches could slip into the next transaction: if
/// the fate of any batch is unclear, the abort ends with a new epoch (KIP-360). In version 2 every
/// end brings a new epoch, and every partition begins at sequence 0 again.
class TransactionCore {
 public:
  enum class State : std::uint8_t {
    fresh,
    initialising,
    ready,
    open,
    must_abort,  ///< something failed: nothing but `abort` helps
    committing,
    aborting,
    failed,
  };

  // Questions. To the transaction's coordinator, but for `CommitOffsets`, which is for the group's.
  struct Init {
    std::optional<ProducerIdentity> current;  ///< to be followed by the next epoch
    friend bool operator==(const Init&, const Init&) = default;
  };
  struct AddPartitions {
    std::vector<TopicPartition> partitions;
    friend bool operator==(const AddPartitions&, const AddPartitions&) = default;
  };
  struct AddOffsets {
    std::string group;
    friend bool operator==(const AddOffsets&, const AddOffsets&) = default;
  };
  struct CommitOffsets {
    GroupMetadata member;
    PartitionOffsets offsets;
    friend bool operator==(const CommitOffsets&, const CommitOffsets&) = default;
  };
  struct End {
    bool commit = false;
    friend bool operator==(const End&, const End&) = default;
  };
  using Question = std::variant<Init, AddPartitions, AddOffsets, CommitOffsets, End>;
  struct Answer {
    protocol::ErrorCode code = protocol::ErrorCode::none;
    std::optional<ProducerIdentity> identity;  ///< of `Init`, and of `End` in version 2
  };
  /// What an error code in the answer to a question means.
  enum class Meaning : std::uint8_t { fine, ask_again, abort, fatal };
  [[nodiscard]] static Meaning meaning(const Question& question, protocol::ErrorCode code);
  /// Of several codes in one answer the one that decides.
  [[nodiscard]] static protocol::ErrorCode decisive(const Question& question,
                                                    const std::vector<protocol::ErrorCode>& codes);

  TransactionCore(std::string transactional_id, std::chrono::milliseconds topic_patience)
      : transactional_id_{std::move(transactional_id)}, topic_patience_{topic_patience} {}

  // The application's wishes; refused when out of turn, and then nothing has changed. `init`,
  // `commit` and `abort` may be repeated while they are under way; what came to its end unheard may
  // be repeated once more, `init` until the first transaction. A commit may be followed by `abort`
  // until `EndTxn` is asked.

  Outcome<void> init();
  Outcome<void> begin(TransactionVersion version);
  /// A number for `offsets_pending`.
  Outcome<std::uint64_t> send_offsets(GroupMetadata member, PartitionOffsets offsets);
  Outcome<void> commit();
  Outcome<void> abort();
  /// Whether a record may be taken.
  [[nodiscard]] Outcome<void> check_send() const;

  // The batches -------------------------------------------------------------------------------

  /// Whether a batch for `partition` may leave. If not, and if adding the partition is what is
  /// missing, that is asked next.
  [[nodiscard]] bool admits(const TopicPartition& partition);
  void record_failed(const ClientError& error);
  /// Some partition waits to be added.
  [[nodiscard]] bool wants_partitions() const { return !wanted_.empty(); }

  // The coordinators --------------------------------------------------------------------------

  struct Batches {
    bool left = false;     ///< some record is not delivered and not given up
    bool unclear = false;  ///< some sequence was used for a batch that may or may not be stored
  };
  /// What to ask now. Ends a transaction that nothing was added to without asking.
  [[nodiscard]] std::optional<Question> next(const Batches& batches);
  /// True: to be asked again after a while.
  bool answered(const Question& question, const Outcome<Answer>& answer, Instant now);

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] TransactionVersion version() const { return version_; }
  [[nodiscard]] const std::optional<ProducerIdentity>& identity() const { return identity_; }
  [[nodiscard]] bool offsets_pending(std::uint64_t number) const {
    return !offsets_.empty() && offsets_.front().number <= number;
  }
  /// Why nothing but an abort helps, or nothing at all; in `must_abort` and `failed`.
  [[nodiscard]] const ClientError& error() const { return error_; }
  /// How the last transaction ended; nothing while one is under way, or before the first.
  [[nodiscard]] std::optional<bool> ended_with_commit() const {
    return state_ == State::ready ? last_end_ : std::nullopt;
  }
  /// The end that `commit` or `abort` wanted has been heard of.
  void heard_end() { unheard_end_.reset(); }

 private:
  struct Pending {
    std::uint64_t number = 0;
    CommitOffsets what;
  };
  [[nodiscard]] ClientError out_of_turn(std::string_view wish, std::string_view first) const;
  [[nodiscard]] std::optional<Question> next_addition() const;
  [[nodiscard]] Meaning meaning_now(const Question& question, protocol::ErrorCode code,
                                    Instant now);
  void fine(const Question& question, const Answer& answer);
  void finish(bool commit);
  void must_abort(const ClientError& cause);
  void fail(const ClientError& cause);
  void drop_wishes();

  std::string transactional_id_;
  std::chrono::milliseconds topic_patience_;
  State state_ = State::fresh;
  TransactionVersion version_ = TransactionVersion::v2;
  std::optional<ProducerIdentity> identity_;
  bool started_ = false;                  // the coordinator knows of the transaction, or may
  bool bump_due_ = false;                 // aborted; the next epoch is still to be had
  bool end_asked_ = false;                // it may have come true
  bool begun_ = false;                    // some transaction, ever
  std::optional<Question> unsettled_;     // version 1: an addition that may have been done
  std::optional<Instant> unknown_since_;  // a topic, in every answer since
  std::set<TopicPartition> partitions_;   // version 1: added
  std::set<TopicPartition> wanted_;       // version 1: to be added
  std::set<std::string> groups_;          // version 1: added
  std::deque<Pending> offsets_;           // ascending numbers
  std::uint64_t next_offsets_ = 1;
  bool unclear_ = false;             // as `next` was told last
  std::optional<bool> unheard_end_;  // committed, or aborted, and nobody was told
  std::optional<bool> last_end_;     // the same, told or not
  ClientError error_;
};

}  // namespace millrace::clients
