#include "replication/consensus/log_shape.hpp"

#include <catch2/catch.hpp>
#include <vector>

#include "protocol/base/rng.hpp"

namespace millrace::replication::consensus {
namespace {

Configuration of(std::int32_t voters) {
  Configuration configuration;
  for (std::int32_t i = 1; i <= voters; ++i) configuration.voters.push_back({NodeId{i}, {}});
  return configuration;
}

/// The same, entry by entry.
struct Model {
  Snapshot snapshot;
  Position start;
  std::vector<Entry> entries;

  [[nodiscard]] Index last() const { return start.index.plus(entries.size()); }
  [[nodiscard]] std::optional<Term> term_at(Index index) const {
    if (index == start.index) return start.term;
    if (index < start.index || index > last()) return std::nullopt;
    return entries[static_cast<std::size_t>(index - start.index - 1)].term;
  }
  [[nodiscard]] std::pair<Index, Configuration> configuration_at(Index index) const {
    for (Index i = index; i > snapshot.at.index; i = i.prev()) {
      const auto& body = entries[static_cast<std::size_t>(i - start.index - 1)].body;
      if (const auto* found = std::get_if<Configuration>(&body)) return {i, *found};
    }
    return {snapshot.at.index, snapshot.configuration};
  }
  [[nodiscard]] Position last_at_most(Position bound) const {
    for (Index i = std::min(bound.index, last()); i > start.index; i = i.prev())
      if (*term_at(i) <= bound.term) return {i, *term_at(i)};
    return start;
  }
};

void compare(const LogShape& shape, const Model& model) {
  REQUIRE(shape.start() == model.start);
  REQUIRE(shape.last() == Position{model.last(), *model.term_at(model.last())});
  REQUIRE(shape.configuration_index() == model.configuration_at(model.last()).first);
  REQUIRE(shape.configuration() == model.configuration_at(model.last()).second);
  for (Index i{0}; i <= model.last().next(); i = i.next()) {
    REQUIRE(shape.term_at(i) == model.term_at(i));
    if (i >= model.snapshot.at.index && i <= model.last()) {
      REQUIRE(shape.configuration_at(i) == model.configuration_at(i).second);
      for (std::int32_t node = 1; node <= 5; ++node) {
        bool votes = false;
        for (Index later = i; later <= model.last(); later = later.next())
          votes = votes || model.configuration_at(later).second.is_voter({NodeId{node}, {}});
        REQUIRE(shape.votes_since(i, {NodeId{node}, {}}) == votes);
      }
    }
    for (std::int32_t term = 0; term < 8; ++term) {
      const Position bound{i, Term{term}};
      REQUIRE(shape.last_at_most(bound) == model.last_at_most(bound));
    }
  }
}

TEST_CASE("log shape: it is the log, less what it holds", "[replication][consensus]") {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    INFO("seed " << seed);
    SeededRng rng{seed};
    Model model{{{Index{1}, Term{1}}, of(1)}, {Index{1}, Term{1}}, {}};
    LogShape shape{model.snapshot};
    for (int step = 0; step < 40; ++step) {
      const auto length = static_cast<std::uint64_t>(model.last() - model.snapshot.at.index);
      switch (rng.below(6)) {
        case 0: {
          const Index last = model.snapshot.at.index.plus(rng.below(length + 1));
          model.entries.resize(static_cast<std::size_t>(last - model.start.index));
          shape.cut_behind(last);
          break;
        }
        case 1: {
          const Index at = model.snapshot.at.index.plus(rng.below(length + 1));
          const auto room = static_cast<std::uint64_t>(at - model.start.index);
          const Index start = model.start.index.plus(rng.below(room + 1));
          const Snapshot snapshot{{at, *model.term_at(at)}, model.configuration_at(at).second};
          const Position new_start{start, *model.term_at(start)};
          model.entries.erase(model.entries.begin(),
                              model.entries.begin() + (start - model.start.index));
          model.start = new_start;
          model.snapshot = snapshot;
          shape.compact(snapshot, start);
          break;
        }
        default: {
          const Term term{std::min(
              7, model.term_at(model.last())->value + static_cast<std::int32_t>(rng.below(5) / 4))};
          Entry entry{term, Payload{"x"}};
          if (rng.chance(1, 4)) entry.body = of(static_cast<std::int32_t>(1 + rng.below(5)));
          model.entries.push_back(entry);
          shape.append(entry);
        }
      }
      compare(shape, model);
    }
    // As a start finds it.
    LogShape found{model.snapshot, model.start};
    for (const auto& entry : model.entries) found.append(entry);
    compare(found, model);
  }
}

}  // namespace
}  // namespace millrace::replication::consensus
