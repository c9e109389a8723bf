#include "replication/consensus/codec.hpp"

#include <algorithm>
#include <cstring>

#include "replication/consensus.pb.h"

namespace millrace::replication::consensus {
namespace {

namespace pb = schema::quorum;

// --- to Protobuf ---------------------------------------------------------------------------------

void put(const Member& from, pb::Member& to) {
  to.set_node(from.node.value);
  to.set_directory(from.directory.bytes.data(), from.directory.bytes.size());
}

void put(Position from, pb::Position& to) {
  to.set_index(from.index.value);
  to.set_term(from.term.value);
}

void put(const Configuration& from, pb::Configuration& to) {
  for (const auto& voter : from.voters) put(voter, *to.add_voters());
  for (const auto& learner : from.learners) put(learner, *to.add_learners());
}

void put(const Entry& from, pb::Entry& to) {
  to.set_term(from.term.value);
  if (const auto* payload = std::get_if<Payload>(&from.body)) {
    to.set_payload(payload->bytes());
  } else if (const auto* configuration = std::get_if<Configuration>(&from.body)) {
    put(*configuration, *to.mutable_configuration());
  } else {
    to.set_no_op(true);
  }
}

struct PutBody {
  pb::Message& to;

  void operator()(const VoteRequest& m) const {
    auto& body = *to.mutable_vote_request();
    body.set_pre(m.pre);
    body.set_handed_over(m.handed_over);
    put(m.last, *body.mutable_last());
  }
  void operator()(const VoteAnswer& m) const {
    auto& body = *to.mutable_vote_answer();
    body.set_pre(m.pre);
    body.set_granted(m.granted);
  }
  void operator()(const Append& m) const {
    auto& body = *to.mutable_append();
    put(m.prev, *body.mutable_prev());
    for (const auto& entry : m.entries) put(entry, *body.add_entries());
    body.set_commit(m.commit.value);
  }
  void operator()(const Accepted& m) const { to.mutable_accepted()->set_match(m.match.value); }
  void operator()(const Rejected& m) const {
    auto& body = *to.mutable_rejected();
    body.set_prev(m.prev.value);
    put(m.hint, *body.mutable_hint());
  }
  void operator()(const Heartbeat& m) const {
    auto& body = *to.mutable_heartbeat();
    body.set_commit(m.commit.value);
    body.set_round(m.round);
  }
  void operator()(const HeartbeatAnswer& m) const {
    to.mutable_heartbeat_answer()->set_round(m.round);
  }
  void operator()(const SnapshotOffer& m) const {
    put(m.snapshot, *to.mutable_snapshot_offer()->mutable_snapshot());
  }
  void operator()(const TimeoutNow& /*m*/) const { to.mutable_timeout_now(); }
};

// --- from Protobuf: false for what makes no sense ------------------------------------------------

bool get(std::int64_t from, Index& to) {
  to = Index{from};
  return from >= 0;
}

/// Elections do not get there in the life of a cluster, and an end of the range must not be met.
constexpr std::int32_t kTermMax = 2'000'000'000;

bool get(std::int32_t from, Term& to) {
  to = Term{from};
  return from >= 0 && from <= kTermMax;
}

bool get(const pb::Member& from, Member& to) {
  to.node = NodeId{from.node()};
  if (from.directory().size() != to.directory.bytes.size()) return false;
  std::memcpy(to.directory.bytes.data(), from.directory().data(), to.directory.bytes.size());
  return true;
}

bool get(const pb::Position& from, Position& to) {
  return get(from.index(), to.index) && get(from.term(), to.term);
}

template <class Members>
bool get_list(const Members& from, std::vector<Member>& to) {
  for (const auto& member : from) {
    to.emplace_back();
    if (!get(member, to.back())) return false;
  }
  return std::ranges::is_sorted(to);
}

bool get(const pb::Configuration& from, Configuration& to) {
  if (!get_list(from.voters(), to.voters) || !get_list(from.learners(), to.learners)) return false;
  std::vector<NodeId> nodes;
  for (const auto* members : {&to.voters, &to.learners})
    for (const auto& member : *members) nodes.push_back(member.node);
  std::ranges::sort(nodes);
  return std::ranges::adjacent_find(nodes) == nodes.end();
}

bool get(const pb::Entry& from, Entry& to) {
  if (!get(from.term(), to.term)) return false;
  switch (from.body_case()) {
    case pb::Entry::kNoOp:
      to.body = NoOp{};
      return from.no_op();
    case pb::Entry::kPayload:
      to.body = Payload{from.payload()};
      return true;
    case pb::Entry::kConfiguration:
      // A log in which nobody votes any more would be at its end.
      return get(from.configuration(), to.body.emplace<Configuration>()) &&
             from.configuration().voters_size() > 0;
    case pb::Entry::BODY_NOT_SET:
      break;
  }
  return false;
}

bool get(const pb::Append& from, Append& to, Term sender) {
  if (!get(from.prev(), to.prev) || !get(from.commit(), to.commit)) return false;
  Term term = to.prev.term;
  for (const auto& entry : from.entries()) {
    if (!get(entry, to.entries.emplace_back()) || to.entries.back().term < term) return false;
    term = to.entries.back().term;
  }
  return term <= sender;
}

bool get(const pb::Rejected& from, Rejected& to) {
  return get(from.prev(), to.prev) && get(from.hint(), to.hint);
}

bool get_body(const pb::Message& from, Message& to) {
  auto& body = to.body;
  switch (from.body_case()) {
    case pb::Message::kVoteRequest: {
      auto& request = body.emplace<VoteRequest>();
      request.pre = from.vote_request().pre();
      request.handed_over = from.vote_request().handed_over();
      return get(from.vote_request().last(), request.last) && request.last.term <= to.term;
    }
    case pb::Message::kVoteAnswer:
      body = VoteAnswer{from.vote_answer().pre(), from.vote_answer().granted()};
      return true;
    case pb::Message::kAppend:
      return get(from.append(), body.emplace<Append>(), to.term);
    case pb::Message::kAccepted:
      return get(from.accepted().match(), body.emplace<Accepted>().match);
    case pb::Message::kRejected:
      return get(from.rejected(), body.emplace<Rejected>());
    case pb::Message::kHeartbeat: {
      auto& heartbeat = body.emplace<Heartbeat>();
      heartbeat.round = from.heartbeat().round();
      return get(from.heartbeat().commit(), heartbeat.commit);
    }
    case pb::Message::kHeartbeatAnswer:
      body = HeartbeatAnswer{from.heartbeat_answer().round()};
      return true;
    case pb::Message::kSnapshotOffer:
      return get(from.snapshot_offer().snapshot(), body.emplace<SnapshotOffer>().snapshot) &&
             from.snapshot_offer().snapshot().term() <= to.term.value;
    case pb::Message::kTimeoutNow:
      body = TimeoutNow{};
      return true;
    case pb::Message::BODY_NOT_SET:
      break;
  }
  return false;
}

template <class Proto>
bool parse(std::string_view bytes, Proto& proto) {
  return proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

}  // namespace

std::string encode(const Message& message) {
  pb::Message proto;
  put(message.from, *proto.mutable_from());
  put(message.to, *proto.mutable_to());
  proto.set_term(message.term.value);
  std::visit(PutBody{proto}, message.body);
  return proto.SerializeAsString();
}

Result<Message> decode_message(std::string_view bytes) {
  pb::Message proto;
  Message message;
  if (!parse(bytes, proto) || !get(proto.from(), message.from) || !get(proto.to(), message.to) ||
      !get(proto.term(), message.term) || !get_body(proto, message))
    return Errc::malformed;
  return message;
}

std::string encode(const Entry& entry) {
  pb::Entry proto;
  put(entry, proto);
  return proto.SerializeAsString();
}

Result<Entry> decode_entry(std::string_view bytes) {
  pb::Entry proto;
  Entry entry;
  if (!parse(bytes, proto) || !get(proto, entry)) return Errc::malformed;
  return entry;
}

std::string encode(const VoterState& state) {
  pb::VoterState proto;
  proto.set_term(state.term.value);
  if (state.vote) put(*state.vote, *proto.mutable_vote());
  return proto.SerializeAsString();
}

Result<VoterState> decode_voter_state(std::string_view bytes) {
  pb::VoterState proto;
  VoterState state;
  if (!parse(bytes, proto) || !get(proto.term(), state.term)) return Errc::malformed;
  if (proto.has_vote() && !get(proto.vote(), state.vote.emplace())) return Errc::malformed;
  return state;
}

std::string encode(const Snapshot& snapshot) {
  pb::SnapshotHeader proto;
  put(snapshot.at, *proto.mutable_at());
  put(snapshot.configuration, *proto.mutable_configuration());
  return proto.SerializeAsString();
}

Result<Snapshot> decode_snapshot(std::string_view bytes) {
  pb::SnapshotHeader proto;
  Snapshot snapshot;
  if (!parse(bytes, proto) || !get(proto.at(), snapshot.at) ||
      !get(proto.configuration(), snapshot.configuration))
    return Errc::malformed;
  return snapshot;
}

}  // namespace millrace::replication::consensus
