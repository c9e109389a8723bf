#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "protocol/base/clock.hpp"
#include "protocol/base/types.hpp"
#include "tests/sim/transaction_history.hpp"

/// What happened in a simulated run, as its clients saw it, and the judgement on it. Nothing here
/// knows brokers or disks: a history may as well be made by hand.
namespace millrace::sim {

/// A partition in one life of its topic: a topic that was deleted and created again starts anew, so
/// the run gives it a new name here ("orders-0", "fleeting#2-0").
using LogName = std::string;

/// A moment of a history: how many events had been recorded by then. Operations that take time are
/// recorded when they end and remember the moment they began.
using Moment = std::size_t;

/// A writer handed a record over. Values are never sent twice. Writers are one producer id's life:
/// what one writer sends to one log is stored in the order of sending.
struct Sent {
  LogName log;
  std::string writer;
  std::string value;
};
struct Acked {
  LogName log;
  std::string value;
  std::optional<Offset> offset;  ///< unknown when an old retry was recognised
};
/// It may have been stored all the same, once.
struct GaveUp {
  LogName log;
  std::string value;
  std::string why;
};
/// `reader` names one unbroken stretch of reading: it takes up somewhere and skips nothing.
struct Read {
  LogName log;
  std::string reader;
  std::string group;  ///< whose member it is; empty: nobody's
  Offset offset;
  std::string value;
};
struct Committed {
  std::string group;
  LogName log;
  Offset offset;
  Moment began = 0;
  bool acked = false;       ///< if not, it may have happened, or may happen later
  std::string member = {};  ///< one life of a member; empty: the order of commits is not judged
};
struct CommitSeen {
  std::string group;
  LogName log;
  std::optional<Offset> offset;
  Moment began = 0;
};
/// Somebody asked where a log ends.
struct EndSeen {
  LogName log;
  Offset end;
  Moment began = 0;
};
/// The log as it is in the end, one record after the other.
struct Stored {
  LogName log;
  Offset offset;
  std::string value;
};
/// What was done to the world: crashes, resets, faults.
struct Note {
  std::string text;
};
/// A member of a group was told that a log is its own, or that it is not any more: it has given it
/// up, or was told that it has lost it. `member` is one life of one process.
struct Owned {
  std::string group;
  std::string member;
  LogName log;
};
struct Disowned {
  std::string group;
  std::string member;
  std::optional<LogName> log;  ///< nothing: all, for the member is dead
};
/// As far as this member can tell, nobody else gets what it owns before `until`: the time of the
/// last request that its coordinator answered well, and a session timeout; or the time at which it
/// last came to ask, and the time within which it has to, if that is earlier.
struct Leased {
  std::string group;
  std::string member;
  Instant until;
};
/// All members have been alive, undisturbed and of the same mind for long enough: by now each of
/// these logs must have one owner.
struct MustBeShared {
  std::string group;
  std::vector<LogName> logs;
};
/// Something that must not happen and that only the run itself could notice.
struct Failed {
  std::string rule;
  std::string text;
};

struct Event {
  Instant at;
  std::variant<Sent, Acked, GaveUp, Read, Committed, CommitSeen, EndSeen, Stored, Note, Failed,
               Owned, Disowned, Leased, MustBeShared, TransactionEvent>
      what;
};
[[nodiscard]] std::string to_string(const Event& event);

class History {
 public:
  template <class What>
  void add(Instant at, What what) {
    events_.push_back({at, std::move(what)});
  }
  [[nodiscard]] const std::vector<Event>& events() const { return events_; }
  [[nodiscard]] Moment now() const { return events_.size(); }
  /// Differs, in all likelihood, between two histories that differ in anything.
  [[nodiscard]] std::uint64_t digest() const;

 private:
  std::vector<Event> events_;
};

/// A rule that was broken, where, and the events that prove it.
struct Violation {
  std::string rule;
  std::string text;
  LogName log;  ///< empty: of no log
  std::vector<Moment> events;
};

/// Every promise of the broker that can be judged from outside, on a finished history:
///
///   lost        an acknowledged record is not in the log
///   moved       an acknowledged record is not at the offset that was told
///   duplicated  a record is in the log twice
///   invented    the log, or a read, holds what nobody had sent there
///   reordered   records of one writer are stored in another order than sent
///   gap         offsets of the log are not 0, 1, 2, ...
///   vanished    a record was read and is not in the log
///   changed     a record was read and another one is at its offset
///   skipped     a reader did not get the offset that follows, or a group went past a record that
///               none of its members got
///   went back   the end of a log was seen below what was acknowledged, or behind its last record
///   forgotten   a group's committed offset is not one that can be the last
///   rewound     a group's committed offset went back: a commit was acknowledged after one that had
///               gone further, or one of another member counts though a later one went further
///   owned twice a log is with two members of a group at once, as both have to believe: told that
///               they have it, not told otherwise, and with leases that run
///   not shared  a log has no owner, or several, though the group had time to settle
///
/// and what `check_transactions` adds. At most three violations of each rule are told.
[[nodiscard]] std::vector<Violation> check(const History& history);
/// The part of it that is about who owns what in groups, and about the order of commits.
[[nodiscard]] std::vector<Violation> check_groups(const History& history);

/// The violation with the events that prove it and those that happened to the world meanwhile.
[[nodiscard]] std::string describe(const History& history, const Violation& violation);

}  // namespace millrace::sim
