#include "replication/controller/placement.hpp"

#include <algorithm>
#include <map>

#include "protocol/base/ensure.hpp"
#include "replication/controller/broker_lists.hpp"

namespace millrace::replication {

std::size_t brokers_up(const MetadataImage& image) {
  return static_cast<std::size_t>(std::ranges::count_if(
      image.brokers(), [](const auto& item) { return item.second.may_lead(); }));
}

Placement::Placement(const MetadataImage& image, std::size_t count, std::size_t start)
    : count_{count}, start_{start} {
  std::map<std::optional<std::string>, Brokers> racks;
  for (const auto& [id, broker] : image.brokers()) {
    if (broker.may_lead()) racks[broker.rack].push_back(id);
  }
  racks_ = racks.size();
  for (std::size_t lap = 0, left = 1; left > 0; ++lap) {
    left = 0;
    std::size_t rack = 0;
    for (const auto& [name, brokers] : racks) {
      if (lap < brokers.size()) turn_.push_back({brokers[lap], rack});
      left += brokers.size() > lap + 1 ? 1 : 0;
      ++rack;
    }
  }
}

std::vector<BrokerId> Placement::replicas(std::int32_t index) const {
  const std::size_t total = turn_.size();
  ENSURE(count_ >= 1 && count_ <= total);
  const std::size_t first = start_ + static_cast<std::size_t>(index);
  // Followers start one step further each time the leaders have gone round once, so that the same
  // two brokers do not share all their partitions.
  const std::size_t rounds = first / total;
  Brokers chosen{turn_[first % total].broker};
  std::vector<std::size_t> held(racks_);  // replicas on each rack
  ++held[turn_[first % total].rack];
  while (chosen.size() < count_) {
    const std::size_t step = 1 + (rounds + chosen.size() - 1) % (total - 1);
    const Place* best = nullptr;
    for (std::size_t i = 0; i < total; ++i) {
      const Place& place = turn_[(first + step + i) % total];
      if (has(chosen, place.broker)) continue;
      if (best == nullptr || held[place.rack] < held[best->rack]) best = &place;
      if (held[best->rack] == 0) break;
    }
    chosen.push_back(best->broker);
    ++held[best->rack];
  }
  return chosen;
}

}  // namespace millrace::replication
