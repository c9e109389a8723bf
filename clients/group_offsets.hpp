#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "clients/client.hpp"
#include "clients/consumer.hpp"

namespace millrace::clients {

/// As whom offsets are committed; by default as nobody, which a group without members accepts.
struct Committer {
  std::int32_t generation = -1;
  std::string member_id;
  std::optional<std::string> instance_id;
};

/// Topics by name, with the ids under which somebody has them.
using TopicIds = std::map<std::string, TopicId>;

/// One outcome per partition. Retried until `deadline` whatever is worth it. With `ids` for all the
/// topics, and a broker that takes them, the offsets are those of exactly these topics: one made
/// anew under the same name gets none, and a topic that is not there any more is not waited for.
net::Awaitable<Outcome<std::map<TopicPartition, Outcome<void>>>> commit_group_offsets(
    Client& client, Lane lane, std::string group, Committer as, PartitionOffsets offsets,
    Instant deadline, TopicIds ids = {});

/// Of `partitions`, or of all that the group has; those without a committed offset are left out.
net::Awaitable<Outcome<std::map<TopicPartition, CommittedOffset>>> fetch_group_offsets(
    Client& client, Lane lane, std::string group,
    std::optional<std::vector<TopicPartition>> partitions, Instant deadline);

/// Where a member begins with `partitions`, in their order: at the committed offset, or where
/// `reset` says.
net::Awaitable<Outcome<std::vector<Assignment>>> group_start_positions(
    Client& client, Lane lane, std::string group, OffsetReset reset,
    std::vector<TopicPartition> partitions, Instant deadline);

/// What a commit is told that comes while there is no membership.
[[nodiscard]] ClientError not_a_member(const std::string& group);

}  // namespace millrace::clients
