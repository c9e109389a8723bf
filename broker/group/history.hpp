#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <iosfwd>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/group/types.hpp"

/// What a group's rebalances were: when and why each began, how long it took, and what it moved.
/// For people only: nothing is decided on it, nothing of it is durable, and all of it is bounded.
namespace millrace::broker {

/// Why a group rebalances.
enum class RebalanceCause : std::uint8_t {
  member_joined,
  member_left,
  session_expired,       // the member was not heard of for too long
  join_missed,           // it was to join again, and did not within its rebalance timeout
  sync_missed,           // it joined, and did not ask for its assignment in time
  revoke_missed,         // it was to give up partitions, and did not in time
  subscription_changed,  // it wants other topics, or speaks another assignment protocol
  member_rejoined,       // it asked for another round, or takes a step of a cooperative one
  leader_rejoined,       // the leader asks for another assignment: it has seen a change of topics
  topics_changed,        // topics that members want came, went or got partitions
  protocol_changed,      // the group went from the classic to the consumer protocol, or back
  over_size,             // it has more members than it may
  write_failed,          // what had been decided could not be written
};
/// As tools show it: "session_expired".
[[nodiscard]] std::string_view to_string(RebalanceCause cause);
std::ostream& operator<<(std::ostream& out, RebalanceCause cause);

/// One cause, and the member that it is about, if any. Texts of clients are cut to
/// `kHistoryTextBytesMax`.
struct RebalanceTrigger {
  friend bool operator==(const RebalanceTrigger&, const RebalanceTrigger&) = default;
  RebalanceCause cause = RebalanceCause::member_joined;
  Timestamp at;
  std::string member_id;
  std::optional<std::string> instance_id;
  std::string client_id;
  std::string host;    // "/10.0.0.7"
  std::string reason;  // in the words of the client (KIP-800), where it gives any
};

/// Partitions by the name of their topic, ascending.
using NamedPartitions = std::map<std::string, std::vector<std::int32_t>, std::less<>>;
/// Who has what. A member is named by its instance id if it has one, so that the restart of a
/// static member moves nothing; by its member id otherwise.
using Ownership = std::map<std::string, NamedPartitions, std::less<>>;

/// Of one member: how many partitions it had and has.
struct MemberShare {
  friend bool operator==(const MemberShare&, const MemberShare&) = default;
  std::string member;
  std::int32_t before = 0;
  std::int32_t after = 0;
};

/// A partition that changed hands; nobody is an empty name.
struct MovedPartition {
  friend bool operator==(const MovedPartition&, const MovedPartition&) = default;
  std::string topic;
  std::int32_t partition = 0;
  std::string from;
  std::string to;
};

/// From the first cause until all members have what they are to have. Causes that come up meanwhile
/// belong to it.
struct Rebalance {
  friend bool operator==(const Rebalance&, const Rebalance&) = default;
  Timestamp began;
  std::optional<std::chrono::milliseconds> took;  // nothing while it is running
  bool consumer = false;                          // of which protocol the group is in the end
  std::string state;                              // that the group came to: "Stable" or "Empty"
  std::int32_t epoch_before = 0;                  // generation, or group epoch
  std::int32_t epoch_after = 0;
  std::int32_t members_before = 0;
  std::int32_t members_after = 0;
  std::vector<RebalanceTrigger> triggers;  // the first ones
  std::int32_t triggers_left_out = 0;
  std::vector<MemberShare> shares;  // of those whose share has changed first
  std::int32_t shares_left_out = 0;
  std::vector<MovedPartition> moved;  // by topic and partition
  std::int32_t moved_left_out = 0;
};

inline constexpr std::size_t kHistoryTextBytesMax = 128;
inline constexpr std::size_t kTriggersMax = 8;     // of one rebalance
inline constexpr std::size_t kSharesMax = 64;      // likewise
inline constexpr std::size_t kMovedMax = 64;       // likewise
inline constexpr std::size_t kRebalancesMax = 32;  // of one group

/// Makes rebalances out of what a group tells it. One per group, owned by the coordinator; both
/// forms of a group write into it, so that a change of protocol is part of a rebalance.
class RebalanceRecorder {
 public:
  /// Something makes the group rebalance. `before()` is the `Ownership` at this time; it is asked
  /// only when nothing is running yet, so call this before the change.
  template <std::invocable Before>
  void trigger(RebalanceTrigger trigger, Instant now, std::int32_t epoch, Before&& before) {
    if (!running_) begin(trigger.at, now, epoch, before());
    add(std::move(trigger));
  }
  [[nodiscard]] bool is_running() const { return running_.has_value(); }
  /// The group has come to rest. Does nothing if nothing is running.
  void finish(const Moment& at, bool consumer, std::string_view state, std::int32_t epoch,
              const Ownership& after);
  /// A write failed and with it what had been decided: whatever was running ends here, and so does
  /// what would have come of it. What moved is not known.
  void taken_back(const Moment& at, bool consumer, std::int32_t epoch);

  /// Null when nothing is running.
  [[nodiscard]] const Rebalance* running() const { return running_ ? &*running_ : nullptr; }
  /// Those that came to an end since this was last asked.
  [[nodiscard]] std::vector<Rebalance> take_finished();

 private:
  void begin(Timestamp wall, Instant now, std::int32_t epoch, Ownership before);
  void add(RebalanceTrigger trigger);
  void end(const Moment& at, bool consumer, std::string_view state, std::int32_t epoch);

  std::optional<Rebalance> running_;
  Instant began_;     // of `running_`
  Ownership before_;  // likewise
  std::vector<Rebalance> finished_;
};

/// The finished rebalances of all groups of a coordinator. The oldest go first: of a group beyond
/// `kRebalancesMax`, and of all of them beyond `bytes_max`. It outlives the groups, for a group
/// that is gone is what one asks about.
class RebalanceArchive {
 public:
  explicit RebalanceArchive(std::size_t bytes_max) : bytes_max_{bytes_max} {}

  void add(const std::string& group, Rebalance rebalance);
  /// Oldest first; null when there are none.
  [[nodiscard]] const std::deque<Rebalance>* of(std::string_view group) const;
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  struct Entries {
    std::deque<Rebalance> rebalances;
    std::deque<std::uint64_t> numbers;  // of the same, in `order_`
  };
  void drop_oldest_of(std::map<std::string, Entries, std::less<>>::iterator group);

  std::size_t bytes_max_;
  std::size_t bytes_ = 0;
  std::uint64_t next_ = 0;
  std::map<std::string, Entries, std::less<>> groups_;  // none is empty
  std::map<std::uint64_t, std::string> order_;          // all entries, oldest first: their groups
};

/// About what it takes in memory.
[[nodiscard]] std::size_t bytes_of(const Rebalance& rebalance);

/// `text` cut to `kHistoryTextBytesMax`, not within a character of UTF-8.
[[nodiscard]] std::string cut_for_history(std::string_view text);

}  // namespace millrace::broker
