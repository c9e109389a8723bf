#include "log/journal/journal_files.hpp"

#include <algorithm>
#include <array>

namespace millrace::log {
namespace {

constexpr std::size_t kChunkBytes = 256U << 10;

Result<void> fill_with_zeros(File& file, std::uint64_t bytes) {
  const std::vector<std::byte> zeros(kChunkBytes);
  if (const auto cut = file.truncate(0); !cut) return cut.error();
  for (std::uint64_t at = 0; at < bytes; at += kChunkBytes) {
    const auto count = std::min<std::uint64_t>(kChunkBytes, bytes - at);
    const std::array pieces{Bytes{zeros}.first(count)};
    if (const auto written = file.write_at(pieces, at); !written) return written.error();
  }
  return file.sync();
}

Result<std::shared_ptr<File>> prepare_file(Files& files, const std::filesystem::path& path,
                                           std::uint64_t bytes) {
  {
    const auto file = files.open(path, OpenMode::create);
    if (!file) return file.error();
    const auto size = (*file)->size();
    if (!size) return size.error();
    if (*size != bytes) {
      if (const auto filled = fill_with_zeros(**file, bytes); !filled) {
        (void)files.remove(path);  // half a file is no journal
        return filled.error();
      }
    }
  }
  return files.open_durable(path);
}

}  // namespace

Result<std::optional<JournalLife>> read_journal_life(Files& files,
                                                     const std::filesystem::path& dir) {
  using Life = std::optional<JournalLife>;
  const auto path = dir / kJournalLifeFile;
  const auto there = files.exists(path);
  if (!there) return there.error();
  if (!*there) return Life{};
  const auto bytes = files.read_all(path);
  if (!bytes) return bytes.error();
  const auto life = JournalLife::decode(*bytes);
  if (!life) return life.error();
  return Life{*life};
}

Result<void> write_journal_life(Files& files, const std::filesystem::path& dir, JournalLife life) {
  return files.write_atomically(dir / kJournalLifeFile, life.encode());
}

Result<JournalFiles> prepare_journal_files(Files& files, const std::filesystem::path& dir,
                                           std::size_t stream, std::size_t slots,
                                           std::uint64_t file_bytes) {
  if (const auto made = files.create_directories(dir); !made) return made.error();
  if (const auto synced = files.sync_directory(dir.parent_path()); !synced) return synced.error();
  JournalFiles prepared{.files = {}, .file_bytes = file_bytes};
  for (std::size_t slot = 0; slot < slots; ++slot) {
    auto file = prepare_file(files, dir / journal_file_name(stream, slot), file_bytes);
    if (!file) return file.error();
    prepared.files.push_back(std::move(*file));
  }
  // Slots that a larger journal had would count among these when they are read.
  for (std::size_t slot = slots;; ++slot) {
    const auto path = dir / journal_file_name(stream, slot);
    const auto there = files.exists(path);
    if (!there) return there.error();
    if (!*there) break;
    if (const auto removed = files.remove(path); !removed) return removed.error();
  }
  if (const auto synced = files.sync_directory(dir); !synced) return synced.error();
  return prepared;
}

Result<void> remove_surplus_journals(Files& files, const std::filesystem::path& dir,
                                     std::size_t streams) {
  const auto entries = files.list(dir);
  if (!entries) return entries.error();
  for (const DirectoryEntry& entry : *entries) {
    const auto id = parse_journal_file_name(entry.name);
    if (!id || id->stream < streams) continue;
    if (const auto removed = files.remove(dir / entry.name); !removed) return removed.error();
  }
  return {};
}

}  // namespace millrace::log
