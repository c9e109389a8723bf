#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "protocol/wire/schema.hpp"

namespace millrace::protocol {

/// One rebalance of a group. Kafka has nothing like it: it travels in tagged fields of
/// DescribeGroups, which only those are sent who ask for it in a tagged field of the request, and
/// which others skip. Tags of ours begin here, far from those that Kafka gives out one by one.
inline constexpr int kOwnTagsFrom = 10'000;

struct GroupRebalance {
  /// What made the group rebalance, and which member was concerned.
  struct Trigger {
    friend bool operator==(const Trigger&, const Trigger&) = default;
    std::string cause;  // "session_expired"
    std::int64_t at_ms = 0;
    std::string member_id;
    std::optional<std::string> instance_id;
    std::string client_id;
    std::string host;
    std::string reason;  // in the words of the client

    static constexpr auto fields() {
      return std::tuple{field<&Trigger::cause>("Cause", from(0)),
                        field<&Trigger::at_ms>("AtMs", from(0)),
                        field<&Trigger::member_id>("MemberId", from(0)),
                        field<&Trigger::instance_id>("InstanceId", from(0)).nullable(from(0)),
                        field<&Trigger::client_id>("ClientId", from(0)),
                        field<&Trigger::host>("Host", from(0)),
                        field<&Trigger::reason>("Reason", from(0))};
    }
  };
  /// How many partitions a member had and has.
  struct Share {
    friend bool operator==(const Share&, const Share&) = default;
    std::string member;
    std::int32_t before = 0;
    std::int32_t after = 0;

    static constexpr auto fields() {
      return std::tuple{field<&Share::member>("Member", from(0)),
                        field<&Share::before>("Before", from(0)),
                        field<&Share::after>("After", from(0))};
    }
  };
  /// A partition that changed hands; nobody is an empty name.
  struct Move {
    friend bool operator==(const Move&, const Move&) = default;
    std::string topic;
    std::int32_t partition = 0;
    std::string from_member;
    std::string to_member;

    static constexpr auto fields() {
      return std::tuple{field<&Move::topic>("Topic", from(0)),
                        field<&Move::partition>("Partition", from(0)),
                        field<&Move::from_member>("FromMember", from(0)),
                        field<&Move::to_member>("ToMember", from(0))};
    }
  };

  friend bool operator==(const GroupRebalance&, const GroupRebalance&) = default;
  std::int64_t began_ms = 0;
  std::int64_t took_ms = -1;  // -1: it is running
  std::string protocol;       // "classic" or "consumer"
  std::string state;          // that the group came to; empty when a failed write ended it
  std::int32_t epoch_before = 0;
  std::int32_t epoch_after = 0;
  std::int32_t members_before = 0;
  std::int32_t members_after = 0;
  std::vector<Trigger> triggers;
  std::int32_t triggers_left_out = 0;
  std::vector<Share> shares;
  std::int32_t shares_left_out = 0;
  std::vector<Move> moved;
  std::int32_t moved_left_out = 0;

  static constexpr auto fields() {
    return std::tuple{field<&GroupRebalance::began_ms>("BeganMs", from(0)),
                      field<&GroupRebalance::took_ms>("TookMs", from(0)),
                      field<&GroupRebalance::protocol>("Protocol", from(0)),
                      field<&GroupRebalance::state>("State", from(0)),
                      field<&GroupRebalance::epoch_before>("EpochBefore", from(0)),
                      field<&GroupRebalance::epoch_after>("EpochAfter", from(0)),
                      field<&GroupRebalance::members_before>("MembersBefore", from(0)),
                      field<&GroupRebalance::members_after>("MembersAfter", from(0)),
                      field<&GroupRebalance::triggers>("Triggers", from(0)),
                      field<&GroupRebalance::triggers_left_out>("TriggersLeftOut", from(0)),
                      field<&GroupRebalance::shares>("Shares", from(0)),
                      field<&GroupRebalance::shares_left_out>("SharesLeftOut", from(0)),
                      field<&GroupRebalance::moved>("Moved", from(0)),
                      field<&GroupRebalance::moved_left_out>("MovedLeftOut", from(0))};
  }
};

}  // namespace millrace::protocol
