#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/result.hpp"
#include "replication/controller/image.hpp"

/// Changes of the metadata as the entries of the quorum's log and the pieces of its snapshots: each
/// is a `MetadataBatch`.
namespace millrace::broker {

std::string encode_batch(std::span<const replication::MetadataRecord> records);
/// Appends to `into`. `log::Errc::corrupt_file` for bytes that are no batch.
Result<void> decode_batch(std::string_view bytes, std::vector<replication::MetadataRecord>& into);

/// The whole image, in pieces of about a mebibyte.
std::vector<std::string> snapshot_pieces(const replication::MetadataImage& image);
Result<replication::ImagePtr> image_of(std::span<const std::string> pieces);

}  // namespace millrace::broker
