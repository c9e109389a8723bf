#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/group/partitioner.hpp"
#include "broker/group/types.hpp"
#include "protocol/base/bytes.hpp"
#include "protocol/base/result.hpp"
#include "protocol/base/rng.hpp"
#include "protocol/messages/describe_groups.hpp"
#include "protocol/messages/list_groups.hpp"
#include "protocol/messages/offset_fetch.hpp"

namespace millrace::broker {

/// All groups of one partition of `__consumer_offsets`: their members (classic protocol) and their
/// committed offsets. A core: it has no clock, file or socket; time and chance come in, and what is
/// to be done goes out as a `GroupOutput`. Owned by the partition's shard and used on that thread
/// alone. `settings` is copied.
///
/// What is durable (committed offsets, a group's last generation) changes only by replaying a
/// record, after the shell has reported its write as committed; a reader never sees an offset that
/// could still be lost. What is volatile (who waits in the join barrier, sessions) changes at once.
///
/// Life: construct; `replay` every record of the partition in log order; `finish_loading`; then any
/// of the operations; `resign` when the shard loses the partition. Before `finish_loading` the
/// shell answers requests itself with COORDINATOR_LOAD_IN_PROGRESS (a heartbeat with NONE). After
/// `resign` the object is only good for destruction.
///
/// Authorization is the shell's: requests arrive here without the topics that were denied.
class GroupCoordinator {
 public:
  explicit GroupCoordinator(const GroupSettings& settings);
  ~GroupCoordinator();
  GroupCoordinator(const GroupCoordinator&) = delete;
  GroupCoordinator& operator=(const GroupCoordinator&) = delete;

  // Loading -----------------------------------------------------------------------------------

  /// Applies one record of the log; no `value` is a tombstone. Record types and value versions that
  /// this build does not know are skipped, as a later build may have written them; `false` tells
  /// so. An error means that the record is damaged; it changed nothing.
  Result<bool> replay(Bytes key, std::optional<Bytes> value);
  /// The log has been replayed: members get a fresh session, groups above the size limit rebalance.
  GroupOutput finish_loading(const Moment& at);

  // Requests; each gets exactly one reply for its token, now or from a later call ----------------

  /// Answers at once with an error, with MEMBER_ID_REQUIRED or with the current generation;
  /// otherwise parks until the join barrier opens. `rng` makes member ids.
  GroupOutput join(const protocol::JoinGroupRequest& request, const GroupClient& client,
                   ReplyToken token, const Moment& at, Rng& rng);
  /// Parks until the leader's assignment is committed.
  GroupOutput sync(const protocol::SyncGroupRequest& request, ReplyToken token, const Moment& at);
  GroupOutput heartbeat(const protocol::HeartbeatRequest& request, ReplyToken token,
                        const Moment& at);
  /// `client.api_version` tells the shape: one member up to version 2, a batch from 3 on.
  GroupOutput leave(const protocol::LeaveGroupRequest& request, const GroupClient& client,
                    ReplyToken token, const Moment& at);
  /// Parks until the offsets are committed, unless there is nothing to write. The answer has the
  /// request's topics and partitions in the request's order.
  GroupOutput offset_commit(const protocol::OffsetCommitRequest& request, const GroupClient& client,
                            ReplyToken token, const Moment& at, const TopicDirectory& topics);
  /// Deletes a group without members, its offsets included. Parks until that is committed.
  GroupOutput delete_group(std::string_view group_id, ReplyToken token, const Moment& at);

  // Readers -----------------------------------------------------------------------------------

  /// Committed offsets of one group, in the shape of versions 8 and up. For an older request pass
  /// `single_group_form(request)` and shape the answer with `flat_form`.
  [[nodiscard]] protocol::OffsetFetchResponse::OffsetFetchResponseGroup offset_fetch(
      const protocol::OffsetFetchRequest::OffsetFetchRequestGroup& request,
      std::int16_t api_version, const TopicDirectory& topics) const;
  /// A group that is not here is "Dead"; from version 6 on that is an error as well. Authorized
  /// operations are left unset.
  [[nodiscard]] protocol::DescribeGroupsResponse::DescribedGroup describe(
      std::string_view group_id, std::int16_t api_version) const;
  /// Filters are names of states ("Stable") and types ("classic"), whatever their case; an empty
  /// filter lets all pass. In the order of the group ids.
  [[nodiscard]] std::vector<protocol::ListGroupsResponse::ListedGroup> list(
      const std::vector<std::string>& states, const std::vector<std::string>& types) const;

  // Events ------------------------------------------------------------------------------------

  /// The records of `ticket` are committed: replays them and releases who waited for them.
  GroupOutput committed(Ticket ticket, const Moment& at);
  /// The records of `ticket` are not in the log and never will be. `error` is what the append gave,
  /// as produce would report it; members are told what the protocol says for it.
  GroupOutput failed(Ticket ticket, protocol::ErrorCode error, const Moment& at);
  /// A topic was deleted: its offsets go from every group.
  GroupOutput topic_deleted(std::string_view topic, const Moment& at);
  /// When `tick` must be called at the latest; may be early, never late. Never in the past of what
  /// the last `tick` was given, so a loop of `tick(next_deadline())` advances.
  [[nodiscard]] Instant next_deadline() const;
  /// Does what is due: sessions, join barriers, sync timeouts, write timeouts, offset expiry.
  GroupOutput tick(const Moment& at);
  /// The partition moves away or the broker stops: every parked request is answered with `error`
  /// (NOT_COORDINATOR or COORDINATOR_NOT_AVAILABLE). Outstanding tickets need no report.
  GroupOutput resign(protocol::ErrorCode error);
};

/// Versions 1 to 7 of OffsetFetch name one group and its topics at the top.
[[nodiscard]] protocol::OffsetFetchRequest::OffsetFetchRequestGroup single_group_form(
    const protocol::OffsetFetchRequest& request);
[[nodiscard]] protocol::OffsetFetchResponse flat_form(
    const protocol::OffsetFetchResponse::OffsetFetchResponseGroup& group);

/// What members are told when the log refused a write with `error`.
[[nodiscard]] protocol::ErrorCode coordinator_error(protocol::ErrorCode error);

}  // namespace millrace::broker
