#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/types.hpp"

namespace millrace::clients {

/// How the leader of a classic group shares out partitions.
enum class Assignor : std::uint8_t {
  range,       ///< per topic, neighbouring partitions together: topics alike in count stay aligned
  roundrobin,  ///< one partition after the other over all topics: most even
};
/// The name by which members agree on one.
[[nodiscard]] std::string_view to_string(Assignor assignor);
[[nodiscard]] std::optional<Assignor> parse_assignor(std::string_view name);

struct GroupSubscriber {
  std::string member_id;
  std::optional<std::string> instance_id;
  std::vector<std::string> topics;
};
/// By member id; every subscriber has an entry.
using GroupAssignment = std::map<std::string, std::vector<TopicPartition>>;

/// `partition_counts` of the topics that exist; others are left out. The same members give the same
/// answer in any order, and static members keep theirs over restarts.
[[nodiscard]] GroupAssignment assign_partitions(
    Assignor assignor, std::vector<GroupSubscriber> members,
    const std::map<std::string, std::int32_t>& partition_counts);

}  // namespace millrace::clients
