#include "log/compaction/key_map.hpp"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <new>

namespace millrace::log {
namespace {

std::uint64_t load_le(const std::byte* from) {
  std::uint64_t value = 0;
  std::memcpy(&value, from, sizeof value);
  if constexpr (std::endian::native == std::endian::big) value = std::byteswap(value);
  return value;
}

/// The four words that SipHash stirs.
struct Sip {
  void rounds(int count) {
    for (int i = 0; i < count; ++i) {
      v0 += v1;
      v1 = std::rotl(v1, 13) ^ v0;
      v0 = std::rotl(v0, 32);
      v2 += v3;
      v3 = std::rotl(v3, 16) ^ v2;
      v0 += v3;
      v3 = std::rotl(v3, 21) ^ v0;
      v2 += v1;
      v1 = std::rotl(v1, 17) ^ v2;
      v2 = std::rotl(v2, 32);
    }
  }
  void take(std::uint64_t word) {
    v3 ^= word;
    rounds(2);
    v0 ^= word;
  }
  [[nodiscard]] std::uint64_t result() const { return v0 ^ v1 ^ v2 ^ v3; }

  std::uint64_t v0, v1, v2, v3;
};

}  // namespace

KeyHash hash_of(const HashSecret& secret, Bytes key) {
  Sip sip{secret.first ^ 0x736f6d6570736575, secret.second ^ 0x646f72616e646f6d ^ 0xee,
          secret.first ^ 0x6c7967656e657261, secret.second ^ 0x7465646279746573};
  std::size_t at = 0;
  for (; at + 8 <= key.size(); at += 8) sip.take(load_le(key.data() + at));
  std::byte tail[8] = {};
  if (at < key.size()) std::memcpy(tail, key.data() + at, key.size() - at);
  tail[7] = static_cast<std::byte>(key.size() & 0xff);
  sip.take(load_le(tail));
  KeyHash hash;
  sip.v2 ^= 0xee;
  sip.rounds(4);
  hash.first = sip.result();
  sip.v1 ^= 0xdd;
  sip.rounds(4);
  hash.second = sip.result();
  return hash;
}

void KeyMap::Free::operator()(Slot* slots) const {
  std::free(slots);
}

KeyMap::KeyMap(const HashSecret& secret, const Size& size) : secret_{secret} {
  const double load = size.load_factor > 0.01 ? std::min(size.load_factor, 1.0) : 0.01;
  const std::uint64_t affordable = std::max<std::uint64_t>(size.bytes / kSlotBytes, 2);
  const auto useful =
      static_cast<std::uint64_t>(static_cast<double>(size.keys) / load) + 2;  // one stays free
  slot_count_ = std::max<std::uint64_t>(std::min(affordable, useful), 2);
  capacity_ = std::clamp<std::uint64_t>(
      static_cast<std::uint64_t>(static_cast<double>(slot_count_) * load), 1, slot_count_ - 1);
  // calloc, because its pages cost nothing before they are used.
  slots_.reset(static_cast<Slot*>(std::calloc(slot_count_, sizeof(Slot))));
  if (!slots_) throw std::bad_alloc{};
  static_assert(sizeof(Slot) == kSlotBytes);
}

std::uint64_t KeyMap::slot_of(const KeyHash& hash) const {
  std::uint64_t slot = hash.first % slot_count_;
  while (slots_[slot].offset_plus_one != 0 && slots_[slot].hash != hash)
    slot = slot + 1 == slot_count_ ? 0 : slot + 1;
  return slot;
}

bool KeyMap::put(Bytes key, Offset offset) {
  const KeyHash hash = hash_of(secret_, key);
  Slot& slot = slots_[slot_of(hash)];
  if (slot.offset_plus_one == 0) {
    if (used_ == capacity_) return false;
    ++used_;
    slot.hash = hash;
  }
  slot.offset_plus_one = offset.value + 1;
  return true;
}

std::optional<Offset> KeyMap::find(Bytes key) const {
  const Slot& slot = slots_[slot_of(hash_of(secret_, key))];
  if (slot.offset_plus_one == 0) return std::nullopt;
  return Offset{slot.offset_plus_one - 1};
}

}  // namespace millrace::log
