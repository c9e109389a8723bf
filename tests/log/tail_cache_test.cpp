#include "log/tail_cache.hpp"

#include <catch2/catch.hpp>
#include <string>

namespace millrace::log {
namespace {

void add(TailCache& cache, std::int64_t base, std::int64_t next, const std::string& text) {
  cache.stage(as_bytes(text));
  cache.commit(Offset{base}, Offset{next});
}

std::string read(const TailCache& cache, std::int64_t from, std::int64_t limit = 1000,
                 std::size_t bytes_max = 1000) {
  const auto flat = cache.read({Offset{from}, Offset{limit}, bytes_max, true}).batches.flatten();
  return std::string{as_text(flat)};
}

TEST_CASE("tail cache: whole batches from the one asked for, up to limit and size",
          "[log][cache]") {
  TailCache cache;
  add(cache, 0, 3, "aaa");
  add(cache, 3, 5, "bb");
  add(cache, 9, 10, "c");
  CHECK(read(cache, 0) == "aaabbc");
  CHECK(read(cache, 4) == "bbc");
  CHECK(read(cache, 6) == "c");
  CHECK(read(cache, 10).empty());
  CHECK(read(cache, 0, 4) == "aaa");
  CHECK(read(cache, 0, 2).empty());
  CHECK(read(cache, 0, 1000, 1) == "aaa");
  CHECK(read(cache, 0, 1000, 5) == "aaabb");
  CHECK(cache.read({Offset{0}, Offset{9}, 1, false}).batches.empty());
  CHECK(cache.read({Offset{1}, Offset{5}, 100, true}).next == Offset{5});
}

TEST_CASE("tail cache: what is not written stays, whatever the bound", "[log][cache]") {
  TailCache cache;
  const std::string kilobyte(1024, 'x');
  for (std::int64_t i = 0; i < 64; ++i) add(cache, i, i + 1, kilobyte);
  CHECK(cache.unwritten_bytes() == 64 * 1024);
  cache.trim(0);
  CHECK(cache.begin() == Offset{0});
  std::size_t bytes = 0;
  for (const Bytes piece : cache.unwritten(Offset{64})) bytes += piece.size();
  CHECK(bytes == 64 * 1024);
  cache.set_written(Offset{40});
  CHECK(cache.unwritten_bytes() == 24 * 1024);
  cache.trim(0);
  REQUIRE(cache.begin().has_value());
  CHECK(*cache.begin() > Offset{0});
  CHECK(*cache.begin() <= Offset{40});
  cache.set_written(Offset{64});
  cache.trim(0);
  CHECK_FALSE(cache.begin().has_value());
  CHECK(cache.memory_bytes() == 0);
}

TEST_CASE("tail cache: truncation never changes bytes that a reader holds", "[log][cache]") {
  TailCache cache;
  add(cache, 0, 1, "one");
  add(cache, 1, 2, "two");
  cache.set_written(Offset{2});
  const auto held = cache.read({Offset{0}, Offset{2}, 100, true}).batches;
  cache.truncate_to(Offset{1});
  add(cache, 1, 2, "TWO");
  CHECK(as_text(held.flatten()) == "onetwo");
  CHECK(read(cache, 0) == "oneTWO");
  cache.set_written(Offset{2});
  cache.truncate_to(Offset{0});
  CHECK(read(cache, 0).empty());
  add(cache, 0, 1, "new");
  CHECK(read(cache, 0) == "new");
}

}  // namespace
}  // namespace millrace::log
