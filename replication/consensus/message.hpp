#pragma once

#include "replication/consensus/types.hpp"

namespace millrace::replication::consensus {

/// `pre`: would you vote for me in the term after mine? Binds nobody. Else: I am in that term.
struct VoteRequest {
  friend bool operator==(const VoteRequest&, const VoteRequest&) = default;
  bool pre = false;
  bool handed_over = false;  // the leader asked for it, so that its being there is no objection
  Position last;             // the end of the candidate's log
};

struct VoteAnswer {
  friend bool operator==(const VoteAnswer&, const VoteAnswer&) = default;
  bool pre = false;
  bool granted = false;
};

struct Append {
  friend bool operator==(const Append&, const Append&) = default;
  Position prev;  // the entry right before `entries`
  std::vector<Entry> entries;
  Index commit;  // the leader's; says nothing of what lies behind this message's entries
};

/// Everything up to `match` is durable here and equal to the leader's log.
struct Accepted {
  friend bool operator==(const Accepted&, const Accepted&) = default;
  Index match;
};

/// There is no entry `prev` here.
struct Rejected {
  friend bool operator==(const Rejected&, const Rejected&) = default;
  Index prev;     // the index that was asked for
  Position hint;  // no common entry lies behind hint.index, nor has a later term
};

struct Heartbeat {
  friend bool operator==(const Heartbeat&, const Heartbeat&) = default;
  Index commit;             // not above what the receiver acknowledged to this leader
  std::uint64_t round = 0;  // numbers the heartbeats of a leader, for reads
};

struct HeartbeatAnswer {
  friend bool operator==(const HeartbeatAnswer&, const HeartbeatAnswer&) = default;
  std::uint64_t round = 0;  // of the heartbeat; 0 answers a leader of the past
};

/// The entries that the receiver lacks are gone; this snapshot stands for them.
struct SnapshotOffer {
  friend bool operator==(const SnapshotOffer&, const SnapshotOffer&) = default;
  Position snapshot;
};

/// Become a candidate now, for I want to stop leading.
struct TimeoutNow {
  friend bool operator==(const TimeoutNow&, const TimeoutNow&) = default;
};

using MessageBody = std::variant<VoteRequest, VoteAnswer, Append, Accepted, Rejected, Heartbeat,
                                 HeartbeatAnswer, SnapshotOffer, TimeoutNow>;

/// One direction, no reply expected by the transport: answers are messages of their own.
struct Message {
  friend bool operator==(const Message&, const Message&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Message& message);
  Member from;
  Member to;
  Term term;  // the sender's, with no exception
  MessageBody body;
};

std::ostream& operator<<(std::ostream& out, const MessageBody& body);

}  // namespace millrace::replication::consensus
