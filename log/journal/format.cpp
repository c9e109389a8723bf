#include "log/journal/format.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cstring>

#include "protocol/checksum/crc32c.hpp"

namespace millrace::log {
namespace {

constexpr std::uint32_t kGroupMagic = 0x4d4a4731;  // "MJG1"
constexpr std::size_t kCrcFrom = 8;

std::optional<JournalEntryView> take_entry(Bytes& rest) {
  if (rest.size() < kEntryHeaderBytes) return std::nullopt;
  JournalEntryView entry;
  std::memcpy(entry.key.topic.bytes.data(), rest.data(), entry.key.topic.bytes.size());
  entry.key.partition = PartitionIndex{load_be<std::int32_t>(rest.data() + 16)};
  const auto size = load_be<std::uint32_t>(rest.data() + 20);
  entry.base = Offset{load_be<std::int64_t>(rest.data() + 24)};
  entry.end = Offset{load_be<std::int64_t>(rest.data() + 32)};
  rest = rest.subspan(kEntryHeaderBytes);
  if (rest.size() < size || entry.base < Offset{0} || entry.end <= entry.base) return std::nullopt;
  entry.batches = rest.first(size);
  rest = rest.subspan(size);
  return entry;
}

}  // namespace

std::optional<JournalGroupView> parse_journal_group(Bytes blocks) {
  if (blocks.size() < kGroupHeaderBytes) return std::nullopt;
  const std::byte* const header = blocks.data();
  if (load_be<std::uint32_t>(header) != kGroupMagic) return std::nullopt;
  const auto size = load_be<std::uint32_t>(header + 8);
  if (size < kGroupHeaderBytes - kCrcFrom || size > blocks.size() - kCrcFrom) return std::nullopt;
  const Bytes covered = blocks.subspan(kCrcFrom, size);
  if (load_be<std::uint32_t>(header + 4) != protocol::crc32c(covered)) return std::nullopt;
  JournalGroupView group;
  group.size_bytes = kCrcFrom + size;
  group.life = load_be<std::uint64_t>(header + 16);
  group.sequence = load_be<std::uint64_t>(header + 24);
  Bytes rest = covered.subspan(kGroupHeaderBytes - kCrcFrom);
  for (auto left = load_be<std::uint32_t>(header + 12); left > 0; --left) {
    const auto entry = take_entry(rest);
    if (!entry) return std::nullopt;
    group.entries.push_back(*entry);
  }
  if (!rest.empty()) return std::nullopt;
  return group;
}

void put_entry_header(std::byte* to, const JournalKey& key, Offset base, Offset end,
                      std::size_t batch_bytes) {
  std::memcpy(to, key.topic.bytes.data(), key.topic.bytes.size());
  store_be(to + 16, key.partition.value);
  store_be(to + 20, static_cast<std::uint32_t>(batch_bytes));
  store_be(to + 24, base.value);
  store_be(to + 32, end.value);
}

void put_group_header(std::byte* group, std::size_t size_bytes, std::size_t entries,
                      std::uint64_t life, std::uint64_t sequence) {
  store_be(group, kGroupMagic);
  store_be(group + 8, static_cast<std::uint32_t>(size_bytes - kCrcFrom));
  store_be(group + 12, static_cast<std::uint32_t>(entries));
  store_be(group + 16, life);
  store_be(group + 24, sequence);
  store_be(group + 4, protocol::crc32c({group + kCrcFrom, size_bytes - kCrcFrom}));
}

std::string journal_file_name(std::size_t stream, std::size_t slot) {
  return fmt::format("{}-{}{}", stream, slot, kJournalSuffix);
}

std::optional<JournalFileId> parse_journal_file_name(std::string_view name) {
  if (!name.ends_with(kJournalSuffix)) return std::nullopt;
  name.remove_suffix(kJournalSuffix.size());
  const auto dash = name.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto number = [](std::string_view digits, std::size_t& value) {
    const char* const end = digits.data() + digits.size();
    return !digits.empty() &&
           std::from_chars(digits.data(), end, value) == std::from_chars_result{end, std::errc{}};
  };
  JournalFileId id;
  if (!number(name.substr(0, dash), id.stream) || !number(name.substr(dash + 1), id.slot))
    return std::nullopt;
  return id;
}

}  // namespace millrace::log
