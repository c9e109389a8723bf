#pragma once

#include <optional>
#include <string>
#include <vector>

#include "replication/controller/image.hpp"

namespace millrace::replication {

/// Why these brokers cannot be the replicas of one partition: none, one twice, one that is not
/// registered. Nothing if they can.
std::optional<std::string> replicas_fault(const MetadataImage& image,
                                          const std::vector<BrokerId>& replicas);
/// The same for a new partition, of which somebody must be up to lead it.
std::optional<std::string> assignment_fault(const MetadataImage& image,
                                            const std::vector<BrokerId>& replicas);

/// A partition that has no records yet: all of its replicas that are up are in sync, and the first
/// of these leads. At least one must be up.
PartitionImage new_partition(const MetadataImage& image, std::vector<BrokerId> replicas);

}  // namespace millrace::replication
