#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <optional>
#include <vector>

#include "protocol/base/clock.hpp"
#include "protocol/base/types.hpp"

namespace millrace::clients {

/// Which requests of a connection wait for their answers, in the order they were sent, which is the
/// order of the answers. A request whose deadline passed stays in the line, abandoned, because its
/// answer still comes before the later ones. Decides only; `BrokerConnection` carries out.
class RequestLedger {
 public:
  /// `stall_grace`: how long past its deadline the oldest may stay unanswered.
  explicit RequestLedger(std::chrono::milliseconds stall_grace) : stall_grace_{stall_grace} {}

  /// The id for the next request; wraps behind 2^31-1.
  [[nodiscard]] CorrelationId next_id();
  /// The request goes out behind all others.
  void sent(CorrelationId id, Instant deadline);

  enum class Match : std::uint8_t {
    answered,    ///< it is for the oldest request, which still waits
    late,        ///< it is for the oldest request, which was abandoned: drop it
    unexpected,  ///< it is for no request or out of order: the connection is beyond repair
  };
  /// An answer with this id came. The oldest request is done unless it is `unexpected`.
  [[nodiscard]] Match answered(CorrelationId id);

  /// Abandons every request whose deadline is not after `now` and returns their ids.
  [[nodiscard]] std::vector<CorrelationId> expire(Instant now);
  /// The oldest request has been overdue for so long that nothing more is to be expected.
  [[nodiscard]] bool stalled(Instant now) const;
  /// When `expire` or `stalled` must be asked again; nothing while no request waits.
  [[nodiscard]] std::optional<Instant> next_event() const;
  [[nodiscard]] std::size_t size() const { return waiting_.size(); }
  /// Forgets all and returns the ids that were not abandoned: the connection is gone.
  [[nodiscard]] std::vector<CorrelationId> fail_all();

 private:
  struct Entry {
    CorrelationId id;
    Instant deadline;
    bool abandoned = false;
  };
  std::chrono::milliseconds stall_grace_;
  std::deque<Entry> waiting_;  // oldest first
  std::int32_t next_id_ = 0;
};

}  // namespace millrace::clients
