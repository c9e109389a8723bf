#pragma once

#include <ostream>
#include <span>
#include <vector>

#include "protocol/base/bytes.hpp"
#include "protocol/base/result.hpp"
#include "protocol/base/types.hpp"

namespace millrace::log {

/// One transaction that was aborted: who reads committed data leaves out what `producer` wrote from
/// `first` up to the marker at `last`.
struct AbortedTransaction {
  friend bool operator==(const AbortedTransaction&, const AbortedTransaction&) = default;
  friend std::ostream& operator<<(std::ostream& out, const AbortedTransaction& transaction);
  ProducerId producer;
  Offset first;
  Offset last;
};

/// The aborted transactions of one log, by their markers: 24 bytes for each whose data the log
/// still has. Fed with every marker that is appended or replayed, so the log can always bring it
/// back; a file keeps it over a restart. A core; not thread-safe.
class AbortedTransactions {
 public:
  friend bool operator==(const AbortedTransactions&, const AbortedTransactions&) = default;

  /// A marker was met. One that is known already changes nothing.
  void add(const AbortedTransaction& transaction);
  /// Those with anything in [from, limit), in the order of their markers.
  [[nodiscard]] std::vector<AbortedTransaction> overlapping(Offset from, Offset limit) const;
  /// Forgets those whose markers lie below `start`: nothing of them is left to be left out.
  void forget_below(Offset start);
  /// Forgets those whose markers lie at or behind `end`. Gives whether there were any.
  bool truncate_to(Offset end);
  [[nodiscard]] bool empty() const { return all_.empty(); }
  [[nodiscard]] std::span<const AbortedTransaction> all() const { return all_; }

  struct File;
  /// The `aborted-transactions` file of a log that ends at `end` (format in
  /// aborted_transactions.cpp).
  [[nodiscard]] std::vector<std::byte> encode(Offset end) const;
  /// And back; `Errc::corrupt_file` for anything else.
  [[nodiscard]] static Result<File> decode(Bytes file);

 private:
  std::vector<AbortedTransaction> all_;  // `last` strictly rising
};

/// What the file says: all of the markers below `end`, if the log was not cut since.
struct AbortedTransactions::File {
  Offset end;
  AbortedTransactions transactions;
};

}  // namespace millrace::log
