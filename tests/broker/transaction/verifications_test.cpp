#include "broker/transaction/verifications.hpp"

#include <catch2/catch.hpp>

namespace millrace::broker {
namespace {

using protocol::ErrorCode;

constexpr ProducerIdentity kBefore{ProducerId{7}, ProducerEpoch{3}};
constexpr ProducerIdentity kNext{ProducerId{7}, ProducerEpoch{4}};

struct Bench {
  /// A batch of `producer` comes; whether the coordinator has to be asked.
  bool batch(const ProducerIdentity& producer) {
    return verifications.wait(producer, [this](ErrorCode said) { told.push_back(said); });
  }

  Verifications verifications;
  std::vector<ErrorCode> told;
};

using Told = std::vector<ErrorCode>;

TEST_CASE("verifications: who comes while the coordinator is asked waits for the same answer",
          "[broker][transaction]") {
  Bench bench;
  CHECK(bench.batch(kNext));
  CHECK_FALSE(bench.batch(kNext));
  bench.verifications.answer(kNext, ErrorCode::none);
  CHECK(bench.told == Told{ErrorCode::none, ErrorCode::none});
  CHECK(bench.verifications.allowed(kNext));
  CHECK_FALSE(bench.verifications.allowed(kBefore));
}

TEST_CASE("verifications: the end of the transaction overtakes the answer and what it allowed",
          "[broker][transaction]") {
  for (const auto version : {TransactionVersion::v1, TransactionVersion::v2}) {
    const auto& marker = version == TransactionVersion::v1 ? kBefore : kNext;
    Bench bench;
    CHECK(bench.batch(kBefore));
    bench.verifications.marker(marker, version);
    bench.verifications.answer(kBefore, ErrorCode::none);
    CHECK(bench.told == Told{ErrorCode::invalid_txn_state});
    bench.verifications.allow(kBefore);
    bench.verifications.marker(marker, version);
    CHECK_FALSE(bench.verifications.allowed(kBefore));
  }
}

TEST_CASE("verifications: a late marker of version 2 leaves the transaction that follows alone",
          "[broker][transaction]") {
  Bench bench;
  CHECK(bench.batch(kNext));
  bench.verifications.marker(kNext, TransactionVersion::v2);  // it ends that of epoch 3
  bench.verifications.answer(kNext, ErrorCode::none);
  CHECK(bench.told == Told{ErrorCode::none});
  bench.verifications.marker(kNext, TransactionVersion::v2);
  CHECK(bench.verifications.allowed(kNext));
}

}  // namespace
}  // namespace millrace::broker
