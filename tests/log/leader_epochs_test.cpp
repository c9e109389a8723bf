#include "log/leader_epochs.hpp"

#include <catch2/catch.hpp>

#include "log/errc.hpp"

namespace millrace::log {
namespace {

LeaderEpochs three() {
  LeaderEpochs epochs;
  epochs.assign(LeaderEpoch{1}, Offset{0});
  epochs.assign(LeaderEpoch{3}, Offset{10});
  epochs.assign(LeaderEpoch{4}, Offset{25});
  return epochs;
}

TEST_CASE("epochs: an epoch ends where the next begins, the last with the log", "[log][epochs]") {
  const auto epochs = three();
  const auto end = [&](std::int32_t asked) {
    return epochs.end_of(LeaderEpoch{asked}, Offset{40});
  };
  CHECK(end(0) == EpochEnd{LeaderEpoch{0}, Offset{0}});
  CHECK(end(1) == EpochEnd{LeaderEpoch{1}, Offset{10}});
  CHECK(end(2) == EpochEnd{LeaderEpoch{1}, Offset{10}});
  CHECK(end(3) == EpochEnd{LeaderEpoch{3}, Offset{25}});
  CHECK(end(4) == EpochEnd{LeaderEpoch{4}, Offset{40}});
  CHECK_FALSE(end(5).has_value());
  CHECK_FALSE(LeaderEpochs{}.end_of(LeaderEpoch{0}, Offset{40}).has_value());
}

TEST_CASE("epochs: repeating an epoch changes nothing, contradicting one removes",
          "[log][epochs]") {
  auto epochs = three();
  CHECK_FALSE(epochs.assign(LeaderEpoch{4}, Offset{30}));
  CHECK(epochs == three());
  CHECK(epochs.assign(LeaderEpoch{5}, Offset{10}));
  CHECK(epochs.entries().size() == 2);
  CHECK(epochs.at(Offset{9}) == LeaderEpoch{1});
  CHECK(epochs.at(Offset{10}) == LeaderEpoch{5});
}

TEST_CASE("epochs: an older leader's records behind a leadership without any keep their beginning",
          "[log][epochs]") {
  LeaderEpochs epochs;
  epochs.assign(LeaderEpoch{5}, Offset{16});
  epochs.assign(LeaderEpoch{6}, Offset{20});  // led, wrote nothing, and follows again
  CHECK(epochs.assign(LeaderEpoch{5}, Offset{20}));
  CHECK(epochs.entries() == std::vector<LeaderEpochs::Entry>{{LeaderEpoch{5}, Offset{16}}});
}

TEST_CASE("epochs: truncation and trimming keep what still covers records", "[log][epochs]") {
  auto epochs = three();
  epochs.truncate_to(Offset{25});
  CHECK(epochs.latest() == LeaderEpoch{3});
  epochs = three();
  epochs.trim_front(Offset{12});
  CHECK(epochs.entries().front() == LeaderEpochs::Entry{LeaderEpoch{3}, Offset{12}});
  CHECK_FALSE(epochs.at(Offset{11}).has_value());
  epochs.trim_front(Offset{100});
  CHECK(epochs.entries().size() == 1);
}

TEST_CASE("epochs: the file is read back, and any flipped bit refused", "[log][epochs]") {
  const auto bytes = three().encode();
  REQUIRE(LeaderEpochs::decode(bytes).value() == three());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    auto flipped = bytes;
    flipped[i] ^= std::byte{0x10};
    REQUIRE(LeaderEpochs::decode(flipped).has_error());
    REQUIRE(LeaderEpochs::decode(Bytes{bytes}.first(i)).has_error());
  }
}

}  // namespace
}  // namespace millrace::log
