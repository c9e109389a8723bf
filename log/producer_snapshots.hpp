#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "log/files.hpp"
#include "log/producer_state.hpp"
#include "protocol/base/result.hpp"
#include "protocol/base/types.hpp"

namespace millrace::log {

/// The producer snapshots in the folder of a log: one per segment, so that truncation has one near,
/// and the two newest, because the newest may turn out damaged. They can always be rebuilt from the
/// log. Used on the log's thread only.
class ProducerSnapshots {
 public:
  using Path = std::filesystem::path;
  struct Loaded {
    Offset offset;  // the state is that of a log which ends here
    ProducerState state;
  };

  explicit ProducerSnapshots(Path dir) : dir_{std::move(dir)} {}

  /// Says that there is, or may soon be, a snapshot file for `offset`.
  void add(Offset offset) { offsets_.insert(offset); }
  [[nodiscard]] Path path(Offset offset) const;
  /// The newest sound one at or below `end`; nothing when there is none.
  [[nodiscard]] std::optional<Loaded> load_newest(Files& files, Offset end) const;
  /// Removes those behind `end`; not durable before the folder is synced. Gives whether there were
  /// any.
  Result<bool> remove_behind(Files& files, Offset end);
  /// Removes those that neither belong to a segment nor are among the two newest.
  Result<void> prune(Files& files, const std::set<Offset>& segment_bases);
  /// Somebody removed those below `end`.
  void forget_below(Offset end) { offsets_.erase(offsets_.begin(), offsets_.lower_bound(end)); }
  [[nodiscard]] const std::set<Offset>& offsets() const { return offsets_; }

 private:
  Path dir_;
  std::set<Offset> offsets_;
};

}  // namespace millrace::log
