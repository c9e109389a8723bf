#include "log/compaction/swap.hpp"

#include <algorithm>

#include "log/errc.hpp"
#include "log/file_names.hpp"

namespace millrace::log {
namespace {

/// The output's log file must be whole before anything else of it is believed.
Result<void> check_output(Files& files, const Files::Path& dir, const SwapList::Output& output) {
  const auto path = dir / file_name(output.base, kLogSuffix);
  auto cleaned = path;
  cleaned += kCleanedSuffix;
  const auto waiting = files.exists(cleaned);
  if (!waiting) return waiting.error();
  const auto there = files.exists(path);
  if (!there) return there.error();
  if (!*waiting && !*there) return Errc::corrupt_file;
  const auto file = files.open(*waiting ? cleaned : path, OpenMode::read_only);
  if (!file) return file.error();
  const auto size = (*file)->size();
  if (!size) return size.error();
  if (*size != output.bytes) return Errc::corrupt_file;
  return {};
}

}  // namespace

Result<void> redo_swap(Files& files, const Files::Path& dir, const SwapList& list) {
  for (const auto& output : list.outputs)
    if (const auto sound = check_output(files, dir, output); !sound) return sound;
  for (const Offset source : list.sources) {
    if (std::ranges::find(list.outputs, source, &SwapList::Output::base) != list.outputs.end())
      continue;
    for (const auto suffix : kSegmentSuffixes)
      if (const auto removed = files.remove(dir / file_name(source, suffix)); !removed)
        return removed.error();
  }
  for (const auto& output : list.outputs) {
    for (const auto suffix : kSegmentSuffixes) {
      const auto path = dir / file_name(output.base, suffix);
      auto cleaned = path;
      cleaned += kCleanedSuffix;
      const auto waiting = files.exists(cleaned);
      if (!waiting) return waiting.error();
      if (!*waiting) continue;
      if (const auto renamed = files.rename(cleaned, path); !renamed) return renamed.error();
    }
  }
  return end_swap(files, dir);
}

Result<void> end_swap(Files& files, const Files::Path& dir) {
  if (const auto synced = files.sync_directory(dir); !synced) return synced.error();
  if (const auto removed = files.remove(dir / kSwapListFile); !removed) return removed.error();
  return files.sync_directory(dir);
}

Result<void> remove_cleaned(Files& files, const Files::Path& dir) {
  const auto entries = files.list(dir);
  if (!entries) return entries.error();
  for (const DirectoryEntry& entry : *entries) {
    if (!entry.name.ends_with(kCleanedSuffix)) continue;
    if (const auto removed = files.remove(dir / entry.name); !removed) return removed.error();
  }
  return {};
}

}  // namespace millrace::log
