#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "protocol/base/result.hpp"
#include "protocol/base/types.hpp"
#include "replication/controller/image.hpp"

namespace millrace::broker {

/// The one narrow interface behind which the quorum agrees on the metadata: a log of changes, each
/// of them a few records that are committed together or not at all. A change is known by its index,
/// which grows by one or more from change to change; a broker's epoch is the index of its
/// registration. Lives on the first shard, and calls back there.
class MetadataLog {
 public:
  /// What becomes of a proposal: committed and applied here, or not (`not_leader`: it may yet turn
  /// out to be committed, by another leader; the log will tell).
  using Done = std::move_only_function<void(Result<std::int64_t> index)>;

  /// The broker's side.
  class Reader {
   public:
    virtual ~Reader() = default;
    /// `image` is the cluster as of `index`, all committed before included. After a snapshot there
    /// are no `records`.
    virtual void applied(replication::ImagePtr image, std::int64_t index,
                         std::span<const replication::MetadataRecord> records) = 0;
    /// This node is the active controller from now on, in `term`: everything that its predecessors
    /// committed has been applied. Or it no longer is (nothing): decisions that are not committed
    /// are void.
    virtual void active(std::optional<std::int32_t> term) = 0;
  };

  virtual ~MetadataLog() = default;
  /// Appends one change. Only while this node is active.
  virtual void propose(std::vector<replication::MetadataRecord> records, Done done) = 0;
  /// The index that the next proposal will have, while it is active.
  [[nodiscard]] virtual std::int64_t next_index() const = 0;
  [[nodiscard]] virtual std::int64_t applied_index() const = 0;
  /// The active controller, as far as this node knows.
  [[nodiscard]] virtual std::optional<BrokerId> leader() const = 0;
  [[nodiscard]] virtual std::int32_t term() const = 0;
};

}  // namespace millrace::broker
