#include "protocol/wire/writer.hpp"

namespace millrace::protocol {
namespace {

Piece piece_of(const BytesChain::Link& link) {
  if (const auto* const bytes = std::get_if<SharedBytes>(&link)) return bytes->view();
  return Piece{std::get<FileRange>(link)};
}

}  // namespace

EncodedMessage::EncodedMessage(std::vector<std::byte> own, std::vector<Splice> splices)
    : own_{std::move(own)}, splices_{std::move(splices)}, size_{own_.size()} {
  for (const auto& splice : splices_) size_ += piece_of(splice.piece).size();
}

void EncodedMessage::gather(std::vector<Piece>& out) const {
  std::size_t done = 0;
  const Bytes own{own_};
  for (const auto& splice : splices_) {
    if (splice.at > done) out.emplace_back(own.subspan(done, splice.at - done));
    out.push_back(piece_of(splice.piece));
    done = splice.at;
  }
  if (done < own.size()) out.emplace_back(own.subspan(done));
}

std::vector<std::byte> EncodedMessage::flatten() const {
  std::vector<Piece> pieces;
  gather(pieces);
  std::vector<std::byte> all;
  all.reserve(size_);
  for (const Piece& piece : pieces) {
    ENSURE(piece.file() == nullptr);
    all.insert(all.end(), piece.bytes().begin(), piece.bytes().end());
  }
  return all;
}

}  // namespace millrace::protocol
