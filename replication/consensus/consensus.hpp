#pragma once

#include <chrono>
#include <map>
#include <span>

#include "protocol/base/clock.hpp"
#include "protocol/base/result.hpp"
#include "protocol/base/rng.hpp"
#include "replication/consensus/errc.hpp"
#include "replication/consensus/log_shape.hpp"
#include "replication/consensus/message.hpp"
#include "replication/consensus/progress.hpp"

namespace millrace::replication::consensus {

struct Settings {
  std::chrono::milliseconds heartbeat_interval{100};
  /// A follower waits for one to two of these; a leader steps down after one without a majority.
  std::chrono::milliseconds election_timeout{1'000};
  std::size_t batch_bytes_max = 1 << 20;  // of entries in a message; one entry may exceed it
  std::size_t window = 16;                // messages under way to one follower
  /// A leader whose write is not durable after this long leaves the lead to the others, if they are
  /// enough to elect one.
  std::chrono::milliseconds disk_patience{3'000};
};

/// The log as the shell keeps it, with every write that was handed over, durable or not.
class LogReader {
 public:
  virtual ~LogReader() = default;
  /// The entries from `first`, which is kept, not past `last`: at least one, and no more than
  /// `bytes_max` bytes unless the first alone is larger.
  [[nodiscard]] virtual std::vector<Entry> read(Index first, Index last,
                                                std::size_t bytes_max) const = 0;
};

/// Numbers writes, from 1. They become durable in this order.
using Ticket = Id<struct TicketTag, std::uint64_t>;

/// Parts are done in the order in which they stand here.
struct Write {
  friend bool operator==(const Write&, const Write&) = default;
  Ticket ticket;
  std::optional<VoterState> state;
  /// Use the snapshot that `install` named in place of the log and of all that was applied.
  std::optional<Snapshot> restore;
  /// With entries: the log is cut to end right before `first`, then takes them.
  Index first;
  std::vector<Entry> entries;
};

struct FetchSnapshot {
  friend bool operator==(const FetchSnapshot&, const FetchSnapshot&) = default;
  Member from;
  Position snapshot;
};

/// The caller's name for a read.
using ReadToken = std::uint64_t;

struct ReadAnswer {
  friend bool operator==(const ReadAnswer&, const ReadAnswer&) = default;
  ReadToken token = 0;
  std::optional<Index> index;  // serve it when this is applied; nothing: leadership was lost
};

/// What to do now; README.md says what each part obliges to.
struct Output {
  friend bool operator==(const Output&, const Output&) = default;
  std::optional<Write> write;
  std::vector<Message> messages;
  std::optional<FetchSnapshot> fetch;
  std::optional<Index> apply_to;
  std::vector<ReadAnswer> reads;
};

enum class Role { follower, pre_candidate, candidate, leader };
std::ostream& operator<<(std::ostream& out, Role role);

struct Change {
  enum class Kind { add_learner, promote, remove } kind = Kind::add_learner;
  Member member;
};

/// One node's part in the quorum: a core. Single-threaded; `log` and `rng` outlive it. Made anew at
/// each start of the process from what is durable.
class Consensus {
 public:
  /// What a start finds on the disk. The log holds the position of its snapshot (`LogShape`), and
  /// no term of it is above that of the state. All of it counts as durable, so it was synced
  /// before.
  struct Durable {
    Member self;
    VoterState state;
    LogShape log;
  };
  Consensus(Durable durable, Settings settings, const LogReader& log, Rng& rng, Instant now);

  /// Time passed; due at `next_deadline` at the latest, harmless before.
  void tick(Instant now);
  [[nodiscard]] Instant next_deadline() const;
  /// A message came. One that is not for this member, of an old term or of no sense is dropped.
  void step(const Message& message, Instant now);
  /// Appends payloads, in order, none in between. The position is that of the last: what this
  /// proposed is committed when that index is applied with that term.
  Result<Position> propose(std::span<const Payload> payloads);
  /// Appends the configuration with this one change; effective at once, in force for good when the
  /// position is applied. Refused unless a majority of those who will vote was heard within an
  /// election timeout.
  Result<Position> change(const Change& change, Instant now);
  /// Asks from which index on a read sees all that was committed when it was asked.
  Result<void> read_index(ReadToken token);
  /// Hands over to `target`, a voter, or to the best one; either was heard within an election
  /// timeout. Proposals are refused until that happened or another one passed.
  Result<void> transfer(std::optional<Member> target, Instant now);
  /// The connection to `peer` broke. If it leads, the election is not put off until the timeout.
  void suspect(const Member& peer, Instant now);

  /// All writes up to `ticket` are durable.
  void persisted(Ticket ticket, Instant now);
  /// What a snapshot of `index`, which is applied and not before the last one, must say.
  [[nodiscard]] Snapshot snapshot_at(Index index) const;
  /// It is durable. Entries up to `start`, at or before it, will not be asked for again, nor will
  /// snapshots before `start` be offered; those from there on are kept.
  void snapshot_taken(const Snapshot& snapshot, Index start);
  /// The oldest snapshot that a leader offers to a follower that is alive. With a `start` behind it
  /// the fetch begins anew with a newer one, and never ends if it takes longer than from one
  /// snapshot to the next.
  [[nodiscard]] std::optional<Index> offered(Instant now) const;
  /// A snapshot that `fetch` ordered in this life is here, whole and durable. Whether it is wanted
  /// is decided now.
  void install(const Snapshot& snapshot, Instant now);

  /// What was decided since the last call.
  [[nodiscard]] Output take();

  [[nodiscard]] const Member& self() const { return self_; }
  [[nodiscard]] Role role() const { return role_; }
  [[nodiscard]] Term term() const { return state_.term; }
  [[nodiscard]] const VoterState& voter_state() const { return state_; }
  /// As far as this node knows.
  [[nodiscard]] const std::optional<Member>& leader() const { return leader_; }
  [[nodiscard]] Index commit() const { return commit_; }
  /// As far as `take` has said.
  [[nodiscard]] Index applied() const { return applied_; }
  [[nodiscard]] const LogShape& log() const { return log_; }
  /// The other members as the leader sees them; nobody else knows.
  [[nodiscard]] const std::map<Member, Progress>& followers() const { return followers_; }

 private:
  // consensus.cpp
  void release();
  void send(const Member& to, MessageBody body);
  void send_when_durable(const Member& to, MessageBody body, Ticket ticket);
  void write_state(VoterState state);
  void append(Index first, std::vector<Entry> entries);
  Write& writing();
  void cut_durable(Index last);
  void note_in_flight(Index last);
  /// The write with which the log is durable up to `last`, and what is said of it may leave.
  [[nodiscard]] Ticket ticket_of(Index last) const;
  [[nodiscard]] std::vector<Entry> entries_from(Index first) const;
  void become_follower(Term term, std::optional<Member> leader, Instant now);
  void follow(const Member& leader, Instant now);
  void arm_election(Instant now);
  void commit_to(Index index);
  [[nodiscard]] bool is_voter() const { return log_.configuration().is_voter(self_); }
  void answer_from_the_past(const Message& message);

  // election.cpp
  [[nodiscard]] bool has_leader(Instant now) const;
  /// Whether it may ask for votes.
  [[nodiscard]] bool may_lead() const;
  void campaign(bool pre, bool handed_over, Instant now);
  void count_votes(Instant now);
  void on(const Message& message, const VoteRequest& request, Instant now);
  void on(const Message& message, const VoteAnswer& answer, Instant now);
  void on(const Message& message, const TimeoutNow& order, Instant now);

  // leader.cpp
  void become_leader(Instant now);
  void lead(Instant now);
  void heartbeat();
  void send_appends(const Member& to, Progress& progress, bool even_empty);
  Position append_own(std::vector<Entry> entries);
  /// Nothing if we do not lead it.
  Progress* heard_from(const Member& member, Instant now);
  void advance_commit(Instant now);
  void hand_over_if_removed(Instant now);
  void hand_over_if_ready();
  void serve_reads();
  void check_quorum(Instant now);
  void check_disk(Instant now);
  void hand_over_at_once(Instant now);
  void offer(const Member& to, Progress& progress);
  [[nodiscard]] bool is_alive(const Progress& progress, Instant now) const;
  [[nodiscard]] std::optional<Member> best_successor(Instant now) const;
  /// This voter, if it is one, and those others of which `holds` is true.
  template <class Holds>
  [[nodiscard]] std::size_t count_voters(Holds holds) const {
    std::size_t count = is_voter() ? 1 : 0;
    for (const auto& [member, progress] : followers_)
      if (log_.configuration().is_voter(member) && holds(progress)) ++count;
    return count;
  }
  void on(const Message& message, const Accepted& answer, Instant now);
  void on(const Message& message, const Rejected& answer, Instant now);
  void on(const Message& message, const HeartbeatAnswer& answer, Instant now);

  // follower.cpp
  void on(const Message& message, const Append& append, Instant now);
  void on(const Message& message, const Heartbeat& heartbeat, Instant now);
  void on(const Message& message, const SnapshotOffer& offer, Instant now);
  void acknowledge(const Member& leader, Index match);
  bool has_snapshot(Position snapshot);

  // membership.cpp
  [[nodiscard]] Result<Configuration> changed(const Change& change) const;
  [[nodiscard]] bool has_living_majority(const Configuration& next, Instant now) const;
  void follow_configuration();
  [[nodiscard]] bool configuration_committed() const {
    return log_.configuration_index() <= commit_;
  }

  Settings settings_;
  const LogReader& reader_;
  Rng& rng_;
  Member self_;

  VoterState state_;
  LogShape log_;
  Index commit_;   // log_.snapshot() <= commit_ <= log_.last()
  Index applied_;  // <= min(commit_, durable_)

  Role role_ = Role::follower;
  std::optional<Member> leader_;
  Instant heard_leader_;  // when it last said something
  Instant election_due_;

  // What waits for the disk.
  struct InFlight {
    Ticket ticket;
    Index last;  // of the log as this write leaves it, less what was cut off since
  };
  struct Held {
    Ticket ticket;
    Message message;
  };
  Ticket open_{1};       // of the write that the next `take` gives out
  Ticket persisted_;     // writes up to here are durable
  Ticket state_ticket_;  // the write that made `state_` durable
  Index durable_;        // of the log, as it is now
  std::deque<InFlight> in_flight_;
  std::deque<Held> held_;
  Output output_;

  // A candidate's.
  std::map<Member, bool> votes_;

  // A leader's.
  struct Read {
    ReadToken token;
    Index index;
    std::uint64_t round;  // the heartbeat that must be answered by a majority; the next, at most
  };
  std::map<Member, Progress> followers_;  // every member but this one
  Index first_own_;                       // the no-op of this term
  Instant heartbeat_due_;
  Instant quorum_due_;
  std::uint64_t round_ = 0;
  std::deque<Read> reads_;
  Ticket watched_;  // a write, and since when it was seen not to be durable
  Instant watched_since_;
  std::optional<Member> successor_;
  bool told_successor_ = false;
  Instant transfer_due_;
};

}  // namespace millrace::replication::consensus
