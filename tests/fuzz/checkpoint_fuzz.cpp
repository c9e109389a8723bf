// The small files of a log, of any bytes: what decodes encodes to what decodes to the same.

#include <cstdint>
#include <vector>

#include "log/aborted_transactions.hpp"
#include "log/leader_epochs.hpp"
#include "log/points.hpp"
#include "protocol/base/ensure.hpp"
#include "tests/fuzz/log_folder.hpp"

namespace millrace::log::fuzz {
namespace {

template <class File>
void check(Bytes bytes) {
  const auto decoded = File::decode(bytes);
  if (!decoded) return;
  const auto again = File::decode(decoded->encode());
  ENSURE(again.has_value());
  ENSURE(*again == *decoded);
}

void use_epochs(Bytes bytes) {
  auto epochs = LeaderEpochs::decode(bytes);
  if (!epochs) return;
  for (const auto& entry : epochs->entries()) {
    ENSURE(epochs->at(entry.start) == entry.epoch);
    static_cast<void>(epochs->end_of(entry.epoch, Offset{100}));
  }
  epochs->trim_front(Offset{50});
  epochs->truncate_to(Offset{60});
  epochs->assign(LeaderEpoch{7}, Offset{60});
  ENSURE(epochs->latest() == LeaderEpoch{7});
}

void use_aborted(Bytes bytes) {
  auto decoded = AbortedTransactions::decode(bytes);
  if (!decoded) return;
  auto& [end, aborted] = *decoded;
  const auto again = AbortedTransactions::decode(aborted.encode(end));
  ENSURE(again && again->transactions == aborted && again->end == end);
  const auto count = aborted.all().size();
  ENSURE(aborted.overlapping(Offset{0}, end).size() == count);
  aborted.forget_below(Offset{50});
  ENSURE(aborted.truncate_to(Offset{60}) || aborted.all().size() <= count);
}

void check_all(Bytes bytes) {
  check<RecoveryPoint>(bytes);
  check<LogStart>(bytes);
  check<SyncPoint>(bytes);
  check<CleanerPoint>(bytes);
  check<SwapList>(bytes);
  check<LeaderEpochs>(bytes);
  use_epochs(bytes);
  use_aborted(bytes);
}

void run(Bytes bytes) {
  check_all(bytes);
  std::vector<std::byte> sealed{bytes.begin(), bytes.end()};
  seal_small(sealed);
  check_all(sealed);
}

}  // namespace
}  // namespace millrace::log::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  millrace::log::fuzz::run({reinterpret_cast<const std::byte*>(data), size});
  return 0;
}
