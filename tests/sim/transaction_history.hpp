#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "protocol/base/types.hpp"
#include "protocol/error_code.hpp"

/// What transactional producers and readers of committed data saw of a run. Part of `history.hpp`,
/// which has the words that are not explained here.
namespace millrace::sim {

class History;
struct Violation;

/// `writer`, one life of a producer, begins to take the transactional id over, or has done so.
struct TookOver {
  std::string id;
  std::string writer;
  bool done = false;
};
/// A transaction begins; nothing of it exists before.
struct Began {
  std::string txn;
  std::string id;
  std::string writer;
  std::chrono::milliseconds timeout{};
  bool version1 = false;  ///< an abort may have to ask for another epoch
};
/// A record was handed over in the transaction. Values are never sent twice. The first record of
/// each transaction of an id goes to the same log, which so tells the order of transactions.
struct Wrote {
  std::string txn;
  std::string log;
  std::string value;
};
/// Offsets of `group` were put into the transaction. No offset is ever used twice.
struct Offered {
  std::string txn;
  std::string group;
  std::string log;
  Offset offset;
};
/// The producer asks for the end.
struct Ending {
  std::string txn;
  bool commit = false;
};
struct Ended {
  enum class Told : std::uint8_t {
    committed,
    aborted,
    must_abort,  ///< it was not committed; an abort follows
    dismissed,   ///< the producer is at its end; the transaction may have ended either way
    unknown,     ///< nobody waited for the answer
  };
  std::string txn;
  Told told = Told::unknown;
  protocol::ErrorCode code = protocol::ErrorCode::none;
};
/// By a reader of committed data; `reader` as in `Read`.
struct CommittedRead {
  std::string log;
  std::string reader;
  Offset offset;
  std::string value;
};
/// What the group's offset is; as a reader that wants no undecided ones is told.
struct OffsetSeen {
  std::string group;
  std::string log;
  std::optional<Offset> offset;
  std::size_t began = 0;
  bool last = false;  ///< in the end
};
/// Where committed data ends for now.
struct StableSeen {
  std::string log;
  Offset end;
  std::size_t began = 0;
};
/// In the end, after every transaction's time is over.
struct Settled {
  std::string log;
  Offset stable;
  Offset end;
};
/// The log as it is in the end: what readers of committed data get, or everybody.
struct Kept {
  std::string log;
  Offset offset;
  std::string value;
  bool committed = false;
};

using TransactionEvent = std::variant<TookOver, Began, Wrote, Offered, Ending, Ended, CommittedRead,
                                      OffsetSeen, StableSeen, Settled, Kept>;
[[nodiscard]] std::string to_string(const TransactionEvent& event);

/// The promises about transactions, on a finished history:
///
///   lost        a record of a transaction that was told to be committed is not there
///   torn        some of a transaction counts and some does not, offsets included
///   uncommitted committed data has, or had, a record or an offset of a transaction that was
///               aborted or whose commit nobody had asked for
///   denied      a commit was refused for good to a producer that nobody had replaced, and whose
///               time was not over, but came true
///   disturbed   a producer lost its transaction, or its id, though nobody had replaced it and its
///               time was not over
///   invented, duplicated, reordered, vanished, changed, skipped, forgotten, went back
///               as in `check`, of committed data
///   stuck       in the end, committed data stops before the log does
[[nodiscard]] std::vector<Violation> check_transactions(const History& history);

}  // namespace millrace::sim
