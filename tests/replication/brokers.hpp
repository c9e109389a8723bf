#pragma once

#include <string>
#include <utility>
#include <vector>

#include "replication/controller/records.hpp"

namespace millrace::replication {

/// A cluster of brokers that are up, each with its id and its rack ("": none), and no topic.
inline ImagePtr with_brokers(const std::vector<std::pair<std::int32_t, std::string>>& brokers) {
  std::vector<MetadataRecord> records;
  for (const auto& [id, rack] : brokers) {
    BrokerImage broker{.id = BrokerId{id}, .epoch = 1, .fenced = false};
    if (!rack.empty()) broker.rack = rack;
    records.push_back(broker_record(broker));
  }
  return MetadataImage{}.with(records);
}

/// That broker fenced, or unfenced again.
inline ImagePtr fenced(const ImagePtr& image, std::int32_t id, bool fence = true) {
  const std::vector records{broker_change_record(*image->broker(BrokerId{id}), fence, false)};
  return image->with(records);
}

}  // namespace millrace::replication
