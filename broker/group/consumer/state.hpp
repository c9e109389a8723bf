#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "broker/group/consumer/changes.hpp"
#include "protocol/base/types.hpp"

namespace millrace::broker {

/// A group of the consumer protocol, as its records tell it: a value that changes only by `apply`.
/// Two states that replayed the same records are equal, and so are two of which one replayed what
/// compaction left.
///
/// Three epochs, each of which never goes back:
///
///     member's epoch  <=  target epoch  <=  group epoch
///
/// The group epoch grows when members, subscriptions or topics change. The target says what each
/// member is to have at the target epoch. Members go there one by one: whoever must give up
/// partitions does so first, so that a partition never has two owners.
///
/// Records may come in any order of keys (compaction keeps only the last of each key); what hangs
/// in the air, such as the progress of a member without a subscription, is no member.
class ConsumerGroupState {
 public:
  void apply(const ConsumerChange& change);

  /// No record is left: there is no such group.
  [[nodiscard]] bool empty() const;
  /// What takes everything back, in the order in which it must be applied.
  [[nodiscard]] std::vector<ConsumerChange> tombstones() const;

  [[nodiscard]] std::int32_t epoch() const { return group_ ? group_->epoch : 0; }
  /// Of the topics that the group epoch was made for; 0 when it was not known.
  [[nodiscard]] std::int64_t topics_hash() const { return group_ ? group_->metadata_hash : 0; }
  [[nodiscard]] std::int32_t target_epoch() const {
    return target_group_ ? target_group_->assignment_epoch : 0;
  }
  /// When the target was made; nothing before the first.
  [[nodiscard]] std::optional<Timestamp> target_made_at() const;

  /// By member id.
  [[nodiscard]] const std::map<std::string, MemberSubscription, std::less<>>& members() const {
    return members_;
  }
  [[nodiscard]] bool has_member(std::string_view id) const { return members_.contains(id); }
  /// Null when there is no such member.
  [[nodiscard]] const MemberSubscription* subscription(std::string_view id) const;
  /// A member that never had anything has the empty ones.
  [[nodiscard]] const MemberProgress& progress(std::string_view id) const;
  [[nodiscard]] const PartitionSets& target(std::string_view id) const;
  /// The member that has this instance id, or null.
  [[nodiscard]] const std::string* holder_of(std::string_view instance_id) const;
  /// The member that has this partition, be it assigned or about to be given up; or null.
  [[nodiscard]] const std::string* owner_of(const TopicId& topic, std::int32_t partition) const;
  [[nodiscard]] const std::map<std::string, ResolvedRegex, std::less<>>& regexes() const {
    return regexes_;
  }
  [[nodiscard]] bool uses_regex(std::string_view regex) const;

  /// The topics that a member subscribes to, by name and by expression.
  [[nodiscard]] std::set<std::string> topics_of(const MemberSubscription& member) const;
  [[nodiscard]] std::set<std::string> topics_of_all() const;
  /// Kafka's name: "Empty", "Assigning", "Reconciling" or "Stable".
  [[nodiscard]] std::string_view phase() const;

  friend bool operator==(const ConsumerGroupState& a, const ConsumerGroupState& b) {
    return a.group_ == b.group_ && a.target_group_ == b.target_group_ && a.members_ == b.members_ &&
           a.targets_ == b.targets_ && a.progress_ == b.progress_ && a.regexes_ == b.regexes_;
  }

 private:
  template <class Value>
  using ByName = std::map<std::string, Value, std::less<>>;
  using Owners = std::unordered_map<std::int32_t, std::string>;

  void replay(const EpochChange& change);
  void replay(const SubscriptionChange& change);
  void replay(const TargetEpochChange& change);
  void replay(const TargetChange& change);
  void replay(const ProgressChange& change);
  void replay(const RegexChange& change);
  void disown(const PartitionSets& sets, const std::string& member);
  void own(const PartitionSets& sets, const std::string& member);

  std::optional<protocol::ConsumerGroupMetadataValue> group_;
  std::optional<protocol::ConsumerGroupTargetAssignmentMetadataValue> target_group_;
  ByName<MemberSubscription> members_;
  ByName<PartitionSets> targets_;
  ByName<MemberProgress> progress_;
  ByName<ResolvedRegex> regexes_;
  // What follows from these.
  ByName<std::string> holders_;                 // instance id -> member id
  std::unordered_map<TopicId, Owners> owners_;  // of `progress_`; the last to say so
};

}  // namespace millrace::broker
