#include "broker/sender.hpp"

#include "broker/blocking.hpp"

namespace millrace::broker {

Sender::Sender(net::Scheduler& home, net::BlockingPool& pool, std::uint64_t ahead_bytes_max,
               net::Connection& connection)
    : home_{home},
      pool_{pool},
      connection_{connection},
      cold_reads_{ahead_bytes_max},
      last_progress_{home.clock().now()} {}

net::Awaitable<Result<void>> Sender::write(std::span<const Piece> pieces) {
  for (const Piece& piece : pieces) {
    const FileRange* const range = piece.file();
    if (range == nullptr) {
      batch_.push_back(piece);
      continue;
    }
    for (std::size_t done = 0; done < range->size;) {
      const auto size = std::min<std::size_t>(ColdReads::kStepBytes, range->size - done);
      steps_.push_back(range->slice(done, size));
      co_await make_resident(steps_.back());
      batch_.emplace_back(Piece{steps_.back()});
      batch_file_bytes_ += size;
      done += size;
      if (batch_file_bytes_ < ColdReads::kStepBytes) continue;
      const auto written = co_await flush();
      if (!written) co_return written.error();
    }
  }
  const auto written = co_await flush();
  co_return written;
}

net::Awaitable<void> Sender::make_resident(const FileRange& step) {
  auto work = cold_reads_.before(step, [&step](Stretch stretch) {
    return step.file->is_resident(stretch.position, stretch.size);
  });
  for (const FileRange& past : work.behind) {
    pool_.submit([past] { past.file->let_go(past.position, past.size); });
  }
  for (const Stretch& stretch : work.ahead) {
    pool_.submit([file = step.file, stretch] { file->bring_in(stretch.position, stretch.size); });
  }
  if (!work.wait) co_return;
  auto bring_in = [step] {
    step.file->bring_in(step.position, step.size);
    return true;
  };
  co_await blocking(home_, pool_, std::move(bring_in));
}

net::Awaitable<Result<void>> Sender::flush() {
  last_progress_ = home_.clock().now();
  const auto written = co_await connection_.write(batch_);
  batch_.clear();
  steps_.clear();
  batch_file_bytes_ = 0;
  co_return written;
}

}  // namespace millrace::broker
