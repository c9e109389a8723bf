#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/replication/consensus/checker.hpp"

namespace millrace::replication::consensus::sim {

/// A few nodes, moved by hand: `step` takes one line of a scenario (scenarios/README.md) and gives
/// back what came of it. Disks sync at once unless they are made slow; messages wait on their links
/// until they are delivered. The checker looks on.
class Script {
 public:
  std::vector<std::string> step(const std::string& line);

 private:
  using Words = std::vector<std::string>;
  using Link = std::pair<std::string, std::string>;

  bool world(const Words& words);
  bool network(const Words& words);
  bool machine(const Words& words);
  bool orders(const Words& words);
  void forge(const Words& words);

  Host& host(const std::string& name);
  Host& add_host(const std::string& name);
  static Member directory(const std::string& name, int number);
  /// With a new directory.
  Member fresh(const std::string& name);
  /// `b`, or `b1` for its first directory.
  Member member(const std::string& name);
  /// Members by their names in what is printed.
  std::string named(std::string text) const;
  template <class Value>
  std::string text_of(const Value& value) const;
  std::string status(const Host& host) const;
  std::vector<Link> links(const std::string& pattern) const;

  void after(Host& host);
  void send(const Host& from, const Message& message);
  void deliver(const Link& link, std::size_t count);
  void sync(Host& host);
  void settle();
  template <class Outcome>
  void outcome(const Host& host, const Outcome& outcome);

  std::vector<std::string> lines_;
  bool quiet_ = false;   // messages are not printed
  bool forged_ = false;  // what was made up is not for the checker to judge
  Settings settings_;
  SeededRng rng_{1};
  Instant now_;
  Checker checker_;
  std::vector<std::unique_ptr<Host>> hosts_;
  std::map<std::string, int> directories_;  // how many a node had so far
  std::map<Link, std::deque<Message>> queues_;
  std::set<Link> cut_;
  std::set<std::string> slow_;
  std::map<std::string, FetchSnapshot> fetches_;
  std::map<ReadToken, std::string> reads_;
};

/// Plays all scenario files of the folder; gives the first line that does not come out as it is
/// written there, or nothing.
std::string first_difference(const std::string& folder);

}  // namespace millrace::replication::consensus::sim
