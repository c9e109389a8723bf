#include "clients/partitioner.hpp"

#include <catch2/catch.hpp>
#include <string_view>
#include <utility>

using namespace millrace;
using namespace millrace::clients;

TEST_CASE("partitioner: murmur2 gives the values that other clients give", "[clients]") {
  const std::pair<std::string_view, std::uint32_t> known[] = {
      {"", 275646681},
      {"21", 3321034988},
      {"foobar", 3504634814},
      {"a-little-bit-long-string", 3308985760},
      {"a-little-bit-longer-string", 2808662467},
      {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", 4236069325},
      {"abc", 479470107},
      {"\xff\xfe\xfd", 998637092},
      {"key-1", 193331640}};
  for (const auto& [key, hash] : known) {
    INFO(key);
    CHECK(murmur2(as_bytes(key)) == hash);
  }
}

TEST_CASE("partitioner: a key goes to the partition that Java's producer takes", "[clients]") {
  CHECK(partition_for_key(as_bytes("21"), 12) == PartitionIndex{0});
  CHECK(partition_for_key(as_bytes("foobar"), 12) == PartitionIndex{6});
  CHECK(partition_for_key(as_bytes("a-little-bit-longer-string"), 12) == PartitionIndex{11});
  CHECK(partition_for_key(as_bytes("abc"), 1) == PartitionIndex{0});
}
