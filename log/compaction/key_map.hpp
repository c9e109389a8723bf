#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "protocol/base/bytes.hpp"
#include "protocol/base/types.hpp"

namespace millrace::log {

/// Drawn at random by the owner, so that nobody outside can choose keys that collide.
struct HashSecret {
  friend bool operator==(const HashSecret&, const HashSecret&) = default;
  std::uint64_t first = 0;
  std::uint64_t second = 0;
};

/// 128 bits that stand for a key: two keys with the same hash count as one. SipHash-2-4 with a
/// 128-bit result (Aumasson and Bernstein), a keyed function: without the secret a collision cannot
/// be constructed, and by chance it takes about 2^64 keys.
struct KeyHash {
  friend bool operator==(const KeyHash&, const KeyHash&) = default;
  std::uint64_t first = 0;
  std::uint64_t second = 0;
};
[[nodiscard]] KeyHash hash_of(const HashSecret& secret, Bytes key);

/// The latest offset of each key, in memory that is fixed when it is made: an open-addressing table
/// of hashes and offsets, without the keys. A core; not thread-safe.
class KeyMap {
 public:
  struct Size {
    std::uint64_t bytes = 0;   ///< memory it may take; two slots are the least
    double load_factor = 0.9;  ///< share of the slots that may be used; the last one never is
    std::uint64_t keys = 0;    ///< more never come, so no more memory is taken
  };
  static constexpr std::uint64_t kSlotBytes = 24;

  KeyMap(const HashSecret& secret, const Size& size);

  /// Notes that the newest record of `key` is at `offset`; offsets come in rising order. False when
  /// the key is new and the map is full: then nothing changed.
  [[nodiscard]] bool put(Bytes key, Offset offset);
  [[nodiscard]] std::optional<Offset> find(Bytes key) const;
  [[nodiscard]] std::uint64_t size() const { return used_; }
  /// Keys that fit.
  [[nodiscard]] std::uint64_t capacity() const { return capacity_; }

 private:
  struct Slot {
    KeyHash hash;
    std::int64_t offset_plus_one;  // 0: free, so that fresh zero pages need no touching
  };
  [[nodiscard]] std::uint64_t slot_of(const KeyHash& hash) const;

  HashSecret secret_;
  std::uint64_t slot_count_;
  std::uint64_t capacity_;
  std::uint64_t used_ = 0;
  struct Free {
    void operator()(Slot* slots) const;
  };
  std::unique_ptr<Slot[], Free> slots_;
};

}  // namespace millrace::log
