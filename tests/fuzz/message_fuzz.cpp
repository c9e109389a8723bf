#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>

#include "tests/protocol/messages/any_message.hpp"

// What decodes must encode to something that decodes to the same. Byte 0 of the input chooses the
// message, byte 1 its version, the rest is the body. The golden messages make a good first corpus:
// their hex, with those two bytes in front.

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millrace;
  using namespace millrace::protocol::testing;
  if (size < 2) return 0;
  const auto& messages = all_messages();
  const AnyMessage& message = messages[data[0] % messages.size()];
  const int versions = message.versions.last - message.versions.first + 1;
  const auto version = static_cast<std::int16_t>(message.versions.first + data[1] % versions);
  const auto body = SharedBytes::copy_of(std::as_bytes(std::span{data + 2, size - 2}));
  const auto decoded = message.decode(body, version);
  if (decoded && !decoded->same_after_round_trip) {
    std::fprintf(stderr, "%s version %d: %s\n", message.name.c_str(), version,
                 decoded->text.c_str());
    std::abort();
  }
  return 0;
}
