#pragma once

#include <string_view>
#include <vector>

#include "replication/controller/controller.hpp"

namespace millrace::replication {

/// A change of `min.insync.replicas` changes who is eligible: leaders acknowledge by the new
/// minimum from then on, so that those who were judged by the old one may lack records. The records
/// that forget them, for the batch of the change; nothing for other settings. Without `topic` it is
/// the default of all topics that changes.
std::vector<MetadataRecord> forget_eligible(const MetadataImage& image, const TopicImage* topic,
                                            std::string_view key, const ConfigRules& rules);

}  // namespace millrace::replication
