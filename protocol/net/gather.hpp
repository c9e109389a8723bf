#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

#include "protocol/base/bytes.hpp"
#include "protocol/base/result.hpp"

namespace millrace::net {

/// The rest of a gathered write: the pieces that are still to be sent, the first perhaps in part.
class Gather {
 public:
  explicit Gather(std::span<const Bytes> pieces) : rest_{pieces} { skip_empty(); }
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
  /// Hands out what is left of one piece after the other until `visit` returns false.
  template <class Visit>
  void for_each_rest(Visit visit) const {
    std::size_t skip = sent_of_first_;
    for (const Bytes piece : rest_) {
      if (piece.size() > skip && !visit(piece.subspan(skip))) return;
      skip = 0;
    }
  }

 private:
  void skip_empty() {
    while (!rest_.empty() && sent_of_first_ == rest_.front().size()) {
      rest_ = rest_.subspan(1);
      sent_of_first_ = 0;
    }
  }

  std::span<const Bytes> rest_;
  std::size_t sent_of_first_ = 0;
};

}  // namespace millrace::net
