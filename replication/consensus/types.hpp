#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <variant>
#include <vector>

#include "protocol/base/types.hpp"

namespace millrace::replication::consensus {

/// Numbers the elections; at most one node leads in a term. Kafka sees it as a leader epoch.
using Term = Id<struct TermTag, std::int32_t>;

/// A place in the log, from 1; 0 is before everything. Kafka sees it as an offset.
struct Index {
  constexpr Index() = default;
  constexpr explicit Index(std::int64_t v) : value{v} {}
  friend constexpr auto operator<=>(const Index&, const Index&) = default;
  friend constexpr std::int64_t operator-(Index a, Index b) { return a.value - b.value; }
  friend std::ostream& operator<<(std::ostream& out, Index i) { return out << i.value; }
  [[nodiscard]] constexpr Index next() const { return Index{value + 1}; }
  [[nodiscard]] constexpr Index prev() const { return Index{value - 1}; }
  [[nodiscard]] constexpr Index plus(std::size_t n) const {
    return Index{value + static_cast<std::int64_t>(n)};
  }
  std::int64_t value{};
};

/// An entry by its name. Two logs that hold the same position are equal up to there. Also the id of
/// the snapshot of everything up to there.
struct Position {
  friend constexpr auto operator<=>(const Position&, const Position&) = default;
  friend std::ostream& operator<<(std::ostream& out, Position p) {
    return out << p.index << '/' << p.term;
  }
  Index index;
  Term term;
};

/// `node.id`.
using NodeId = Id<struct NodeIdTag, std::int32_t>;

/// Who takes part: a node with the directory that holds its term, vote and log. With an empty
/// directory the same node is somebody else, for it forgot what it promised.
struct Member {
  friend auto operator<=>(const Member&, const Member&) = default;
  NodeId node;
  Uuid directory;
};
std::ostream& operator<<(std::ostream& out, const Member& member);

/// Who votes and who only receives. Each list is sorted, no node is in both or twice.
struct Configuration {
  friend bool operator==(const Configuration&, const Configuration&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Configuration& configuration);
  [[nodiscard]] bool is_voter(const Member& member) const;
  [[nodiscard]] bool is_learner(const Member& member) const;
  /// How many of the voters are more than half of them.
  [[nodiscard]] std::size_t majority() const;
  std::vector<Member> voters;
  std::vector<Member> learners;
};

/// The bytes of a proposal, shared and never changed.
class Payload {
 public:
  Payload() = default;
  explicit Payload(std::string bytes)
      : bytes_{std::make_shared<const std::string>(std::move(bytes))} {}
  [[nodiscard]] const std::string& bytes() const;
  friend bool operator==(const Payload& a, const Payload& b) { return a.bytes() == b.bytes(); }

 private:
  std::shared_ptr<const std::string> bytes_;
};

/// What a new leader begins its term with.
struct NoOp {
  friend bool operator==(NoOp, NoOp) = default;
};

/// What is at one place of the log; its index is known from where it stands.
struct Entry {
  friend bool operator==(const Entry&, const Entry&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Entry& entry);
  /// What the entry counts for in the size of a batch, in bytes.
  [[nodiscard]] std::size_t size() const;
  Term term;
  std::variant<NoOp, Payload, Configuration> body;
};

/// Term and vote: durable before anything is said that follows from them.
struct VoterState {
  friend bool operator==(const VoterState&, const VoterState&) = default;
  friend std::ostream& operator<<(std::ostream& out, const VoterState& state);
  Term term;
  std::optional<Member> vote;  // in `term`
};

/// What the core must know of a snapshot. That of an empty directory has no voters and is at 0/0;
/// a cluster begins with one at 1/1 that names the first voters.
struct Snapshot {
  friend bool operator==(const Snapshot&, const Snapshot&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Snapshot& snapshot);
  Position at;
  Configuration configuration;  // as of `at`
};

}  // namespace millrace::replication::consensus
