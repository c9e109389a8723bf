#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "protocol/base/clock.hpp"
#include "protocol/base/types.hpp"
#include "protocol/error_code.hpp"
#include "protocol/messages/consumer_group_heartbeat.hpp"
#include "protocol/messages/delete_groups.hpp"
#include "protocol/messages/heartbeat.hpp"
#include "protocol/messages/join_group.hpp"
#include "protocol/messages/leave_group.hpp"
#include "protocol/messages/offset_commit.hpp"
#include "protocol/messages/offset_delete.hpp"
#include "protocol/messages/sync_group.hpp"

/// The values that travel between the group coordinator's core and its shell.
namespace millrace::broker {

/// What one group of the consumer protocol may have of its own (Kafka's resource type 32); the
/// setting's name stands behind each, with "group." before it that of the broker.
struct ConsumerGroupTimes {
  friend bool operator==(const ConsumerGroupTimes&, const ConsumerGroupTimes&) = default;
  std::chrono::milliseconds heartbeat_interval{5'000};  // consumer.heartbeat.interval.ms
  std::chrono::milliseconds session_timeout{45'000};    // consumer.session.timeout.ms
  /// Least time between two targets of a group.  consumer.assignment.interval.ms
  std::chrono::milliseconds assignment_interval{1'000};
};

/// What groups of the consumer protocol are run with; the setting's name stands behind each.
struct ConsumerGroupSettings {
  bool offered = true;  // group.coordinator.rebalance.protocols
  ConsumerGroupTimes times;
  std::size_t members_max = std::numeric_limits<std::int32_t>::max();  // group.consumer.max.size
  /// Whether a group with members may change its protocol.  group.consumer.migration.policy
  bool upgrade = true;
  bool downgrade = true;
  /// Names that `find_assignor` knows, never empty; the first is the default.
  std::vector<std::string> assignors{"uniform", "range"};  // group.consumer.assignors
};

/// Bounds and delays of a group coordinator; the setting's name stands behind each.
struct GroupSettings {
  std::chrono::milliseconds session_timeout_min{6'000};      // group.min.session.timeout.ms
  std::chrono::milliseconds session_timeout_max{1'800'000};  // group.max.session.timeout.ms
  /// How long the first generation waits for more members.  group.initial.rebalance.delay.ms
  std::chrono::milliseconds initial_rebalance_delay{3'000};
  /// A member that joined for the first time does not know its id yet and sends no heartbeats; it
  /// is dropped when the join it waits in takes longer than this.
  std::chrono::milliseconds new_member_join_timeout{300'000};
  std::size_t members_max = std::numeric_limits<std::int32_t>::max();   // group.max.size
  std::size_t offset_metadata_bytes_max = 4096;                         // offset.metadata.max.bytes
  std::chrono::milliseconds offsets_retention{7LL * 24 * 3600 * 1000};  // offsets.retention.minutes
  std::chrono::milliseconds offsets_check_interval{600'000};  // offsets.retention.check.interval.ms
  /// Who waits longer than this for a write is told COORDINATOR_NOT_AVAILABLE; the write itself
  /// stays outstanding.  offsets.commit.timeout.ms
  std::chrono::milliseconds write_timeout{5'000};
  /// For the history of rebalances, over all groups of a coordinator.  group.history.bytes, shared
  /// out to the partitions of `__consumer_offsets`
  std::size_t history_bytes_max = 128UL * 1024;
  ConsumerGroupSettings consumer;
};

/// Both clocks at the time of a call: the monotonic one for deadlines, the wall for what is stored.
struct Moment {
  Instant now;
  Timestamp wall;
};

/// Names the place where the shell waits for a reply. The shell chooses it, uses it once, and gets
/// exactly one `GroupReply` for it: at once, from a later call, or from `resign`.
using ReplyToken = std::uint64_t;

/// Names one write that the shell was asked to do. Ascending in the order in which the records must
/// lie in the log.
using Ticket = std::uint64_t;

/// Who sends a request, as its header and its connection tell.
struct GroupClient {
  std::string client_id;
  std::string host;  // as DescribeGroups shows it: "/10.0.0.7"
  std::int16_t api_version = 0;
};

/// One record of `__consumer_offsets`, in Kafka's own format. No value is a tombstone.
struct GroupRecord {
  friend bool operator==(const GroupRecord&, const GroupRecord&) = default;
  std::vector<std::byte> key;
  std::optional<std::vector<std::byte>> value;
};

struct GroupReply {
  using Response = std::variant<protocol::JoinGroupResponse, protocol::SyncGroupResponse,
                                protocol::HeartbeatResponse, protocol::LeaveGroupResponse,
                                protocol::OffsetCommitResponse, protocol::OffsetDeleteResponse,
                                protocol::ConsumerGroupHeartbeatResponse,
                                protocol::DeleteGroupsResponse::DeletableGroupResult>;

  friend bool operator==(const GroupReply&, const GroupReply&) = default;
  ReplyToken token = 0;
  Response response;
  /// Also its errors were decided on what is on its way to the log, and are void if that fails.
  bool provisional = false;
};

/// Whose transaction records belong to.
struct TransactionOf {
  friend bool operator==(const TransactionOf&, const TransactionOf&) = default;
  ProducerId producer;
  ProducerEpoch epoch;
};

/// What the shell must do after a call, both parts independently of each other:
/// - send `replies`, now;
/// - when `ticket` is set, append `records` to the partition in this order (in one batch or in
///   several), wait until the last of them is committed (synced and replicated), and then call
///   `committed(ticket)`. If they will never be in the log, call `failed(ticket)` instead.
///   Every ticket is reported exactly once. Appends must be done in the order of the tickets;
///   reports may come in any order, and take effect in the order of the tickets.
struct GroupOutput {
  std::vector<GroupRecord> records;  // empty exactly when there is no ticket
  std::optional<Ticket> ticket;
  std::optional<TransactionOf> transaction;  // of the records; they count when it is committed
  std::vector<GroupReply> replies;
};

/// What an assignment depends on of a topic.
struct TopicShape {
  TopicId id;
  std::int32_t partitions = 0;
  /// The racks in which a partition has a replica, by its index; empty when none is known.
  std::vector<std::vector<std::string>> racks;
};

/// What the coordinator wants to know of the cluster's topics; a view of the metadata image.
class TopicDirectory {
 public:
  virtual ~TopicDirectory() = default;
  [[nodiscard]] virtual bool has_partition(std::string_view topic, PartitionIndex index) const = 0;
  [[nodiscard]] virtual std::optional<std::string> name_of(const TopicId& id) const = 0;
  /// Nothing when there is no such topic.
  [[nodiscard]] virtual std::optional<TopicId> id_of(std::string_view topic) const = 0;
  /// Nothing when there is no such topic.
  [[nodiscard]] virtual std::optional<TopicShape> shape_of(std::string_view topic) const = 0;
  /// The names of all topics that are not internal, ascending.
  virtual void for_each_public_topic(const std::function<void(std::string_view)>& visit) const = 0;
  /// Another number whenever something about topics is different.
  [[nodiscard]] virtual std::uint64_t revision() const = 0;
};

}  // namespace millrace::broker
