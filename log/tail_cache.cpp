#include "log/tail_cache.hpp"

#include <algorithm>
#include <cstring>

#include "protocol/base/ensure.hpp"

namespace millrace::log {
namespace {

// A quiet partition costs little, a busy one needs few chunks.
constexpr std::size_t kChunkBytesMin = 4U << 10;
constexpr std::size_t kChunkBytesMax = 256U << 10;

}  // namespace

void TailCache::add_chunk(std::size_t batch_bytes) {
  const std::size_t grown = chunks_.empty() ? kChunkBytesMin : chunks_.back().capacity * 2;
  const std::size_t capacity =
      std::max(batch_bytes, std::clamp(grown, kChunkBytesMin, chunk_bytes_max_));
  chunks_.push_back({std::make_shared_for_overwrite<std::byte[]>(capacity), capacity, 0, 0});
  memory_bytes_ += capacity;
}

MutableBytes TailCache::stage(Bytes batch) {
  ENSURE(staged_bytes_ == 0 && !batch.empty());
  if (chunks_.empty() || chunks_.back().capacity - chunks_.back().used < batch.size())
    add_chunk(batch.size());
  Chunk& chunk = chunks_.back();
  std::byte* const to = chunk.memory.get() + chunk.used;
  std::memcpy(to, batch.data(), batch.size());
  staged_bytes_ = batch.size();
  return {to, batch.size()};
}

void TailCache::commit(Offset base, Offset next) {
  ENSURE(staged_bytes_ > 0 && base < next);
  ENSURE(entries_.empty() || entries_.back().next <= base);
  Chunk& chunk = chunks_.back();
  entries_.push_back({base, next, chunk.memory, chunk.used, staged_bytes_});
  chunk.used += staged_bytes_;
  ++chunk.batches;
  unwritten_bytes_ += staged_bytes_;
  staged_bytes_ = 0;
}

std::optional<Offset> TailCache::begin() const {
  if (entries_.empty()) return std::nullopt;
  return entries_.front().base;
}

std::size_t TailCache::first_reaching(Offset offset) const {
  const auto found = std::ranges::upper_bound(entries_, offset, {}, &Entry::next);
  return static_cast<std::size_t>(found - entries_.begin());
}

ReadResult TailCache::read(const ReadRequest& request) const {
  ReadResult result{{}, request.from};
  std::size_t left = request.bytes_max;
  std::shared_ptr<std::byte[]> memory;  // of the piece being gathered
  std::size_t from = 0;
  std::size_t size = 0;
  const auto flush = [&] {
    if (size > 0) {
      const Bytes view{memory.get() + from, size};
      result.batches.append(SharedBytes{memory, view});
    }
    size = 0;
  };
  for (std::size_t i = first_reaching(request.from); i < entries_.size(); ++i) {
    const Entry& entry = entries_[i];
    const bool is_first = result.batches.empty() && size == 0;
    const bool fits = entry.size <= left || (is_first && request.whole_first_batch);
    if (entry.next > request.limit || !fits) break;
    if (entry.memory != memory || entry.from != from + size) {
      flush();
      memory = entry.memory;
      from = entry.from;
    }
    size += entry.size;
    left -= std::min(left, entry.size);
    result.next = entry.next;
  }
  flush();
  return result;
}

std::vector<Bytes> TailCache::unwritten(Offset end) const {
  std::vector<Bytes> pieces;
  for (std::size_t i = written_; i < entries_.size() && entries_[i].base < end; ++i) {
    const Entry& entry = entries_[i];
    const std::byte* const at = entry.memory.get() + entry.from;
    if (!pieces.empty() && pieces.back().data() + pieces.back().size() == at &&
        entries_[i - 1].memory == entry.memory)
      pieces.back() = {pieces.back().data(), pieces.back().size() + entry.size};
    else
      pieces.emplace_back(at, entry.size);
  }
  return pieces;
}

void TailCache::set_written(Offset end) {
  for (; written_ < entries_.size() && entries_[written_].base < end; ++written_)
    unwritten_bytes_ -= entries_[written_].size;
}

void TailCache::trim(std::uint64_t bytes_max) {
  chunk_bytes_max_ = static_cast<std::size_t>(
      std::clamp<std::uint64_t>(bytes_max / 4, kChunkBytesMin, kChunkBytesMax));
  while (!chunks_.empty() && memory_bytes_ > bytes_max && chunks_.front().batches <= written_) {
    const Chunk& oldest = chunks_.front();
    entries_.erase(entries_.begin(),
                   entries_.begin() + static_cast<std::ptrdiff_t>(oldest.batches));
    written_ -= oldest.batches;
    memory_bytes_ -= oldest.capacity;
    chunks_.pop_front();
  }
}

void TailCache::pop_back() {
  while (chunks_.back().batches == 0) {
    memory_bytes_ -= chunks_.back().capacity;
    chunks_.pop_back();
  }
  --chunks_.back().batches;
  entries_.pop_back();
}

void TailCache::drop_unwritten() {
  if (written_ == entries_.size()) return;
  while (entries_.size() > written_) pop_back();
  unwritten_bytes_ = 0;
  if (!chunks_.empty()) chunks_.back().used = chunks_.back().capacity;
}

void TailCache::truncate_to(Offset end) {
  ENSURE(written_ == entries_.size());
  bool dropped = false;
  while (!entries_.empty() && entries_.back().next > end) {
    pop_back();
    dropped = true;
  }
  written_ = entries_.size();
  // Readers may still look at what was dropped: those bytes must not be used again.
  if (dropped && !chunks_.empty()) chunks_.back().used = chunks_.back().capacity;
}

void TailCache::clear() {
  *this = {};
}

}  // namespace millrace::log
