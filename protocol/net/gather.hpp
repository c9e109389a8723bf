#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>

#include "protocol/base/bytes.hpp"
#include "protocol/base/result.hpp"

namespace millrace::net {

/// The rest of a gathered write: the pieces that are still to be sent, the first perhaps in part.
class Gather {
 public:
  explicit Gather(std::span<const Piece> pieces) : rest_{pieces} { skip_empty(); }
  [[nodiscard]] bool done() const { return rest_.empty(); }
  /// Counts `count` more bytes as sent; no more than are left.
  void advance(std::size_t count) {
    while (count > 0) {
      const std::size_t step = std::min(count, rest_.front().size() - sent_of_first_);
      sent_of_first_ += step;
      count -= step;
      skip_empty();
    }
  }
  /// What is left of the first piece when that is in a file.
  [[nodiscard]] std::optional<FileRange> front_file() const {
    if (rest_.empty() || rest_.front().file() == nullptr) return std::nullopt;
    const FileRange& range = *rest_.front().file();
    return range.slice(sent_of_first_, range.size - sent_of_first_);
  }
  /// Hands out what is left of one piece in memory after the other until `visit` returns false or
  /// a piece in a file comes; true in the latter case.
  template <class Visit>
  bool for_each_rest(Visit visit) const {
    std::size_t skip = sent_of_first_;
    for (const Piece& piece : rest_) {
      if (piece.file() != nullptr) return piece.size() > 0;
      if (piece.size() > skip && !visit(piece.bytes().subspan(skip))) return false;
      skip = 0;
    }
    return false;
  }

 private:
  void skip_empty() {
    while (!rest_.empty() && sent_of_first_ == rest_.front().size()) {
      rest_ = rest_.subspan(1);
      sent_of_first_ = 0;
    }
  }

  std::span<const Piece> rest_;
  std::size_t sent_of_first_ = 0;
};

}  // namespace millrace::net
