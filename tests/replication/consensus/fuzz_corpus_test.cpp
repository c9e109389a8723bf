#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <string>

#include "replication/consensus/codec.hpp"

// Writes the first inputs of the fuzz target, in the form that tests/fuzz/consensus_fuzz.cpp
// describes.
namespace millrace::replication::consensus {
namespace {

class Input {
 public:
  Input& message(std::int32_t term, MessageBody body) {
    const auto encoded =
        encode(Message{{NodeId{2}, {}}, {NodeId{1}, {}}, Term{term}, std::move(body)});
    bytes_ += '\0';
    bytes_ += static_cast<char>(encoded.size() / 256);
    bytes_ += static_cast<char>(encoded.size() % 256);
    bytes_ += encoded;
    return *this;
  }
  Input& order(int kind, int more = -1) {
    bytes_ += static_cast<char>(kind);
    if (more >= 0) bytes_ += static_cast<char>(more);
    return *this;
  }
  /// Elected in term 2, with an empty entry at 2.
  Input& lead() {
    order(4, 255).message(1, VoteAnswer{true, true});
    return order(5).message(2, VoteAnswer{false, true}).order(5).message(2, Accepted{Index{2}});
  }
  void save(const std::string& name) const {
    const auto folder =
        std::filesystem::path{MILLRACE_SOURCE_DIR} / "tests/fuzz/corpus/consensus_fuzz";
    std::filesystem::create_directories(folder);
    std::ofstream file{folder / name, std::ios::binary | std::ios::trunc};
    file << bytes_;
    REQUIRE(file.good());
  }

 private:
  std::string bytes_;
};

TEST_CASE("consensus fuzz corpus: is written anew", "[.][regenerate]") {
  const Position first{Index{1}, Term{1}};
  const Entry x{Term{2}, Payload{"x"}};
  const Entry two{Term{2}, Configuration{{{NodeId{1}, {}}, {NodeId{2}, {}}}, {}}};
  Input{}
      .message(2, VoteRequest{true, false, first})
      .message(2, VoteRequest{false, false, first})
      .order(5)
      .message(2, Append{first, {{Term{2}, NoOp{}}, x, two}, Index{2}})
      .order(5)
      .message(3, Append{{Index{2}, Term{2}}, {{Term{3}, NoOp{}}}, Index{3}})
      .order(7, 0)
      .message(3, Heartbeat{Index{3}, 1})
      .message(3, TimeoutNow{})
      .order(5)
      .save("follower");
  Input{}
      .lead()
      .order(6)
      .order(5)
      .message(2, Accepted{Index{4}})
      .order(7, 1)
      .order(7, 3)
      .message(2, HeartbeatAnswer{2})
      .message(2, Rejected{Index{4}, first})
      .message(2, HeartbeatAnswer{2})
      .order(7, 24 + 5)
      .order(5)
      .message(2, Accepted{Index{5}})
      .order(7, 8 + 2)
      .order(4, 255)
      .save("leader");
  Input{}.lead().order(7, 7).message(2, Accepted{Index{3}}).order(5).order(4, 255).save("removed");
  Input{}
      .message(4, SnapshotOffer{{Index{9}, Term{3}}})
      .order(7, 4)
      .order(7, 0)
      .message(4, SnapshotOffer{{Index{9}, Term{3}}})
      .order(7, 4)
      .order(5)
      .message(4, Append{{Index{9}, Term{3}}, {{Term{4}, NoOp{}}}, Index{10}})
      .order(5)
      .save("snapshot");
}

}  // namespace
}  // namespace millrace::replication::consensus
