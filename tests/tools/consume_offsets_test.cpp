#include "tools/commands/consume_offsets.hpp"

#include <catch2/catch.hpp>

using namespace millrace;
using namespace millrace::tools;
using clients::PartitionOffsets;
using protocol::ErrorCode;

namespace {

const TopicPartition kFirst{"t", PartitionIndex{0}};
const TopicPartition kSecond{"t", PartitionIndex{1}};

}  // namespace

TEST_CASE("consume offsets: only what was written is committed, and once", "[tools]") {
  ConsumeOffsets offsets;
  offsets.printed(kFirst, Offset{3});
  CHECK(offsets.take().empty());
  offsets.written();
  offsets.printed(kFirst, Offset{5});
  CHECK(offsets.take() == PartitionOffsets{{kFirst, Offset{3}}});
  CHECK(offsets.take().empty());
  offsets.not_written();
  offsets.written();
  CHECK(offsets.take().empty());
}

TEST_CASE("consume offsets: a partition that goes is forgotten, printed or written", "[tools]") {
  ConsumeOffsets offsets;
  offsets.printed(kFirst, Offset{100});
  offsets.printed(kSecond, Offset{7});
  offsets.written();
  offsets.printed(kFirst, Offset{101});
  offsets.forget({kFirst});
  offsets.written();
  CHECK(offsets.take() == PartitionOffsets{{kSecond, Offset{7}}});
}

TEST_CASE("consume offsets: a refused commit is due again, behind what came later", "[tools]") {
  ConsumeOffsets offsets;
  offsets.printed(kFirst, Offset{3});
  offsets.printed(kSecond, Offset{7});
  offsets.written();
  const auto taken = offsets.take();
  offsets.printed(kFirst, Offset{5});
  offsets.written();
  offsets.refused(taken);
  CHECK(offsets.take() == PartitionOffsets{{kFirst, Offset{5}}, {kSecond, Offset{7}}});
}

TEST_CASE("consume offsets: a rebalance refuses by its own codes, fencing is another matter",
          "[tools]") {
  const auto refused = [](ErrorCode code) {
    return is_refused_by_rebalance({.broker_code = code});
  };
  CHECK(refused(ErrorCode::illegal_generation));
  CHECK(refused(ErrorCode::unknown_member_id));
  CHECK(refused(ErrorCode::rebalance_in_progress));
  CHECK(refused(ErrorCode::stale_member_epoch));
  CHECK(refused(ErrorCode::fenced_member_epoch));
  CHECK_FALSE(refused(ErrorCode::none));
  CHECK_FALSE(refused(ErrorCode::fenced_instance_id));
  CHECK_FALSE(refused(ErrorCode::group_authorization_failed));
}
