#pragma once

#include <map>
#include <unordered_map>
#include <vector>

#include "tests/replication/consensus/host.hpp"

namespace millrace::replication::consensus::sim {

/// Knows what must hold of all nodes together, and throws a `Violation` when it does not. Sees each
/// output and looks at a node after each of its events.
class Checker {
 public:
  /// The cluster's first snapshot.
  void begin(const Snapshot& first);
  /// What the node was just told to do; before anything of it leaves.
  void output(const Host& host, const Output& output);
  /// After an event of `host`; `hosts` is everybody.
  void look(const Host& host, const std::vector<Host*>& hosts);
  /// A node came back; what it had said before must not be forgotten.
  void started(const Host& host);

  /// The members by the node's log, as the checker itself counts them.
  [[nodiscard]] const Configuration& configuration_of(const Host& host) const;
  /// Of the newest configuration that is committed.
  [[nodiscard]] const Configuration& members() const { return configurations_.rbegin()->second; }
  /// The highest index that any node knows to be committed.
  [[nodiscard]] Index committed() const { return committed_.index; }
  /// What was committed there; 0 where only a snapshot tells.
  [[nodiscard]] std::uint64_t committed_at(Index index) const;

 private:
  struct Known {  // an entry by its name
    std::uint64_t digest = 0;
    Term prev_term;
  };
  struct Committed {
    Term term;
    std::uint64_t digest = 0;
  };
  struct Seen {  // of a node, over all its lives
    Term said;   // the highest term of its messages
    Term term;
    Index commit;   // of this life
    Index checked;  // committed entries were compared up to here
    Term led;       // the last term in which this life was seen leading
    std::map<Term, Member> votes;
    Position image;  // of its snapshot
    Index last;      // of its log
    // In its log; the first is the snapshot's.
    std::map<Index, Configuration> configurations;
  };
  void say(const Host& host, const Message& message);
  void note_entries(const Host& host, const Write& write);
  void note_configurations(const Host& host, Index first);
  void note_image(const Host& host);
  void note_leader(const Host& host);
  void note_commit(const Host& host, bool led, const std::vector<Host*>& hosts);
  void note_applied(const Host& host);
  /// What is committed stays with a majority, whatever happens.
  void look_for_committed(const Host& host, const std::vector<Host*>& hosts) const;

  std::map<Member, Seen> seen_;
  std::map<Term, Member> leaders_;
  std::map<Position, Known> entries_;
  std::unordered_map<std::int64_t, Committed> commits_;  // by index
  std::unordered_map<std::int64_t, std::uint64_t>
      applied_;  // digest of the state machine, by index
  Position committed_;
  Configuration committed_by_;                     // those of whom a majority held it
  std::map<Index, Configuration> configurations_;  // committed ones
};

}  // namespace millrace::replication::consensus::sim
