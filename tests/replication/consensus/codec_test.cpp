#include "replication/consensus/codec.hpp"

#include <catch2/catch.hpp>

#include "replication/consensus.pb.h"

namespace millrace::replication::consensus {
namespace {

Member member(std::int32_t node) {
  Member made{NodeId{node}, {}};
  made.directory.bytes[15] = static_cast<std::uint8_t>(node);
  return made;
}

std::vector<Message> messages() {
  const Position position{Index{7}, Term{3}};
  const Configuration configuration{{member(1), member(2)}, {member(3)}};
  const std::vector<MessageBody> bodies{VoteRequest{true, false, position},
                                        VoteRequest{false, true, position},
                                        VoteAnswer{true, false},
                                        VoteAnswer{false, true},
                                        Append{position, {}, Index{5}},
                                        Append{position,
                                               {{Term{3}, Payload{"x"}},
                                                {Term{4}, NoOp{}},
                                                {Term{4}, configuration},
                                                {Term{4}, Payload{""}}},
                                               Index{5}},
                                        Accepted{Index{9}},
                                        Rejected{Index{9}, position},
                                        Heartbeat{Index{4}, 12},
                                        HeartbeatAnswer{12},
                                        SnapshotOffer{position},
                                        TimeoutNow{}};
  std::vector<Message> all;
  for (const auto& body : bodies) all.push_back({member(1), member(2), Term{4}, body});
  return all;
}

TEST_CASE("consensus codec: what is written is read back", "[replication][consensus]") {
  for (const auto& message : messages()) {
    const auto read = decode_message(encode(message));
    REQUIRE(read.has_value());
    CHECK(*read == message);
  }
  for (const VoterState& state :
       {VoterState{}, VoterState{Term{5}, {}}, VoterState{Term{5}, member(2)}}) {
    const auto read = decode_voter_state(encode(state));
    REQUIRE(read.has_value());
    CHECK(*read == state);
  }
  for (const Snapshot& snapshot :
       {Snapshot{}, Snapshot{{Index{8}, Term{2}}, {{member(1)}, {member(4)}}}}) {
    const auto read = decode_snapshot(encode(snapshot));
    REQUIRE(read.has_value());
    CHECK(*read == snapshot);
  }
  const Entry entry{Term{2}, Payload{"some bytes"}};
  CHECK(decode_entry(encode(entry)) == Result<Entry>{entry});
}

TEST_CASE("consensus codec: no beginning of a message and no changed byte upsets it",
          "[replication][consensus]") {
  for (const auto& message : messages()) {
    const auto bytes = encode(message);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      // Protobuf has no length of its own, so a beginning may be a message; then it reads the same.
      if (const auto read = decode_message(bytes.substr(0, i)))
        CHECK(decode_message(encode(*read)) == read);
      for (int bit = 0; bit < 8; ++bit) {
        auto changed = bytes;
        changed[i] = static_cast<char>(changed[i] ^ (1 << bit));
        if (const auto read = decode_message(changed)) CHECK(decode_message(encode(*read)) == read);
      }
    }
  }
}

template <class Change>
bool refused(Change change) {
  schema::quorum::Message proto;
  REQUIRE(proto.ParseFromString(encode(messages()[5])));
  change(proto);
  const auto read = decode_message(proto.SerializeAsString());
  return read.has_error() && read.error() == Errc::malformed;
}

TEST_CASE("consensus codec: what makes no sense is refused", "[replication][consensus]") {
  CHECK_FALSE(refused([](auto&) {}));
  CHECK(refused([](auto& m) { m.clear_from(); }));
  CHECK(refused([](auto& m) { m.mutable_to()->set_directory("short"); }));
  CHECK(refused([](auto& m) { m.clear_append(); }));
  CHECK(refused([](auto& m) { m.set_term(-1); }));
  // Entries of the future, and terms that go back.
  CHECK(refused([](auto& m) { m.set_term(3); }));
  CHECK(refused([](auto& m) { m.mutable_append()->mutable_entries(1)->set_term(2); }));
  CHECK(refused([](auto& m) { m.mutable_append()->mutable_prev()->set_term(4); }));
  CHECK(refused([](auto& m) { m.mutable_append()->mutable_prev()->set_index(-1); }));
  CHECK(refused([](auto& m) { m.mutable_append()->set_commit(-1); }));
  CHECK(refused([](auto& m) { m.mutable_append()->mutable_entries(0)->clear_body(); }));
  CHECK(refused([](auto& m) { m.mutable_append()->mutable_entries(1)->set_no_op(false); }));
  const auto configuration = [](auto& m) {
    return m.mutable_append()->mutable_entries(2)->mutable_configuration();
  };
  CHECK(refused([&](auto& m) { configuration(m)->clear_voters(); }));
  CHECK(refused([&](auto& m) { configuration(m)->mutable_voters()->SwapElements(0, 1); }));
  CHECK(refused([&](auto& m) { configuration(m)->mutable_learners(0)->set_node(1); }));
}

}  // namespace
}  // namespace millrace::replication::consensus
