#pragma once

#include <map>
#include <vector>

#include "clients/consumer.hpp"

namespace millrace::tools {

/// How far `consume` has come in its group: what was printed, what of it was written, and what of
/// that is still to be committed. A partition that goes to another member is forgotten, for a later
/// commit would take the group back behind what that member has committed.
class ConsumeOffsets {
 public:
  /// Everything before `next` is in the output's buffer.
  void printed(const TopicPartition& at, Offset next) { printed_.insert_or_assign(at, next); }
  /// The buffer was written.
  void written() {
    for (const auto& [at, next] : printed_) to_commit_.insert_or_assign(at, next);
    printed_.clear();
  }
  /// The buffer was dropped.
  void not_written() { printed_.clear(); }

  /// For a commit; `refused` may follow.
  [[nodiscard]] clients::PartitionOffsets take() { return std::exchange(to_commit_, {}); }
  /// A commit of `offsets` came to nothing: what is still ours is due with the next one.
  void refused(const clients::PartitionOffsets& offsets) {
    for (const auto& offset : offsets) to_commit_.insert(offset);  // none that is newer
  }
  void forget(const std::vector<TopicPartition>& gone) {
    for (const auto& at : gone) {
      printed_.erase(at);
      to_commit_.erase(at);
    }
  }

 private:
  clients::PartitionOffsets printed_;
  clients::PartitionOffsets to_commit_;
};

/// The group went on without the commit: what it covers is another member's, or will be asked of us
/// by the next poll. Whoever reads there reads some records again.
[[nodiscard]] inline bool is_refused_by_rebalance(const clients::ClientError& error) {
  using protocol::ErrorCode;
  switch (error.broker_code) {
    case ErrorCode::illegal_generation:
    case ErrorCode::unknown_member_id:
    case ErrorCode::rebalance_in_progress:
    case ErrorCode::stale_member_epoch:
    case ErrorCode::fenced_member_epoch:
      return true;
    default:
      return false;
  }
}

}  // namespace millrace::tools
