#pragma once

#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <set>
#include <string>
#include <vector>

#include "tests/replication/consensus/checker.hpp"
#include "tests/replication/consensus/plan.hpp"

namespace millrace::replication::consensus::sim {

/// What happened in a run, to see that it met what it is about.
struct Counts {
  void add(const Counts& other);
  std::uint64_t events = 0, committed = 0, acknowledged = 0, elections = 0, crashes = 0, cuts = 0,
                changes = 0, transfers = 0, installs = 0, wipes = 0, hangs = 0, reads = 0,
                lost_parts = 0, handed_over = 0, tried = 0;
};

/// One cluster from a seed: virtual time, a network that loses, delays, reorders and repeats, disks
/// that lose what was not synced, members that come and go. After every event the checker looks.
class World {
 public:
  World(std::uint64_t seed, bool trace);

  /// Trouble, then healing; throws a `Violation`.
  void run();
  [[nodiscard]] const Counts& counts() const { return counts_; }
  [[nodiscard]] std::string text() const { return plan_.text() + "\n" + trace_; }
  [[nodiscard]] std::uint64_t digest() const { return digest_; }

 private:
  enum class Kind {
    deliver,
    tick,
    synced,
    fetched,
    start,
    propose,
    fault,
    change,
    snapshot,
    snapshot_durable
  };
  struct Event {
    Instant at;
    std::uint64_t number = 0;  // earlier ones of the same time first
    Kind kind = Kind::tick;
    std::size_t host = 0;
    int life = 0;  // of the host; what was meant for an earlier one is gone
    Ticket ticket;
    std::shared_ptr<const Message> message;
    std::optional<FetchSnapshot> fetch;
    std::shared_ptr<const Image> image;
    friend bool operator<(const Event& a, const Event& b) {
      return std::pair{b.at, b.number} < std::pair{a.at, a.number};
    }
  };
  struct Node {
    std::unique_ptr<Host> host;
    Instant tick_at = Instant::max();
    Instant paused_until;
    Instant disk_hangs_until;
    std::optional<Position> fetching;
    bool starts = false;     // a start is under way
    bool snapshots = false;  // a snapshot is
    Role role = Role::follower;
  };
  struct Asked {  // a read
    std::size_t host;
    int life;
    Index floor;  // what was committed when it was asked
    Instant at;
  };

  void schedule(Event event, std::chrono::nanoseconds in);
  void run_until(Instant end);
  void happen(const Event& event);
  void after(std::size_t at);
  void send(std::size_t from, const Message& message);
  void applied(std::size_t at);
  void answered(const ReadAnswer& answer);

  // faults.cpp
  void propose();
  void read();
  void fault();
  void change();
  void crash(std::size_t at, std::chrono::nanoseconds down_for);
  void wipe();
  void cut();
  void hang(std::size_t at, std::chrono::nanoseconds how_long);
  void heal();

  // healed.cpp
  void must_recover();
  void must_stay_well();
  void must_take_changes();
  void must_hand_over();
  void must_survive_a_hung_disk();
  void must_have_answered();
  /// Until it is so, within `longest`; or else `what` is the violation.
  void wait(const std::function<bool()>& so, milliseconds longest, const std::string& what);
  void recover(milliseconds longest, const std::string& what);
  void must_change(Change change);
  [[nodiscard]] bool recovered(Index marker) const;
  [[nodiscard]] std::size_t dead_voters(const Configuration& configuration) const;

  [[nodiscard]] std::optional<std::size_t> leader() const;
  [[nodiscard]] std::optional<std::size_t> host_of(const Member& member) const;
  std::chrono::nanoseconds up_to(std::chrono::nanoseconds longest);
  Member fresh(std::size_t at);
  void say(const std::string& text);

  SeededRng rng_;
  SeededRng jitter_;
  Plan plan_;
  bool tracing_;
  std::string trace_;
  Instant now_;
  std::priority_queue<Event> events_;
  std::uint64_t events_made_ = 0;
  std::vector<Node> nodes_;
  std::vector<Host*> hosts_;
  Checker checker_;
  std::set<std::pair<std::size_t, std::size_t>> cuts_;
  bool calm_ = false;  // no faults any more
  std::map<std::pair<std::size_t, Position>, std::uint64_t>
      proposals_;  // not yet applied where proposed
  std::uint64_t proposals_made_ = 0;
  std::map<ReadToken, Asked> reads_;
  ReadToken reads_made_ = 0;
  Counts counts_;
  std::uint64_t directories_ = 0;  // made so far
  std::uint64_t digest_ = 0;
};

}  // namespace millrace::replication::consensus::sim
