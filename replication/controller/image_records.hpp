#pragma once

#include <vector>

#include "replication/controller/image.hpp"

namespace millrace::replication {

/// Records that make `image` of an empty one: what a snapshot holds.
std::vector<MetadataRecord> records_of(const MetadataImage& image);

}  // namespace millrace::replication
