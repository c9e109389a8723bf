#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "broker/group/types.hpp"

namespace millrace::broker {

/// A topic directory in memory. A topic that is created again gets another id.
class FakeTopics final : public TopicDirectory {
 public:
  void create(const std::string& name, std::int32_t partitions) {
    TopicId id;
    id.bytes[15] = ++created_;
    topics_[name] = {id, partitions};
  }
  void remove(const std::string& name) { topics_.erase(name); }

  [[nodiscard]] bool has_partition(std::string_view topic, PartitionIndex index) const override {
    const auto found = topics_.find(topic);
    return found != topics_.end() && index.value >= 0 && index.value < found->second.partitions;
  }
  [[nodiscard]] std::optional<std::string> name_of(const TopicId& id) const override {
    for (const auto& [name, topic] : topics_) {
      if (topic.id == id) return name;
    }
    return std::nullopt;
  }
  [[nodiscard]] std::optional<TopicId> id_of(std::string_view topic) const override {
    const auto found = topics_.find(topic);
    if (found == topics_.end()) return std::nullopt;
    return found->second.id;
  }

 private:
  struct Topic {
    TopicId id;
    std::int32_t partitions = 0;
  };
  std::map<std::string, Topic, std::less<>> topics_;
  std::uint8_t created_ = 0;
};

}  // namespace millrace::broker
