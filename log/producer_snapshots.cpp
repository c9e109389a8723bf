#include "log/producer_snapshots.hpp"

#include "log/file_names.hpp"

namespace millrace::log {
namespace {

constexpr std::size_t kNewestKept = 2;

}  // namespace

ProducerSnapshots::Path ProducerSnapshots::path(Offset offset) const {
  return dir_ / file_name(offset, kSnapshotSuffix);
}

std::optional<ProducerSnapshots::Loaded> ProducerSnapshots::load_newest(Files& files,
                                                                        Offset end) const {
  for (auto it = offsets_.upper_bound(end); it != offsets_.begin();) {
    --it;
    const auto bytes = files.read_all(path(*it));
    if (!bytes) continue;
    auto state = ProducerState::decode(*bytes);
    if (state) return Loaded{*it, std::move(*state)};
  }
  return std::nullopt;
}

Result<bool> ProducerSnapshots::remove_behind(Files& files, Offset end) {
  bool any = false;
  for (auto it = offsets_.upper_bound(end); it != offsets_.end(); it = offsets_.erase(it)) {
    if (const auto removed = files.remove(path(*it)); !removed)
      return {boost::system::in_place_error, removed.error()};
    any = true;
  }
  return any;
}

Result<void> ProducerSnapshots::prune(Files& files, const std::set<Offset>& segment_bases) {
  std::size_t from_newest = offsets_.size();
  for (auto it = offsets_.begin(); it != offsets_.end(); --from_newest) {
    if (from_newest <= kNewestKept || segment_bases.contains(*it)) {
      ++it;
      continue;
    }
    if (const auto removed = files.remove(path(*it)); !removed) return removed.error();
    it = offsets_.erase(it);
  }
  return {};
}

}  // namespace millrace::log
