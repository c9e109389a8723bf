#include "log/aborted_transactions.hpp"

#include <algorithm>

#include "log/small_file.hpp"

// Body of `aborted-transactions` (frame: small_file.hpp), by rising markers:
//
//   end            int64   all markers below are told here
//   count          uint32
//   per transaction
//     producer id  int64
//     first        int64   offset of its first batch
//     last         int64   offset of its marker
namespace millrace::log {
namespace {

constexpr std::uint32_t kTag = 0x4d414231;  // "MAB1"
constexpr std::size_t kEntryBytes = 24;

}  // namespace

std::ostream& operator<<(std::ostream& out, const AbortedTransaction& transaction) {
  return out << "producer " << transaction.producer << " aborted " << transaction.first << " to "
             << transaction.last;
}

void AbortedTransactions::add(const AbortedTransaction& transaction) {
  const auto place =
      std::ranges::lower_bound(all_, transaction.last, {}, &AbortedTransaction::last);
  if (place != all_.end() && place->last == transaction.last) return;
  all_.insert(place, transaction);
}

std::vector<AbortedTransaction> AbortedTransactions::overlapping(Offset from, Offset limit) const {
  std::vector<AbortedTransaction> found;
  auto at = std::ranges::lower_bound(all_, from, {}, &AbortedTransaction::last);
  for (; at != all_.end(); ++at)
    if (at->first < limit) found.push_back(*at);
  return found;
}

void AbortedTransactions::forget_below(Offset start) {
  const auto kept = std::ranges::lower_bound(all_, start, {}, &AbortedTransaction::last);
  all_.erase(all_.begin(), kept);
}

bool AbortedTransactions::truncate_to(Offset end) {
  const auto gone = std::ranges::lower_bound(all_, end, {}, &AbortedTransaction::last);
  const bool any = gone != all_.end();
  all_.erase(gone, all_.end());
  return any;
}

std::vector<std::byte> AbortedTransactions::encode(Offset end) const {
  SmallFileWriter file{kTag};
  file.put(end.value);
  file.put(static_cast<std::uint32_t>(all_.size()));
  for (const auto& transaction : all_) {
    file.put(transaction.producer.value);
    file.put(transaction.first.value);
    file.put(transaction.last.value);
  }
  return std::move(file).finish();
}

Result<AbortedTransactions::File> AbortedTransactions::decode(Bytes bytes) {
  auto file = SmallFileReader::open(bytes, kTag);
  if (!file) return file.error();
  File read;
  std::uint32_t count = 0;
  if (!file->take(read.end.value) || !file->take(count)) return Errc::corrupt_file;
  if (file->left() != count * kEntryBytes) return Errc::corrupt_file;
  auto& all = read.transactions.all_;
  all.resize(count);
  Offset before{-1};
  for (auto& one : all) {
    const bool whole =
        file->take(one.producer.value) && file->take(one.first.value) && file->take(one.last.value);
    if (!whole || one.producer < ProducerId{0} || one.first < Offset{0} || one.last <= one.first ||
        one.last <= before || one.last >= read.end)
      return Errc::corrupt_file;
    before = one.last;
  }
  return read;
}

}  // namespace millrace::log
