#include "protocol/wire/writer.hpp"

namespace millrace::protocol {

EncodedMessage::EncodedMessage(std::vector<std::byte> own, std::vector<Splice> splices)
    : own_{std::move(own)}, splices_{std::move(splices)}, size_{own_.size()} {
  for (const auto& splice : splices_) size_ += splice.piece.size();
}

void EncodedMessage::gather(std::vector<Bytes>& out) const {
  std::size_t done = 0;
  const Bytes own{own_};
  for (const auto& splice : splices_) {
    if (splice.at > done) out.push_back(own.subspan(done, splice.at - done));
    out.push_back(splice.piece.view());
    done = splice.at;
  }
  if (done < own.size()) out.push_back(own.subspan(done));
}

std::vector<std::byte> EncodedMessage::flatten() const {
  std::vector<Bytes> pieces;
  gather(pieces);
  std::vector<std::byte> all;
  all.reserve(size_);
  for (const Bytes piece : pieces) all.insert(all.end(), piece.begin(), piece.end());
  return all;
}

}  // namespace millrace::protocol
