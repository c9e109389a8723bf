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
    ++revision_;
  }
  void grow(const std::string& name, std::int32_t partitions) {
    topics_.at(name).partitions = partitions;
    ++revision_;
  }
  void remove(const std::string& name) {
    topics_.erase(name);
    ++revision_;
  }

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

  [[nodiscard]] std::optional<TopicShape> shape_of(std::string_view topic) const override {
    const auto found = topics_.find(topic);
    if (found == topics_.end()) return std::nullopt;
    return TopicShape{found->second.id, found->second.partitions, {}};
  }
  void for_each_public_topic(const std::function<void(std::string_view)>& visit) const override {
    for (const auto& [name, topic] : topics_) visit(name);
  }
  [[nodiscard]] std::uint64_t revision() const override { return revision_; }

 private:
  struct Topic {
    TopicId id;
    std::int32_t partitions = 0;
  };
  std::map<std::string, Topic, std::less<>> topics_;
  std::uint8_t created_ = 0;
  std::uint64_t revision_ = 0;
};

}  // namespace millrace::broker
