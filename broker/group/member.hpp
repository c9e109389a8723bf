#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/group/types.hpp"
#include "protocol/base/bytes.hpp"
#include "protocol/messages/join_group.hpp"

namespace millrace::broker {

/// One member of a classic group. A static member (with an instance id) keeps its place when its
/// process restarts; the member id changes then.
struct GroupMember {
  struct Protocol {
    friend bool operator==(const Protocol&, const Protocol&) = default;
    std::string name;
    SharedBytes metadata;
  };

  [[nodiscard]] bool is_static() const { return instance_id.has_value(); }
  /// A member whose request is parked here cannot send heartbeats, so its session does not run.
  /// The exception is a new one: see `GroupSettings::new_member_join_timeout`.
  [[nodiscard]] bool is_excused() const { return !is_new && (join_token || sync_token); }
  [[nodiscard]] bool supports(std::string_view protocol) const {
    return std::ranges::any_of(protocols, [&](const auto& p) { return p.name == protocol; });
  }
  [[nodiscard]] SharedBytes metadata(std::string_view protocol) const {
    const auto found =
        std::ranges::find_if(protocols, [&](const auto& p) { return p.name == protocol; });
    return found == protocols.end() ? SharedBytes{} : found->metadata;
  }

  std::string id;
  std::optional<std::string> instance_id;
  std::string client_id;
  std::string client_host;
  std::chrono::milliseconds rebalance_timeout{};  // > 0
  std::chrono::milliseconds session_timeout{};    // > 0
  std::vector<Protocol> protocols;                // by preference; names are unique
  SharedBytes assignment;                         // of this generation, once it is Stable

  Instant session_deadline;
  std::optional<ReplyToken> join_token;  // parked JoinGroup
  std::optional<ReplyToken> sync_token;  // parked SyncGroup
  std::uint64_t join_order = 0;          // of `join_token`
  bool is_new = false;                   // has not got its first generation yet
  bool owes_sync = false;                // has not sent SyncGroup in this generation
};

/// The protocols of a request in memory of their own (the request's bytes belong to a whole frame);
/// a name that comes twice counts once.
[[nodiscard]] inline std::vector<GroupMember::Protocol> protocols_of(
    const protocol::JoinGroupRequest& request) {
  std::vector<GroupMember::Protocol> protocols;
  for (const auto& p : request.protocols) {
    const bool known =
        std::ranges::any_of(protocols, [&](const auto& q) { return q.name == p.name; });
    if (!known) protocols.push_back({p.name, SharedBytes::copy_of(p.metadata.view())});
  }
  return protocols;
}

}  // namespace millrace::broker
