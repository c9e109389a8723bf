#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "replication/controller/controller.hpp"

namespace millrace::replication {

/// How many replicas internal topics are to have, by name.
using InternalFactors = std::map<std::string, std::size_t, std::less<>>;

/// Internal topics are made with as many replicas as there were brokers then, and get more as
/// brokers join, up to `wanted`: reassignments that add replicas and take none, `records_max` of
/// them at most; the rest is for the next time. Preferred leaders are spread anew on the way. What
/// is being reassigned already, and what has nobody in sync, is left alone.
std::vector<MetadataRecord> raise_internal_topics(const MetadataImage& image,
                                                  const InternalFactors& wanted,
                                                  std::size_t records_max,
                                                  const ConfigRules& rules);

}  // namespace millrace::replication
