#include "replication/quorum/segments.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "log/errc.hpp"
#include "protocol/base/ensure.hpp"
#include "replication/quorum/entry_frame.hpp"

namespace millrace::replication::quorum {

using consensus::Entry;
using consensus::Index;
using consensus::Position;

namespace {

constexpr std::string_view kEnding = ".log";

Problem failed(const std::filesystem::path& path, std::string_view what, const ErrorInfo& error) {
  return {fmt::format("{}: it could not be {}: {}", path.string(), what, error.message())};
}

Problem damaged(const std::filesystem::path& path, std::uint64_t position, std::string_view what) {
  return {fmt::format(
      "{}: damaged at byte {}: {}; what this node acknowledged to the metadata quorum is lost, so "
      "it must not vote any more: move the data directory away and start with an empty one, which "
      "joins by the address of another node (--join HOST:PORT)",
      path.string(), position, what)};
}

}  // namespace

std::filesystem::path Segments::path_of(Index base) const {
  return directory_ / fmt::format("{:020}{}", base.value, kEnding);
}

Result<std::vector<Index>> Segments::bases() const {
  const auto entries = files_.list(directory_);
  if (!entries) return entries.error();
  std::vector<Index> found;  // in order, as names of equal length are
  for (const auto& entry : *entries) {
    if (!entry.name.ends_with(kEnding)) continue;
    std::int64_t base = 0;
    const auto* const end = entry.name.data() + entry.name.size() - kEnding.size();
    if (std::from_chars(entry.name.data(), end, base).ptr == end) found.emplace_back(base);
  }
  return found;
}

std::variant<Segments::Found, Problem> Segments::open(Index synced, Index snapshot) {
  const auto found = bases();
  if (!found) return failed(directory_, "listed", found.error());
  Found result;
  segments_.clear();
  bool first = true;
  std::optional<std::size_t> torn;  // the segment that ends too early
  std::filesystem::path last_path = directory_;
  std::uint64_t end = 0;  // of the sound part of that segment
  for (std::size_t i = 0; i < found->size(); ++i) {
    const auto path = path_of((*found)[i]);
    const auto bytes = files_.read_all(path);
    if (!bytes) return failed(path, "read", bytes.error());
    std::size_t at = 0;
    if (!torn) {
      if (!first && (*found)[i] != last_.index.next())
        return damaged(path, 0, fmt::format("it does not follow entry {}", last_.index.value));
      auto file = files_.open(path, log::OpenMode::read_write);
      if (!file) return failed(path, "opened", file.error());
      Segment segment{.base = (*found)[i], .file = *std::move(file), .places = {}};
      while (at < bytes->size()) {
        auto frame = parse_frame(Bytes{*bytes}.subspan(at));
        if (!frame) break;
        if (first) {
          result.start = last_ = {frame->index.prev(), frame->term_before};
          first = false;
        }
        if (frame->index != last_.index.next() || frame->term_before != last_.term ||
            frame->entry.term < last_.term ||
            segment.base.plus(segment.places.size()) != frame->index)
          return damaged(path, at, "an entry that does not follow the one before");
        segment.places.push_back({at, last_.term});
        last_ = {frame->index, frame->entry.term};
        result.entries.push_back(std::move(frame->entry));
        at += frame->bytes;
      }
      segment.size = end = at;
      last_path = path;
      segments_.push_back(std::move(segment));
      if (at == bytes->size()) continue;
      torn = i;
    }
    // Pages reach a disk in any order, so sound frames of the same write may well follow. One that
    // was written when this place was durable says that it was acknowledged.
    while (const auto frame = next_frame(*bytes, at)) {
      if (frame->durable > std::max(last_.index, snapshot))
        return damaged(last_path, end, "an entry that was durable cannot be read");
      at += frame->bytes;
    }
  }
  if (std::max(last_.index, snapshot) < synced)
    return damaged(last_path, end,
                   fmt::format("it ends with entry {}, and was durable up to entry {}",
                               last_.index.value, synced.value));
  if (torn) {
    for (std::size_t i = found->size(); i-- > *torn + 1;) {
      if (const auto gone = files_.remove(path_of((*found)[i])); !gone)
        return failed(path_of((*found)[i]), "removed", gone.error());
      if (const auto kept = files_.sync_directory(directory_); !kept)
        return failed(directory_, "synced", kept.error());
    }
    auto& cut = segments_.back();
    if (const auto done = cut.file->truncate(cut.size); !done)
      return failed(last_path, "cut", done.error());
    if (const auto done = cut.file->sync(); !done) return failed(last_path, "synced", done.error());
  }
  rolled_ = segments_.empty();
  return result;
}

Result<void> Segments::append(std::span<const Entry> entries, Index durable) {
  if (entries.empty()) return {};
  if (rolled_) {
    const Index base = last_.index.next();
    if (segments_.empty() || segments_.back().base != base) {
      auto file = files_.open(path_of(base), log::OpenMode::create);
      if (!file) return file.error();
      segments_.push_back({.base = base, .file = *std::move(file), .places = {}});
      new_name_ = true;
    }
    rolled_ = false;
  }
  auto& segment = segments_.back();
  std::string bytes;
  for (const auto& entry : entries) {
    segment.places.push_back({segment.size + bytes.size(), last_.term});
    append_frame(bytes, {.index = last_.index.next(),
                         .term_before = last_.term,
                         .durable = durable,
                         .entry = entry});
    last_ = {last_.index.next(), entry.term};
  }
  const std::array pieces{as_bytes(bytes)};
  dirty_ = true;
  if (auto written = segment.file->write_at(pieces, segment.size); !written) return written;
  segment.size += bytes.size();
  return {};
}

Result<void> Segments::sync() {
  if (dirty_)
    if (auto synced = segments_.back().file->sync(); !synced) return synced;
  if (new_name_)
    if (auto synced = files_.sync_directory(directory_); !synced) return synced;
  dirty_ = new_name_ = false;
  return {};
}

Result<void> Segments::remove_last() {
  // One by one, the last first: whatever a crash leaves is the beginning of the log.
  const auto path = path_of(segments_.back().base);
  segments_.pop_back();
  if (auto gone = files_.remove(path); !gone) return gone;
  return files_.sync_directory(directory_);
}

Result<void> Segments::cut_behind(Index last) {
  if (last >= last_.index) return {};
  // What is cut next may be in a file before the one that is not synced.
  if (auto synced = sync(); !synced) return synced;
  while (!segments_.empty() && segments_.back().base > last) {
    if (!segments_.back().places.empty()) {
      last_ = {segments_.back().base.prev(), segments_.back().places.front().term_before};
    }
    if (auto removed = remove_last(); !removed) return removed;
    rolled_ = segments_.empty();
  }
  if (segments_.empty() || last_.index <= last) return {};
  auto& segment = segments_.back();
  const auto kept = static_cast<std::size_t>(last - segment.base + 1);
  ENSURE(kept < segment.places.size());
  last_ = {last, segment.places[kept].term_before};
  segment.size = segment.places[kept].position;
  segment.places.resize(kept);
  if (auto cut = segment.file->truncate(segment.size); !cut) return cut;
  return segment.file->sync();
}

Result<void> Segments::begin_behind(Position position) {
  while (!segments_.empty())
    if (auto removed = remove_last(); !removed) return removed;
  last_ = position;
  rolled_ = true;
  dirty_ = new_name_ = false;
  return {};
}

Result<void> Segments::forget(Index start) {
  while (segments_.size() > 1 && segments_[1].base <= start.next()) {
    const auto path = path_of(segments_.front().base);
    segments_.erase(segments_.begin());
    if (auto gone = files_.remove(path); !gone) return gone;
    if (auto synced = files_.sync_directory(directory_); !synced) return synced;
  }
  return {};
}

}  // namespace millrace::replication::quorum
