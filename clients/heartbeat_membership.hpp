#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <ostream>
#include <set>
#include <string>
#include <vector>

#include "clients/consumer.hpp"
#include "protocol/messages/consumer_group_heartbeat.hpp"

namespace millrace::clients {

/// A partition as the consumer protocol names it: by the topic's id, so that a topic that was made
/// anew under an old name is another one.
struct TopicIdPartition {
  friend auto operator<=>(const TopicIdPartition&, const TopicIdPartition&) = default;
  friend std::ostream& operator<<(std::ostream& out, const TopicIdPartition& at) {
    return out << at.topic << '-' << at.partition;
  }
  TopicId topic;
  PartitionIndex partition;
};
using IdPartitions = std::set<TopicIdPartition>;

/// What a member wants to read: topics by name, by an expression of RE2, or both.
struct GroupTopics {
  friend bool operator==(const GroupTopics&, const GroupTopics&) = default;
  std::vector<std::string> names;  ///< sorted
  std::string pattern;             ///< empty: none
};

/// What a member of a group of the consumer protocol (KIP-848, `group.protocol=consumer`) knows of
/// itself, the heartbeats it sends, and what their answers mean. A core: the shell sends, and tells
/// what the application has done.
///
///     out --join--> joining --answer--> member --leave--> out
///                                         |
///                                         +-- fenced, unknown or refused --> out, and `lost`
///
/// The server says what the member is to have (`target`); what it has (`owned`) follows in steps
/// that the application takes: it gives up what is not in the target, is told what is new, and the
/// next heartbeat says so, which the server waits for. A partition is given up before that
/// heartbeat, and nothing is taken that the server has not assigned in the member's present epoch.
///
/// Heartbeats name only what has changed since the last one that was answered. After one without an
/// answer, nobody knows what the server has heard: the next one names everything, and is answered
/// with the whole assignment.
///
/// A member that is `lost` owns nothing any more as the group sees it, and sends nothing until the
/// application has let go of what it had.
class HeartbeatMembership {
 public:
  using Request = protocol::ConsumerGroupHeartbeatRequest;
  using Response = protocol::ConsumerGroupHeartbeatResponse;

  /// `id` is this member's for all its life: 22 characters of a random UUID. `options` outlives it.
  HeartbeatMembership(const ConsumerOptions& options, std::string group, std::string id)
      : options_{options}, group_{std::move(group)}, id_{std::move(id)} {}

  /// Told with the next heartbeat, which is due at once if that is news.
  void subscribe(GroupTopics topics, Instant now);
  [[nodiscard]] const GroupTopics& topics() const { return topics_; }
  [[nodiscard]] const std::string& group() const { return group_; }
  [[nodiscard]] const std::string& id() const { return id_; }
  /// While a member.
  [[nodiscard]] std::optional<std::int32_t> epoch() const;

  /// Begins as a new member; only when out.
  void join(Instant now);
  [[nodiscard]] bool is_out() const { return !epoch_; }
  /// The group has gone on without this member; until it has let go of everything.
  [[nodiscard]] bool lost() const { return lost_; }

  /// When the next heartbeat is to be sent; nothing while out, or while one is under way.
  [[nodiscard]] std::optional<Instant> due() const;
  /// Something is to be told or learned that should not wait for the interval.
  void hurry(Instant now);
  /// The heartbeat to send now; `answered` or `unanswered` follows, or `leave` before.
  Request heartbeat();

  enum class After : std::uint8_t {
    fine,
    find_coordinator,  ///< look it up anew; the next heartbeat is due when `retry_at` says
    retry,             ///< due when `retry_at` says
    lost,              ///< nothing is ours any more
    refused,           ///< the same, and `error` says why: for the application
  };
  struct Answer {
    After after = After::fine;
    std::optional<ClientError> error;
  };
  Answer answered(const Response& response, Instant now);
  /// No answer came, or none can come: the server may have heard it or not.
  void unanswered();
  /// After `find_coordinator`, `retry` and `unanswered`.
  void retry_at(Instant when) { due_ = when; }

  /// What the application has, from `took` to `gave_up`.
  [[nodiscard]] const IdPartitions& owned() const { return owned_; }
  /// Owned and to be given up now; everything when lost.
  [[nodiscard]] IdPartitions to_give_up() const;
  /// Assigned and not owned; nothing while something is to be given up, for a partition whose topic
  /// was made anew has the same name.
  [[nodiscard]] IdPartitions to_take() const;
  /// Changes whenever what was found out about `to_take` does not hold any more: partitions that
  /// went and came back have new committed offsets.
  [[nodiscard]] std::uint64_t assignment_version() const { return version_; }
  void gave_up(const IdPartitions& partitions, Instant now);
  void took(const IdPartitions& partitions, Instant now);

  /// Out of the group, and lost: what is owned is not ours any more. The request is the last one. A
  /// static member leaves for a while, and its partitions wait for it.
  [[nodiscard]] Request leave();
  /// The same without a word.
  void lose();
  /// As another member from the next join on; while out.
  void rename(std::string id) { id_ = std::move(id); }

 private:
  /// What the server must not give to another: also what it told us to have and we have not taken
  /// yet. Said to be without it, it could give it away while we take it.
  [[nodiscard]] IdPartitions held() const;
  [[nodiscard]] Answer refused(const Response& response);

  const ConsumerOptions& options_;
  std::string group_;
  std::string id_;
  GroupTopics topics_;
  std::optional<std::int32_t> epoch_;  // 0: joining; nothing: out
  bool lost_ = false;
  bool in_flight_ = false;
  std::optional<Instant> due_;
  std::chrono::milliseconds interval_{0};  // as the last answer said
  IdPartitions owned_;
  IdPartitions target_;
  std::uint64_t version_ = 0;
  // The server waits to hear what we own, though that may be what it heard before: it was told
  // something else in between.
  bool owes_owned_ = false;
  // What the server is known to have heard; nothing: it must be told everything.
  struct Told {
    GroupTopics topics;
    IdPartitions owned;
  };
  std::optional<Told> told_;
  Told telling_;              // by the heartbeat under way
  bool had_pattern_ = false;  // ever
};

}  // namespace millrace::clients
