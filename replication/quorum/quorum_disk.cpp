#include "replication/quorum/quorum_disk.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "log/errc.hpp"
#include "log/small_file.hpp"
#include "protocol/base/ensure.hpp"

namespace millrace::replication::quorum {

using consensus::Index;
using consensus::LogShape;
using consensus::Member;
using consensus::Position;
using consensus::Snapshot;
using consensus::Term;
using consensus::Write;

namespace {

constexpr std::string_view kSyncPoint = "sync-point";
constexpr std::uint32_t kSyncPointTag = 0x4d535031;  // MSP1
constexpr Position kFirst{Index{1}, Term{1}};

Problem problem(const std::filesystem::path& path, std::string_view what, const ErrorInfo& error) {
  return {fmt::format("{}: {}: {}", path.string(), what, error.message())};
}

Problem damage(const std::filesystem::path& path, std::string_view what) {
  return {fmt::format(
      "{}: {}; what this node promised to the metadata quorum is lost, so it must not vote any "
      "more: move the data directory away and start with an empty one, which joins by the address "
      "of another node (--join HOST:PORT)",
      path.string(), what)};
}

}  // namespace

LogShape Recovered::shape() const {
  LogShape shape{snapshot.snapshot, start};
  for (const auto& entry : entries) shape.append(entry);
  return shape;
}

Result<void> QuorumDisk::begin_anew() {
  if (auto gone = files_.remove_all(directory_); !gone) return gone;
  if (auto made = files_.create_directories(directory_); !made) return made;
  return files_.sync_directory(directory_.parent_path());
}

Result<void> QuorumDisk::format_first(const Member& self) {
  if (auto anew = begin_anew(); !anew) return anew;
  const Snapshot first{.at = kFirst, .configuration = {.voters = {self}, .learners = {}}};
  if (auto written = write_snapshot(files_, directory_, {.snapshot = first, .pieces = {}});
      !written)
    return written;
  return write_voter_file(
      files_, directory_,
      {.directory = self.directory, .state = {.term = kFirst.term, .vote = {}}});
}

Result<void> QuorumDisk::format_joining(const Member& self) {
  if (auto anew = begin_anew(); !anew) return anew;
  return write_voter_file(files_, directory_, {.directory = self.directory, .state = {}});
}

std::variant<Recovered, Problem> QuorumDisk::recover() {
  Recovered found;
  const auto voter = read_voter_file(files_, directory_);
  if (!voter && voter.error() != log::Errc::corrupt_file)
    return problem(directory_, "its voter-state could not be read", voter.error());
  if (!voter) return damage(directory_ / "voter-state", "it is damaged");
  if (!*voter) return damage(directory_ / "voter-state", "it is missing");
  found.voter = voter_ = **voter;
  if (const auto swept = sweep_snapshots(files_, directory_, true); !swept)
    return problem(directory_, "old snapshots could not be removed", swept.error());
  const auto snapshots = list_snapshots(files_, directory_);
  if (!snapshots) return problem(directory_, "it could not be listed", snapshots.error());
  if (!snapshots->empty()) {
    const auto path = snapshot_path(directory_, snapshots->back());
    auto contents = read_snapshot(files_, path);
    if (!contents && contents.error() != log::Errc::corrupt_file)
      return problem(path, "it could not be read", contents.error());
    if (!contents || contents->snapshot.at != snapshots->back())
      return damage(path, "the snapshot is damaged");
    found.snapshot = *std::move(contents);
  }
  const Position at = found.snapshot.snapshot.at;
  const auto synced = read_sync_point();
  if (!synced) return problem(directory_, "its sync-point could not be read", synced.error());
  auto opened = segments_.open(*synced, at.index);
  if (auto* failed = std::get_if<Problem>(&opened)) return std::move(*failed);
  auto& log = std::get<Segments::Found>(opened);
  if (log.entries.empty()) log.start = at;
  if (log.start.index > at.index)
    return damage(directory_,
                  fmt::format("the log begins behind entry {}, and there is no snapshot "
                              "of what was before",
                              log.start.index.value));
  found.start = log.start;
  found.entries = std::move(log.entries);
  if (found.entries.empty() || !found.shape().holds(at)) {
    // A crash came between the steps of a restore.
    if (const auto restored = restore(at); !restored)
      return problem(directory_, "its log could not be emptied", restored.error());
    found.start = at;
    found.entries.clear();
  }
  const Position last = segments_.last();
  if (last.term > voter_.state.term)
    return damage(directory_ / "voter-state",
                  fmt::format("it knows of term {}, and the log of term {}",
                              voter_.state.term.value, last.term.value));
  synced_ = last.index;
  return found;
}

Result<Index> QuorumDisk::read_sync_point() {
  auto file = files_.open(directory_ / kSyncPoint, log::OpenMode::create);
  if (!file) return file.error();
  sync_point_ = *std::move(file);
  std::array<std::byte, 16> bytes{};
  const auto got = sync_point_->read_at(bytes, 0);
  if (!got) return got.error();
  // It is not synced, so it may be anything; then it says nothing.
  auto reader = log::SmallFileReader::open(Bytes{bytes}.first(*got), kSyncPointTag);
  std::int64_t index = 0;
  if (!reader || !reader->take(index)) return Index{};
  return Index{index};
}

Result<void> QuorumDisk::note_sync_point(Index index, bool durable) {
  log::SmallFileWriter writer{kSyncPointTag};
  writer.put(index.value);
  const auto bytes = std::move(writer).finish();
  const std::array pieces{Bytes{bytes}};
  if (auto written = sync_point_->write_at(pieces, 0); !written) return written;
  if (!durable) return {};
  if (auto synced = sync_point_->sync(); !synced) return synced;
  return files_.sync_directory(directory_);
}

Result<void> QuorumDisk::restore(Position at) {
  // Else the note of what was durable would call missing what is removed now.
  if (auto noted = note_sync_point(Index{}, true); !noted) return noted;
  synced_ = at.index;
  return segments_.begin_behind(at);
}

Result<void> QuorumDisk::append(const Write& write) {
  const Index kept = write.first.prev();
  ENSURE(kept <= segments_.last().index);
  if (kept < segments_.last().index) {
    if (auto noted = note_sync_point(std::min(kept, synced_), true); !noted) return noted;
    synced_ = std::min(kept, synced_);
    if (auto cut = segments_.cut_behind(kept); !cut) return cut;
  }
  return segments_.append(write.entries, synced_);
}

Result<void> QuorumDisk::write(std::span<const Write> writes) {
  for (const auto& write : writes) {
    if (write.state && *write.state != voter_.state) {
      voter_.state = *write.state;
      if (auto written = write_voter_file(files_, directory_, voter_); !written) return written;
    }
    if (write.restore)
      if (auto restored = restore(write.restore->at); !restored) return restored;
    if (!write.entries.empty())
      if (auto appended = append(write); !appended) return appended;
  }
  if (auto synced = segments_.sync(); !synced) return synced;
  if (synced_ == segments_.last().index) return {};
  synced_ = segments_.last().index;
  return note_sync_point(synced_, false);
}

Result<void> QuorumDisk::compact(Index start) {
  segments_.roll();
  if (auto forgotten = segments_.forget(start); !forgotten) return forgotten;
  return sweep_snapshots(files_, directory_, false);
}

}  // namespace millrace::replication::quorum
