#include "tests/sim/log/rot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "protocol/record/batch.hpp"

namespace millrace::log_sim {
namespace {

struct Place {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  Offset base;
};

/// Where the batches of a sound segment lie.
std::vector<Place> places(Bytes log) {
  std::vector<Place> found;
  std::uint64_t at = 0;
  protocol::BatchRun run{log};
  for (const auto batch : run) {
    found.push_back({at, at + batch.size_bytes(), batch.base_offset()});
    at += batch.size_bytes();
  }
  return found;
}

/// Bytes of a batch that its checksum does not cover, or that say where it ends.
constexpr std::uint64_t kUnprotectedBytes = 16;

}  // namespace

std::string Rot::to_string() const {
  static constexpr std::array<std::string_view, 4> kNames{"bit flipped", "zeroed", "cut", "erased"};
  auto text = fmt::format("{}: {} at {}", file, kNames[static_cast<std::size_t>(kind)], position);
  if (first_hit) text += fmt::format(", hits the batch at {}", first_hit->value);
  return text;
}

std::optional<Rot> rot_one(sim::MemoryFiles& disk, const std::filesystem::path& directory, Rng& rng,
                           bool index_only) {
  std::vector<std::string> names;
  for (auto& name : disk.names(directory)) {
    const bool leftover = name.ends_with(".deleted") || name.ends_with(".tmp") ||
                          name.ends_with(".cleaned") || name == "compaction-swap";
    const bool index = name.ends_with("index");
    if (!leftover && (index || !index_only)) names.push_back(name);
  }
  if (names.empty()) return std::nullopt;
  Rot rot;
  rot.file = names[rng.below(names.size())];
  const auto path = directory / rot.file;
  const auto before = disk.contents(path);
  const std::uint64_t size = before.size();
  rot.kind = std::array{Rot::Kind::flip, Rot::Kind::flip, Rot::Kind::zero, Rot::Kind::cut,
                        Rot::Kind::erase}[rng.below(index_only ? 3 : 5)];
  if (size == 0 && rot.kind != Rot::Kind::erase) return std::nullopt;
  const auto batches = rot.is_log() ? places(before) : std::vector<Place>{};
  std::uint64_t end = size;
  switch (rot.kind) {
    case Rot::Kind::flip:
      rot.position = rng.below(size);
      // Headers are small, and what is in them matters more.
      if (!batches.empty() && rng.chance(1, 2)) {
        const auto& batch = batches[rng.below(batches.size())];
        rot.position = batch.begin + rng.below(protocol::kBatchHeaderBytes);
      }
      disk.flip_bit(path, rot.position, static_cast<unsigned>(rng.below(8)));
      end = rot.position + 1;
      break;
    case Rot::Kind::zero:
      rot.position = rng.below(size);
      end = rot.position + 1 + rng.below(size - rot.position);
      disk.zero(path, rot.position, end - rot.position);
      break;
    case Rot::Kind::cut:
      rot.position = rng.below(size);
      if (!batches.empty() && rng.chance(1, 3))
        rot.position = batches[rng.below(batches.size())].begin;
      disk.cut(path, rot.position);
      break;
    case Rot::Kind::erase:
      disk.erase(path);
      break;
  }
  if (disk.contents(path) == before && rot.kind != Rot::Kind::erase) return std::nullopt;
  for (const Place& place : batches) {
    if (place.end <= rot.position || place.begin >= end) continue;
    if (!rot.first_hit) rot.first_hit = place.base;
    const std::uint64_t from = std::max(rot.position, place.begin);
    if (from < place.begin + kUnprotectedBytes) rot.unprotected = true;
  }
  return rot;
}

}  // namespace millrace::log_sim
