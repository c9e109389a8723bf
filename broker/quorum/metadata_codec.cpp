#include "broker/quorum/metadata_codec.hpp"

#include "log/errc.hpp"
#include "protocol/base/ensure.hpp"
#include "replication/controller/image_records.hpp"

namespace millrace::broker {

using replication::ImagePtr;
using replication::MetadataImage;
using replication::MetadataRecord;

namespace {

constexpr std::size_t kPieceBytes = std::size_t{1} << 20;

}  // namespace

std::string encode_batch(std::span<const MetadataRecord> records) {
  replication::schema::MetadataBatch batch;
  for (const auto& record : records) *batch.add_records() = record;
  std::string bytes;
  ENSURE(batch.SerializeToString(&bytes));
  return bytes;
}

Result<void> decode_batch(std::string_view bytes, std::vector<MetadataRecord>& into) {
  replication::schema::MetadataBatch batch;
  if (!batch.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return log::Errc::corrupt_file;
  for (auto& record : *batch.mutable_records()) into.push_back(std::move(record));
  return {};
}

std::vector<std::string> snapshot_pieces(const MetadataImage& image) {
  const auto records = replication::records_of(image);
  std::vector<std::string> pieces;
  std::size_t first = 0;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < records.size(); ++i) {
    bytes += records[i].ByteSizeLong();
    if (bytes < kPieceBytes && i + 1 < records.size()) continue;
    pieces.push_back(encode_batch(std::span{records}.subspan(first, i + 1 - first)));
    first = i + 1;
    bytes = 0;
  }
  return pieces;
}

Result<ImagePtr> image_of(std::span<const std::string> pieces) {
  std::vector<MetadataRecord> records;
  for (const auto& piece : pieces)
    if (const auto decoded = decode_batch(piece, records); !decoded) return decoded.error();
  return MetadataImage{}.with(records);
}

}  // namespace millrace::broker
