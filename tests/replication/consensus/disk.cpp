#include "tests/replication/consensus/disk.hpp"

#include <algorithm>
#include <limits>

namespace millrace::replication::consensus::sim {
namespace {

std::uint64_t mixed(std::uint64_t a, std::uint64_t b) {
  constexpr std::uint64_t kPrime = 0x9E3779B97F4A7C15;
  a ^= b + kPrime + (a << 6) + (a >> 2);
  return (a ^ (a >> 31)) * kPrime;
}

}  // namespace

std::uint64_t digest_of(const Entry& entry) {
  auto digest = mixed(entry.body.index(), static_cast<std::uint64_t>(entry.term.value));
  if (const auto* payload = std::get_if<Payload>(&entry.body))
    return mixed(digest, std::hash<std::string>{}(payload->bytes()));
  if (const auto* configuration = std::get_if<Configuration>(&entry.body)) {
    for (const auto* members : {&configuration->voters, &configuration->learners}) {
      digest = mixed(digest, members->size());
      for (const auto& member : *members)
        digest = mixed(digest, mixed(static_cast<std::uint64_t>(member.node.value),
                                     std::hash<Uuid>{}(member.directory)));
    }
  }
  return digest;
}

void Machine::apply(const Entry& entry) {
  applied = applied.next();
  digest = mixed(digest, digest_of(entry));
}

// --- files ---------------------------------------------------------------------------------------

const Entry* Files::entry(Index index) const {
  if (index <= start.index || index > last()) return nullptr;
  return &entries[static_cast<std::size_t>(index - start.index - 1)];
}

bool Files::covers(Position position) const {
  if (position.index <= image.snapshot.at.index) return true;
  const Entry* found = entry(position.index);
  return found != nullptr && found->term == position.term;
}

void Files::use(const Image& newer) {
  image = newer;
  images = {{newer.snapshot.at, newer}};
  start = newer.snapshot.at;
  entries.clear();
}

void Files::cut_to(Index last_kept) {
  if (last_kept < start.index) throw Violation{"the log is cut before its start"};
  while (last() > last_kept) entries.pop_back();
}

// --- the disk ------------------------------------------------------------------------------------

std::vector<Entry> Disk::read(Index first, Index last, std::size_t bytes_max) const {
  if (now_.entry(first) == nullptr || now_.entry(last) == nullptr)
    throw Violation{"entries are read that the log does not hold"};
  std::vector<Entry> entries;
  std::size_t bytes = 0;
  for (Index i = first; i <= last; i = i.next()) {
    bytes += now_.entry(i)->size();
    if (!entries.empty() && bytes > bytes_max) break;
    entries.push_back(*now_.entry(i));
  }
  return entries;
}

std::size_t Disk::parts_of(const Write& write) {
  return (write.state ? 1 : 0) + (write.restore ? 1 : 0) + write.entries.size();
}

void Disk::carry_out(const Write& write, Files& files, std::size_t parts) const {
  if (write.state && parts > 0) {
    --parts;
    files.state = *write.state;
  }
  if (write.restore && parts > 0) {
    --parts;
    const auto image = fetched_.find(write.restore->at);
    if (image == fetched_.end() || image->second.snapshot != *write.restore)
      throw Violation{"a snapshot is restored that was not installed"};
    files.use(image->second);
  }
  if (parts == 0 || write.entries.empty()) return;
  if (write.first > files.last().next()) throw Violation{"a write leaves a gap in the log"};
  files.cut_to(write.first.prev());
  for (std::size_t i = 0; i < std::min(parts, write.entries.size()); ++i)
    files.entries.push_back(write.entries[i]);
}

void Disk::write(const Write& write) {
  const Ticket expected{pending_.empty() ? 0 : pending_.back().ticket.value};
  if (write.ticket <= expected) throw Violation{"tickets do not grow"};
  pending_.push_back(write);
  carry_out(write, now_, std::numeric_limits<std::size_t>::max());
}

std::optional<Ticket> Disk::unsynced() const {
  if (pending_.empty()) return std::nullopt;
  return pending_.back().ticket;
}

void Disk::sync(Ticket ticket) {
  while (!pending_.empty() && pending_.front().ticket <= ticket) {
    carry_out(pending_.front(), durable_, std::numeric_limits<std::size_t>::max());
    pending_.pop_front();
  }
}

std::size_t Disk::parts() const {
  std::size_t all = 0;
  for (const auto& write : pending_) all += parts_of(write);
  return all;
}

void Disk::crash(std::size_t kept) {
  for (const auto& write : pending_) {
    const auto parts = std::min(kept, parts_of(write));
    carry_out(write, durable_, parts);
    kept -= parts;
  }
  pending_.clear();
  now_ = durable_;
}

void Disk::take_snapshot(const Image& image, Index start) {
  for (auto* files : {&now_, &durable_}) {
    if (image.snapshot.at.index <= files->image.snapshot.at.index) continue;
    files->image = image;
    files->images[image.snapshot.at] = image;
    std::erase_if(files->images, [&](const auto& each) { return each.first.index < start; });
    while (files->start.index < start) {
      if (files->entries.empty()) throw Violation{"a snapshot was taken of what is not durable"};
      files->start = {files->start.index.next(), files->entries.front().term};
      files->entries.pop_front();
    }
  }
}

LogShape Disk::recover() {
  LogShape shape{now_.image.snapshot, now_.start};
  for (const auto& entry : now_.entries) shape.append(entry);
  if (shape.holds(now_.image.snapshot.at)) return shape;
  now_.use(now_.image);
  durable_ = now_;
  return LogShape{now_.image.snapshot};
}

void Disk::format(const Snapshot& snapshot) {
  now_.state.term = snapshot.at.term;
  now_.use({snapshot, {snapshot.at.index, 0}});
  durable_ = now_;
}

}  // namespace millrace::replication::consensus::sim
