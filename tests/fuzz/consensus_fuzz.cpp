// One node of the quorum, told anything: messages of any bytes, time, syncs, orders and crashes.
// What decodes encodes to what decodes to the same, and nothing that does makes the core break its
// own invariants, however mad the others are.
//
// Orders one behind the other; each begins with a byte:
//
//   0 to 3  a message: its size, uint16, then its bytes; it comes from b or c, to a
//   4       time passes: 10 ms times the next byte; the timer goes
//   5       everything is synced
//   6       two payloads are proposed
//   7       the next byte says: crash, snapshot, transfer, read, fetched snapshot, change of
//   members

#include <cstdint>
#include <string_view>

#include "protocol/base/ensure.hpp"
#include "replication/consensus/codec.hpp"
#include "tests/replication/consensus/host.hpp"

namespace millrace::replication::consensus::fuzz {
namespace {

constexpr std::size_t kOrdersMax = 2'000;

Member member(std::int32_t node) {
  return {NodeId{node}, {}};
}

template <class Value, class Decode>
void check(std::string_view bytes, Decode decode) {
  const Result<Value> decoded = decode(bytes);
  if (!decoded) return;
  const Result<Value> again = decode(encode(*decoded));
  ENSURE(again.has_value() && *again == *decoded);
}

class Run {
 public:
  explicit Run(std::string_view bytes) : rest_{bytes} {
    Snapshot first{{Index{1}, Term{1}}, {{member(1), member(2), member(3)}, {}}};
    host_.disk().format(first);
    host_.start({}, rng_, now_);
  }

  void all() {
    for (std::size_t i = 0; i < kOrdersMax && !rest_.empty(); ++i) order();
  }

 private:
  std::uint8_t byte() {
    if (rest_.empty()) return 0;
    const auto first = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return first;
  }

  void order() {
    switch (byte() % 8) {
      case 4:
        now_ += std::chrono::milliseconds{10 * byte()};
        host_.core().tick(now_);
        break;
      case 5:
        if (const auto ticket = host_.disk().unsynced()) {
          host_.disk().sync(*ticket);
          host_.core().persisted(*ticket, now_);
        }
        break;
      case 6:
        static_cast<void>(
            host_.core().propose(std::vector{Payload{"some"}, Payload{std::string(300, 'x')}}));
        break;
      case 7:
        special(byte());
        break;
      default:
        message();
    }
    take();
  }

  void message() {
    const std::size_t size = byte() * 256U + byte();
    const auto bytes = rest_.substr(0, size);
    rest_.remove_prefix(bytes.size());
    check<Message>(bytes, decode_message);
    check<Entry>(bytes, decode_entry);
    check<VoterState>(bytes, decode_voter_state);
    check<Snapshot>(bytes, decode_snapshot);
    auto decoded = decode_message(bytes);
    if (!decoded) return;
    decoded->to = host_.self();
    decoded->from = member(2 + (decoded->from.node.value & 1));
    host_.core().step(*decoded, now_);
  }

  void special(std::uint8_t which) {
    const Member some = member(1 + which / 8 % 4);
    switch (which % 8) {
      case 0:
        host_.crash(which / 8);
        fetch_.reset();
        host_.start({}, rng_, now_);
        break;
      case 1:
        if (const auto image = host_.image())
          host_.snapshot_durable(*image, which / 8, host_.core().offered(now_));
        break;
      case 2:
        static_cast<void>(host_.core().transfer(some, now_));
        break;
      case 3:
        static_cast<void>(host_.core().read_index(which));
        break;
      case 4:
        if (fetch_) host_.install(image_of(*fetch_), now_);
        break;
      default: {
        const auto kind = static_cast<Change::Kind>(which % 8 - 5);
        static_cast<void>(host_.core().change({kind, some}, now_));
      }
    }
  }

  /// Equal ids mean equal images.
  static sim::Image image_of(Position at) {
    const auto voter = static_cast<std::int32_t>(1 + at.index.value % 4);
    return {{at, {{member(voter)}, {}}}, {at.index, 0}};
  }

  void take() {
    const auto output = host_.carry_out();
    if (output.fetch) fetch_ = output.fetch->snapshot;
    for (const auto& message : output.messages) check<Message>(encode(message), decode_message);
  }

  std::string_view rest_;
  SeededRng rng_{1};
  Instant now_;
  sim::Host host_{"a", member(1)};
  std::optional<Position> fetch_;
};

}  // namespace
}  // namespace millrace::replication::consensus::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes{reinterpret_cast<const char*>(data), size};
  millrace::replication::consensus::fuzz::Run{bytes}.all();
  return 0;
}
