#include "tests/support/memory_node.hpp"

#include <algorithm>
#include <cstring>

#include "protocol/base/bytes.hpp"

namespace millrace::sim {
namespace {

constexpr std::size_t kSectorBytes = 512;
constexpr std::uint64_t kPageBytes = 4096;

void play(std::vector<std::byte>& data, const MemoryNode::FileStep& step) {
  if (step.is_truncate) return data.resize(step.position);
  const std::uint64_t end = step.position + step.bytes.size();
  if (data.size() < end) data.resize(end);
  if (!step.bytes.empty())
    std::memcpy(data.data() + step.position, step.bytes.data(), step.bytes.size());
}

void play(MemoryNode::Entries& entries, const MemoryNode::DirectoryStep& step) {
  if (step.gone) entries.erase(*step.gone);
  if (step.come) entries[*step.come] = step.node;
}

}  // namespace

void MemoryNode::take(FileStep step) {
  play(data, step);
  if (step.is_truncate) {  // pages that go are forgotten for good
    const std::uint64_t kept = (step.position + kPageBytes - 1) / kPageBytes;
    forgotten_pages.erase(forgotten_pages.lower_bound(kept), forgotten_pages.end());
  } else if (!forgotten_pages.empty()) {
    return take_by_pages(step);
  }
  file_steps.push_back(std::move(step));
}

void MemoryNode::take_by_pages(const FileStep& step) {
  const std::uint64_t end = step.position + step.bytes.size();
  for (std::uint64_t at = step.position; at < end;) {
    const std::uint64_t page = at / kPageBytes;
    const std::uint64_t to = std::min(end, (page + 1) * kPageBytes);
    if (!forgotten_pages.contains(page)) {
      const Bytes part = Bytes{step.bytes}.subspan(at - step.position, to - at);
      file_steps.push_back({.position = at, .bytes = {part.begin(), part.end()}});
    }
    at = to;
  }
}

void MemoryNode::forget_unsynced() {
  for (const auto& step : file_steps) {
    if (step.is_truncate || step.bytes.empty()) continue;
    const std::uint64_t last = (step.position + step.bytes.size() - 1) / kPageBytes;
    for (std::uint64_t page = step.position / kPageBytes; page <= last; ++page)
      forgotten_pages.insert(page);
  }
  file_steps.clear();
}

void MemoryNode::let_go(std::uint64_t position, std::uint64_t size) {
  const std::uint64_t end = position + size;
  for (auto page = forgotten_pages.begin(); page != forgotten_pages.end();) {
    const std::uint64_t from = *page * kPageBytes;
    const std::uint64_t to = std::min<std::uint64_t>(from + kPageBytes, data.size());
    if (from < position || to > end) {
      ++page;
      continue;
    }
    for (std::uint64_t at = from; at < to; ++at)
      data[at] = at < durable_data.size() ? durable_data[at] : std::byte{0};
    page = forgotten_pages.erase(page);
  }
}

void MemoryNode::take(DirectoryStep step) {
  play(entries, step);
  directory_steps.push_back(std::move(step));
}

void MemoryNode::make_durable() {
  for (const auto& step : file_steps) play(durable_data, step);
  for (const auto& step : directory_steps) play(durable_entries, step);
  file_steps.clear();
  directory_steps.clear();
}

void MemoryNode::make_all_durable() {
  make_durable();
  for (auto& [name, node] : entries) node->make_all_durable();
}

void MemoryNode::crash(Rng& rng) {
  for (const auto& step : file_steps) crash_step(step, rng);
  for (const auto& step : directory_steps)
    if (rng.chance(1, 2)) play(durable_entries, step);
  file_steps.clear();
  forgotten_pages.clear();
  directory_steps.clear();
  data = durable_data;
  entries = durable_entries;
  for (auto& [name, node] : entries) node->crash(rng);
}

void MemoryNode::crash_step(const FileStep& step, Rng& rng) {
  if (step.is_truncate) {
    if (rng.chance(1, 2)) play(durable_data, step);
    return;
  }
  const auto extend = [&] {  // the size may reach the disk before the bytes do
    const std::uint64_t end = step.position + step.bytes.size();
    if (durable_data.size() < end) durable_data.resize(end);
  };
  switch (rng.below(6)) {
    case 0:
    case 1:
      return play(durable_data, step);
    case 2:
      return;
    case 3:
      return extend();
    case 4: {  // torn at a byte
      FileStep part = step;
      part.bytes.resize(rng.below(step.bytes.size() + 1));
      return play(durable_data, part);
    }
    default: {  // sector by sector
      if (rng.chance(1, 2)) extend();
      std::uint64_t from = 0;
      while (from < step.bytes.size()) {
        const std::uint64_t sector_end =
            (step.position + from) / kSectorBytes * kSectorBytes + kSectorBytes - step.position;
        const std::uint64_t to = std::min<std::uint64_t>(sector_end, step.bytes.size());
        if (rng.chance(1, 2)) {
          const auto begin = step.bytes.begin();
          play(durable_data, {false,
                              step.position + from,
                              {begin + static_cast<std::ptrdiff_t>(from),
                               begin + static_cast<std::ptrdiff_t>(to)}});
        }
        from = to;
      }
    }
  }
}

}  // namespace millrace::sim
