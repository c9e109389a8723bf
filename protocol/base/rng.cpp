#include "protocol/base/rng.hpp"

#include "protocol/base/bytes.hpp"

namespace millrace {

Uuid Rng::uuid() {
  Uuid id;
  auto* const bytes = reinterpret_cast<std::byte*>(id.bytes.data());
  store_be(bytes, next());
  store_be(bytes + 8, next());
  id.bytes[6] = static_cast<std::uint8_t>((id.bytes[6] & 0x0f) | 0x40);  // RFC 9562: version 4
  id.bytes[8] = static_cast<std::uint8_t>((id.bytes[8] & 0x3f) | 0x80);  // and its variant
  return id;
}

SystemRng::SystemRng() {
  std::random_device entropy;
  std::seed_seq seed{entropy(), entropy(), entropy(), entropy(), entropy(), entropy()};
  engine_.seed(seed);
}

std::uint64_t SystemRng::next() {
  const std::scoped_lock lock{mutex_};
  return engine_();
}

}  // namespace millrace
