#pragma once

#include <functional>
#include <map>
#include <set>
#include <span>
#include <unordered_map>

#include "replication/controller/image.hpp"

namespace millrace::replication {

/// Which partitions a broker holds, so that what happens to one broker costs as much as it has, not
/// as much as the cluster has. Kept by the active controller beside the image: fed every record
/// that is committed. Partitions that went elsewhere are forgotten when they are next come across.
class PartitionsByBroker {
 public:
  /// Forgets all and takes what `image` has.
  void rebuild(const MetadataImage& image);
  void apply(std::span<const MetadataRecord> records);

  using Visit = std::function<void(const TopicImage&, PartitionIndex, const PartitionImage&)>;
  /// Calls `visit` for each partition of `image` that has a replica on `broker`, topic by topic in
  /// the order of their ids, so that the same image gives the same records.
  void for_each(const MetadataImage& image, BrokerId broker, const Visit& visit);
  /// At least as many as there are.
  [[nodiscard]] std::size_t count(BrokerId broker) const;

 private:
  using Held = std::map<TopicId, std::set<PartitionIndex>>;
  std::unordered_map<BrokerId, Held> held_;
};

}  // namespace millrace::replication
