#include "log/journal/journal_recovery.hpp"

#include <algorithm>

#include "log/errc.hpp"
#include "log/journal/journal.hpp"
#include "log/small_file.hpp"

namespace millrace::log {
namespace {

constexpr std::uint32_t kLifeTag = 0x4d4a4c31;  // "MJL1"

/// A group as it was found.
struct Found {
  std::uint64_t sequence = 0;
  std::size_t slot = 0;
  std::filesystem::path file;
  std::uint64_t position = 0;
  JournalGroupView group;
  std::shared_ptr<const std::vector<std::byte>> memory;
};

/// The groups of this life in one file, without those of an earlier round.
void find_groups(const std::filesystem::path& path, std::size_t slot, std::vector<std::byte> bytes,
                 std::uint64_t life, std::vector<Found>& found) {
  const auto memory = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
  const Bytes all{*memory};
  std::optional<std::uint64_t> newest;  // so far in this file
  for (std::size_t at = 0; at + kGroupHeaderBytes <= all.size();) {
    auto group = parse_journal_group(all.subspan(at));
    if (!group) {
      at += kJournalBlockBytes;
      continue;
    }
    const std::size_t next = at + whole_blocks(group->size_bytes);
    // A round writes upwards, so a smaller number is left over from the round before.
    if (group->life == life && (!newest || group->sequence > *newest)) {
      newest = group->sequence;
      found.push_back({group->sequence, slot, path, at, std::move(*group), memory});
    }
    at = next;
  }
}

}  // namespace

std::vector<std::byte> JournalLife::encode() const {
  SmallFileWriter file{kLifeTag};
  file.put(number);
  file.put(static_cast<std::uint8_t>(in_use));
  return std::move(file).finish();
}

Result<JournalLife> JournalLife::decode(Bytes file) {
  auto reader = SmallFileReader::open(file, kLifeTag);
  if (!reader) return reader.error();
  JournalLife life;
  std::uint8_t in_use = 0;
  if (!reader->take(life.number) || !reader->take(in_use) || reader->left() != 0 || in_use > 1)
    return Errc::corrupt_file;
  life.in_use = in_use != 0;
  return life;
}

Result<JournalContents> JournalContents::read(Files& files, const std::filesystem::path& dir,
                                              std::uint64_t life, DamageSink& sink) {
  JournalContents contents;
  const auto there = files.exists(dir);
  if (!there) return there.error();
  if (!*there) return contents;
  const auto entries = files.list(dir);
  if (!entries) return entries.error();
  struct Stream {
    std::vector<Found> groups;
    std::size_t slots = 0;
  };
  std::map<std::size_t, Stream> streams;
  for (const DirectoryEntry& entry : *entries) {
    const auto id = parse_journal_file_name(entry.name);
    if (!id) continue;
    auto bytes = files.read_all(dir / entry.name);
    if (!bytes) return bytes.error();
    Stream& stream = streams[id->stream];
    stream.slots = std::max(stream.slots, id->slot + 1);
    find_groups(dir / entry.name, id->slot, std::move(*bytes), life, stream.groups);
  }
  for (auto& [number, stream] : streams) {
    auto& found = stream.groups;
    if (found.empty()) continue;
    std::ranges::sort(found, {}, &Found::sequence);
    const std::uint64_t newest = found.back().sequence;
    // The file that is written next is no loss: an interrupted write may have torn what it held.
    const std::size_t recycled = (found.back().slot + 1) % stream.slots;
    std::uint64_t expected = found.front().sequence;
    for (const Found& one : found) {
      const bool confirmed = one.sequence + Journal::kInFlightMax <= newest;
      if (one.sequence != expected && confirmed && one.slot != recycled) {
        sink.damaged({one.file, one.position, Offset{0}, 0, true,
                      "groups of the journal before this one cannot be read"});
      }
      expected = one.sequence + 1;
      for (std::uint32_t i = 0; i < one.group.entries.size(); ++i) {
        const JournalEntryView& entry = one.group.entries[i];
        contents.runs_[entry.key].push_back({.at = {life, one.sequence, i},
                                             .base = entry.base,
                                             .end = entry.end,
                                             .batches = SharedBytes{one.memory, entry.batches},
                                             .confirmed = confirmed});
      }
    }
  }
  return contents;
}

std::span<const JournalRun> JournalContents::of(const JournalKey& key) const {
  const auto found = runs_.find(key);
  if (found == runs_.end()) return {};
  return found->second;
}

}  // namespace millrace::log
