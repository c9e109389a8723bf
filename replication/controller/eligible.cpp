#include "replication/controller/eligible.hpp"

#include "replication/controller/membership.hpp"
#include "replication/controller/records.hpp"

namespace millrace::replication {
namespace {

void forget(const MetadataImage& image, const TopicImage& topic, const ConfigRules& rules,
            std::vector<MetadataRecord>& out) {
  PartitionIndex index{0};
  for (const auto& now : topic.partitions) {
    if (!now.eligible.empty()) {
      const auto next =
          changed(now, {.forget_eligible = true}, rules_for(image, topic, now, rules));
      if (next) out.push_back(partition_record(topic.id, index, *next));
    }
    ++index.value;
  }
}

}  // namespace

std::vector<MetadataRecord> forget_eligible(const MetadataImage& image, const TopicImage* topic,
                                            std::string_view key, const ConfigRules& rules) {
  std::vector<MetadataRecord> records;
  if (key != "min.insync.replicas") return records;
  if (topic != nullptr) {
    forget(image, *topic, rules, records);
  } else {
    for (const auto& [name, each] : image.topics()) forget(image, *each, rules, records);
  }
  return records;
}

}  // namespace millrace::replication
