#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocol/base/types.hpp"
#include "replication/controller/image.hpp"

namespace millrace::replication {

/// Where the replicas of new partitions go: brokers in turn, each leading as many as any other, and
/// the replicas of one partition on as many racks as there are. Brokers without a rack are together
/// in one of their own.
class Placement {
 public:
  /// Among those of `image` that are up and stay so; `start` shifts whole topics against each
  /// other.
  Placement(const MetadataImage& image, std::size_t count, std::size_t start);

  /// How many brokers there are to choose from.
  [[nodiscard]] std::size_t brokers() const { return turn_.size(); }
  /// For partition `index` of the topic, the preferred leader first; `count`, as given above, is at
  /// most `brokers()`.
  [[nodiscard]] std::vector<BrokerId> replicas(std::int32_t index) const;

 private:
  struct Place {
    BrokerId broker;
    std::size_t rack;
  };

  std::vector<Place> turn_;  // the racks in turn, so that neighbours are on different ones
  std::size_t racks_ = 0;
  std::size_t count_;
  std::size_t start_;
};

/// How many brokers are up and stay so.
std::size_t brokers_up(const MetadataImage& image);

}  // namespace millrace::replication
