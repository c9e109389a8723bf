#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <new>
#include <utility>

#include "log/journal/format.hpp"
#include "protocol/base/bytes.hpp"

namespace millrace::log {

/// Memory that begins at a block's boundary and has whole blocks, as direct writes need it. Grows,
/// and keeps what it has when it is reused.
class BlockBuffer {
 public:
  BlockBuffer() = default;
  BlockBuffer(BlockBuffer&& other) noexcept
      : memory_{std::move(other.memory_)}, capacity_{std::exchange(other.capacity_, 0)} {}
  BlockBuffer& operator=(BlockBuffer&& other) noexcept {
    memory_ = std::move(other.memory_);
    capacity_ = std::exchange(other.capacity_, 0);
    return *this;
  }

  [[nodiscard]] std::byte* data() { return memory_.get(); }
  [[nodiscard]] const std::byte* data() const { return memory_.get(); }
  [[nodiscard]] std::size_t capacity() const { return capacity_; }

  /// Room for `bytes`, of which the first `kept` stay, as far as there were so many.
  void reserve(std::size_t bytes, std::size_t kept) {
    if (bytes <= capacity_) return;
    const std::size_t capacity = whole_blocks(std::max(bytes, 2 * capacity_));
    Memory memory{static_cast<std::byte*>(::operator new(capacity, kAlignment))};
    if (const std::size_t stays = std::min(kept, capacity_); stays > 0)
      std::memcpy(memory.get(), memory_.get(), stays);
    memory_ = std::move(memory);
    capacity_ = capacity;
  }

 private:
  static constexpr std::align_val_t kAlignment{kJournalBlockBytes};
  struct Free {
    void operator()(std::byte* memory) const { ::operator delete(memory, kAlignment); }
  };
  using Memory = std::unique_ptr<std::byte, Free>;

  Memory memory_;
  std::size_t capacity_ = 0;
};

}  // namespace millrace::log
