// A producer snapshot of any bytes: what decodes encodes to a file that decodes to the same state,
// and the state bears being used.

#include <chrono>
#include <cstdint>
#include <vector>

#include "log/producer_state.hpp"
#include "protocol/base/ensure.hpp"
#include "protocol/record/builder.hpp"
#include "tests/fuzz/log_folder.hpp"

namespace millrace::log::fuzz {
namespace {

constexpr Timestamp kNow{1'700'000'000'000};

void use(ProducerState state) {
  for (const auto& [id, entry] : state.entries()) {
    for (std::size_t i = 0; i < entry.batch_count; ++i)
      static_cast<void>(entry.batches[i].base_sequence());
    if (id < ProducerId{0}) continue;
    protocol::BatchBuilder builder{
        {.producer = protocol::BatchBuilder::Producer{id, ProducerEpoch{1}, Sequence{0}}}};
    builder.add(kNow, std::nullopt, as_bytes("v"));
    const auto batch = builder.build().value();
    static_cast<void>(
        state.check(protocol::parse_batch(batch).value(), kNow, std::chrono::hours{24}));
  }
  static_cast<void>(state.first_open());
  static_cast<void>(state.last_stable(Offset{100}));
  static_cast<void>(state.expire(kNow, std::chrono::hours{24}));
}

void check(Bytes bytes) {
  const auto state = ProducerState::decode(bytes);
  if (!state) return;
  const auto again = ProducerState::decode(state->encode());
  ENSURE(again.has_value());
  ENSURE(*again == *state);
  use(*state);
}

void run(Bytes bytes) {
  check(bytes);
  std::vector<std::byte> sealed{bytes.begin(), bytes.end()};
  seal_small(sealed);
  check(sealed);
}

}  // namespace
}  // namespace millrace::log::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  millrace::log::fuzz::run({reinterpret_cast<const std::byte*>(data), size});
  return 0;
}
