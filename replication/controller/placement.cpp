#include "replication/controller/placement.hpp"

#include "protocol/base/ensure.hpp"

namespace millrace::replication {

std::vector<BrokerId> place_replicas(std::span<const BrokerId> brokers, std::int32_t index,
                                     std::size_t count, std::size_t start) {
  ENSURE(count >= 1 && count <= brokers.size());
  std::vector<BrokerId> replicas;
  replicas.reserve(count);
  const std::size_t first = start + static_cast<std::size_t>(index);
  // Followers start one step further each time the leaders have gone round once, so that the same
  // two brokers do not share all their partitions.
  const std::size_t rounds = first / brokers.size();
  const std::size_t others = brokers.size() - 1;
  replicas.push_back(brokers[first % brokers.size()]);
  for (std::size_t i = 1; i < count; ++i) {
    const std::size_t step = 1 + (rounds + i - 1) % others;
    replicas.push_back(brokers[(first + step) % brokers.size()]);
  }
  return replicas;
}

}  // namespace millrace::replication
