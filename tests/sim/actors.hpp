#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "clients/client.hpp"
#include "protocol/net/net.hpp"
#include "tests/sim/history.hpp"
#include "tests/sim/plan.hpp"
#include "tests/support/sim_scheduler.hpp"
#include "tests/support/sim_world.hpp"

namespace millrace::sim {

/// Proof that the checker can fail: what is broken on purpose.
enum class Mutant : std::uint8_t {
  none,
  lying_disk,        ///< from some time on, syncs succeed and do nothing
  acks_before_sync,  ///< the topic's acknowledgements do not wait for the sync
};

inline constexpr const char* kTopic = "orders";
inline constexpr const char* kFleetingTopic = "fleeting";
inline constexpr const char* kSecondTopic = "payments";  // for the group, and nobody writes to it
inline constexpr std::int32_t kSecondPartitions = 3;
inline constexpr const char* kGroup = "group";
// What transactions write to. The first record of each goes to partition 0 of the first.
inline constexpr const char* kLedger = "ledger";
inline constexpr const char* kMoves = "moves";
inline constexpr std::int32_t kLedgerPartitions = 2;

/// What the actors of one run share. Outlives them.
struct Stage {
  SimWorld& world;
  History& history;
  const Plan& plan;
  Mutant mutant = Mutant::none;
  bool closing = false;   ///< everybody but the writers comes to an end
  bool settling = false;  ///< group members stay, want the same, and ask all the time
  std::size_t writers_left = 0;
  std::size_t others_left = 0;
  std::uint64_t member_lives = 0;
  std::vector<std::string> members;  ///< by number, the life that each is in
  // By member, as they believe, and until when they may.
  std::map<std::string, std::set<LogName>> owned;
  std::map<std::string, Instant> leases;
  std::int64_t offsets_offered = 0;  ///< in transactions; none is used twice

  [[nodiscard]] Instant now() const { return world.clock().now(); }
  [[nodiscard]] Instant in(std::chrono::nanoseconds time) const { return now() + time; }
  [[nodiscard]] std::vector<TopicPartition> partitions() const;
  /// What the group has to share out while settling; and whether it has, for once.
  [[nodiscard]] std::vector<LogName> group_logs() const;
  [[nodiscard]] bool group_has_settled() const;
  template <class What>
  void add(What what) {
    history.add(now(), std::move(what));
  }
};

// The shipped clients at work. Each runs on a machine of its own and holds its client itself, so
// that crashing the machine ends it wherever it is; of itself it ends when its work is done or the
// stage is closing, and then counts itself off.

/// Sends the records of `plan.writers[number]`; begins anew with another producer when it gave up.
net::Awaitable<void> write_records(Stage& stage, SimScheduler& here, std::size_t number);
/// Reads all partitions from the beginning, over and over.
net::Awaitable<void> read_records(Stage& stage, SimScheduler& here, std::size_t number);
/// Shares the partitions with the other members of the group and commits what it got. Leaves and
/// comes back, stops asking for a while, wants other topics.
net::Awaitable<void> be_group_member(Stage& stage, SimScheduler& here, std::size_t number);
/// Creates a topic, fills it, reads it, deletes it, and again.
net::Awaitable<void> recreate_topic(Stage& stage, SimScheduler& here);

/// Writes transactions as `plan.transactors[number]` says, dies, and takes over from itself.
net::Awaitable<void> transact(Stage& stage, SimScheduler& here, std::size_t number);
/// Reads what is committed of them from the beginning, over and over.
net::Awaitable<void> read_committed(Stage& stage, SimScheduler& here);

// Steps of the run itself, for `SimWorld::run`. What does not succeed is added as `Failed`.

net::Awaitable<void> create_topic(Stage& stage, SimScheduler& here);
/// One record to every partition, which must be acknowledged: the broker is well again.
net::Awaitable<void> write_probes(Stage& stage, SimScheduler& here);
/// Reads everything to the end, and what the group committed.
net::Awaitable<void> read_everything(Stage& stage, SimScheduler& here);
/// The topics of transactions, if there are any.
net::Awaitable<void> create_ledger(Stage& stage, SimScheduler& here);
/// Waits until no transaction can be open any more, and reads all that they left.
net::Awaitable<void> read_ledger(Stage& stage, SimScheduler& here);

}  // namespace millrace::sim
