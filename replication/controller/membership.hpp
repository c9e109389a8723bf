#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "protocol/base/clock.hpp"
#include "protocol/error_code.hpp"
#include "replication/controller/controller.hpp"
#include "replication/controller/partition_change.hpp"
#include "replication/controller/partitions_by_broker.hpp"

namespace millrace::replication {

/// A broker that starts, or starts again.
struct Registration {
  BrokerId id;
  Uuid incarnation;  // made anew by each process, so that a repeated request is known
  Uuid directory;    // of its data: with another one than before it has lost its logs
  std::string cluster_id;
  std::optional<std::string> rack;
  std::vector<EndpointImage> endpoints;  // at least one
  /// The epoch of the process before, if that one stopped in order: then its logs have all that
  /// they acknowledged, whatever the topics' flush mode. Nothing also if a log was found damaged.
  std::optional<std::int64_t> stopped_cleanly_at;
};

struct RegistrationAnswer {
  protocol::ErrorCode error = protocol::ErrorCode::none;
  std::string message;
  std::int64_t epoch = -1;
};

struct BrokerHeartbeat {
  BrokerId id;
  std::int64_t epoch = -1;
  std::int64_t applied = 0;  // it has applied the metadata log below this index
  bool wants_fence = false;  // as when its disks fail
  bool wants_to_stop = false;
};

struct BrokerHeartbeatAnswer {
  protocol::ErrorCode error = protocol::ErrorCode::none;
  bool caught_up = false;  // with its own registration
  bool fenced = true;
  bool may_stop = false;  // it leads nothing any more, and everybody knows
};

struct MembershipSettings {
  std::string cluster_id;
  Instant::duration session_timeout = std::chrono::seconds{9};  // broker.session.timeout.ms
};

/// Which brokers are there, and what becomes of their partitions when that changes: the part of the
/// active controller that brokers call. A core, kept beside the image: `image` is the newest
/// committed one, and the caller commits one outcome before it asks for the next. It belongs to the
/// controller's executor. Sessions are not in the log: a new active controller gives each broker a
/// fresh one.
///
/// A broker registers and is fenced: it leads nothing and no in-sync set has it. It is unfenced by
/// its first heartbeat with which it has applied its own registration, and fenced again when it
/// asks for it or is silent for the session timeout. One that wants to stop hands over what it
/// leads, and may go when all other brokers have heard of that. The only replica of a partition
/// stays its leader through all this, whether it is there or not, as long as it has its log.
///
/// Who is safe is judged by what is committed for the whole cluster (`ConfigRules::effective`).
class Membership {
 public:
  Membership(MembershipSettings settings, const ConfigRules& rules)
      : settings_{std::move(settings)}, rules_{rules} {}

  /// This node became the active controller with `image`.
  void take_over(const MetadataImage& image, Instant now);
  /// Told of every committed batch, this core's own and others'.
  void committed(std::span<const MetadataRecord> records) { held_.apply(records); }

  /// `next_index`: of the change that this may give; it becomes the broker's epoch.
  /// INCONSISTENT_CLUSTER_ID for a stranger, DUPLICATE_BROKER_REGISTRATION while a process with
  /// that id and another directory is alive, INVALID_REQUEST without an endpoint. A process with
  /// the same directory need not wait, for one process at a time can have it: the other one is
  /// dead.
  ControllerOutcome<RegistrationAnswer> register_broker(const MetadataImage& image,
                                                        const Registration& request,
                                                        std::int64_t next_index, Instant now);
  /// STALE_BROKER_EPOCH for one who is not registered with that epoch.
  ControllerOutcome<BrokerHeartbeatAnswer> heartbeat(const MetadataImage& image,
                                                     const BrokerHeartbeat& request,
                                                     std::int64_t next_index, Instant now);
  /// Gives leaders to partitions that have none and could have one: after settings changed, and
  /// now and then, at most `records_max` of them.
  std::vector<MetadataRecord> revive(const MetadataImage& image, std::size_t records_max) const;
  /// Its connection was reset: most likely it is dead. The election begins now; if it lives, its
  /// next heartbeat unfences it.
  std::vector<MetadataRecord> connection_lost(const MetadataImage& image, BrokerId broker,
                                              std::int64_t epoch);
  /// Fences those whose time is over.
  std::vector<MetadataRecord> tick(const MetadataImage& image, Instant now);
  /// When to call `tick`; nothing while there is nobody to fence.
  [[nodiscard]] std::optional<Instant> next_deadline(const MetadataImage& image) const;
  /// A broker that is gone for good, UnregisterBroker: BROKER_ID_NOT_REGISTERED if there is none,
  /// INVALID_REQUEST while it is alive or has replicas.
  ControllerOutcome<RegistrationAnswer> unregister(const MetadataImage& image, BrokerId broker,
                                                   Instant now);

 private:
  struct Session {
    Instant last_contact;
    std::int64_t epoch = -1;
    std::int64_t applied = 0;
    std::optional<std::int64_t> handed_over_at;  // behind the change that took its leaderships
  };
  using Records = std::vector<MetadataRecord>;
  enum class Logs : std::uint8_t {
    kept,
    unsure,  // its process died: acknowledgements that did not wait for a sync may be void
    gone,
  };

  [[nodiscard]] bool alive(BrokerId broker, Instant now) const;
  [[nodiscard]] std::int64_t lowest_applied(const MetadataImage& image, BrokerId except) const;
  bool leads(const MetadataImage& image, BrokerId broker);
  void fence(const MetadataImage& image, const BrokerImage& broker, Records& out);
  void step_down(const MetadataImage& image, BrokerId broker, Logs logs, Records& out);
  void bring_back(const MetadataImage& image, const BrokerImage& broker, Records& out);

  MembershipSettings settings_;
  const ConfigRules& rules_;
  PartitionsByBroker held_;
  std::map<BrokerId, Session> sessions_;
};

/// The rules by which a partition of `topic` changes in `image`; `except` may not lead, `also` may,
/// whatever the image says of them.
PartitionRules rules_for(const MetadataImage& image, const TopicImage& topic,
                         const PartitionImage& partition, const ConfigRules& rules,
                         std::optional<BrokerId> except = std::nullopt,
                         std::optional<BrokerId> also = std::nullopt);

}  // namespace millrace::replication
