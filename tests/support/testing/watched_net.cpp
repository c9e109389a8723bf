#include "tests/support/testing/watched_net.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>
#include <limits>
#include <optional>
#include <vector>

#include "clients/frame_reader.hpp"
#include "protocol/base/ensure.hpp"
#include "protocol/net/errc.hpp"
#include "tests/support/testing/refusal.hpp"

namespace millrace::testing {
namespace {

/// Finds where answers end in what is written, whichever way it is cut into pieces. Sizes are in
/// memory always; what lies between may be in files.
class AnswerCounter {
 public:
  /// How many answers end in this piece.
  int take(const Piece& piece) {
    int ended = 0;
    std::size_t at = 0;
    while (at < piece.size()) {
      if (left_ == 0) {
        ENSURE(piece.file() == nullptr);
        size_.push_back(piece.bytes()[at++]);
        if (size_.size() < protocol::kFrameSizeBytes) continue;
        left_ = static_cast<std::size_t>(load_be<std::int32_t>(size_.data()));
        size_.clear();
        continue;
      }
      const auto step = std::min(left_, piece.size() - at);
      left_ -= step;
      at += step;
      if (left_ == 0) ++ended;
    }
    return ended;
  }

 private:
  std::size_t left_ = 0;         // of the answer that has begun
  std::vector<std::byte> size_;  // as much of the next one's size as is there
};

/// Requests come in whole, meet their fault, and only then reach the broker.
class WatchedConnection final : public net::Connection {
 public:
  WatchedConnection(std::unique_ptr<net::Connection> inner, net::Scheduler& scheduler,
                    Faults& faults)
      : inner_{std::move(inner)},
        scheduler_{scheduler},
        faults_{faults},
        timer_{scheduler.make_timer()},
        all_answered_{scheduler.executor()} {
    all_answered_.set();
  }

  net::Awaitable<Result<std::size_t>> read_some(MutableBytes into) override {
    for (;;) {
      if (closed_) co_return net::Errc::closed;
      if (!ready_.empty()) co_return hand_over(into);
      auto frame = frames_.next();
      if (!frame) co_return net::Errc::end_of_stream;  // nobody could follow this stream
      if (*frame) {
        co_await meet(std::move(**frame));
        continue;
      }
      const auto room = frames_.room();
      const auto count = co_await inner_->read_some(room);
      if (!count) co_return count.error();
      frames_.commit(*count);
    }
  }

  net::Awaitable<Result<void>> write(std::span<const Piece> pieces) override {
    int ended = 0;
    for (const auto& piece : pieces) ended += answers_.take(piece);
    ENSURE(static_cast<std::size_t>(ended) <= waiting_.size());
    const auto behind = waiting_.begin() + ended;
    if (std::find(waiting_.begin(), behind, true) != behind) {
      close();
      co_return net::Errc::closed;
    }
    const auto written = co_await inner_->write(pieces);
    waiting_.erase(waiting_.begin(), behind);
    if (waiting_.empty()) all_answered_.set();
    co_return written;
  }

  void shutdown_send() override { inner_->shutdown_send(); }
  void close() override {
    closed_ = true;
    timer_->cancel();
    all_answered_.set();
    inner_->close();
  }
  [[nodiscard]] const net::Endpoint& local() const override { return inner_->local(); }
  [[nodiscard]] const net::Endpoint& peer() const override { return inner_->peer(); }

 private:
  std::size_t hand_over(MutableBytes into) {
    const auto count = std::min(into.size(), ready_.size() - taken_);
    std::memcpy(into.data(), ready_.data() + taken_, count);
    taken_ += count;
    if (taken_ == ready_.size()) {
      ready_.clear();
      taken_ = 0;
    }
    return count;
  }

  void let_through(const SharedBytes& frame, bool answer_lost) {
    std::array<std::byte, protocol::kFrameSizeBytes> size;
    store_be(size.data(), static_cast<std::int32_t>(frame.size()));
    ready_.insert(ready_.end(), size.begin(), size.end());
    ready_.insert(ready_.end(), frame.view().begin(), frame.view().end());
    if (!wants_answer(frame)) return;
    waiting_.push_back(answer_lost);
    all_answered_.reset();
  }

  net::Awaitable<void> meet(SharedBytes frame) {
    if (frame.size() < sizeof(std::int16_t)) co_return let_through(frame, false);
    const auto api = static_cast<protocol::ApiKey>(load_be<std::int16_t>(frame.data()));
    const auto fault = faults_.meet(api);
    if (!fault) co_return let_through(frame, false);
    if (const auto* const delay = std::get_if<std::chrono::milliseconds>(&*fault)) {
      const auto until = scheduler_.clock().now() + *delay;
      co_await timer_->wait_until(until);
      co_return let_through(frame, false);
    }
    if (const auto* const when = std::get_if<Disconnect>(&*fault)) {
      if (*when == Disconnect::after && wants_answer(frame)) co_return let_through(frame, true);
      co_return close();
    }
    co_await answer(refuse(frame, std::get<protocol::ErrorCode>(*fault)), wants_answer(frame));
  }

  /// Behind the answers to everything that came before.
  net::Awaitable<void> answer(std::optional<protocol::EncodedMessage> refusal, bool wanted) {
    co_await all_answered_.wait();
    if (closed_) co_return;
    if (!refusal || !wanted) co_return close();
    std::vector<Piece> pieces;
    refusal->gather(pieces);
    const auto written = co_await inner_->write(pieces);
    if (!written) close();
  }

  std::unique_ptr<net::Connection> inner_;
  net::Scheduler& scheduler_;
  Faults& faults_;
  std::unique_ptr<net::Timer> timer_;
  clients::FrameReader frames_{std::numeric_limits<std::int32_t>::max()};
  std::vector<std::byte> ready_;  // for the broker, from `taken_` on
  std::size_t taken_ = 0;
  AnswerCounter answers_;
  std::deque<bool> waiting_;  // by request that the broker has: whether its answer gets lost
  net::Event all_answered_;
  bool closed_ = false;
};

class WatchedListener final : public net::Listener {
 public:
  WatchedListener(std::unique_ptr<net::Listener> inner, Faults& faults)
      : inner_{std::move(inner)}, faults_{faults} {}

  net::Awaitable<Result<std::unique_ptr<net::Connection>>> accept(net::Scheduler& onto) override {
    auto* const watched = dynamic_cast<WatchedScheduler*>(&onto);
    ENSURE(watched != nullptr);
    auto connection = co_await inner_->accept(watched->inner());
    if (!connection) co_return connection.error();
    co_return std::make_unique<WatchedConnection>(std::move(*connection), onto, faults_);
  }
  void close() override { inner_->close(); }
  [[nodiscard]] const net::Endpoint& local() const override { return inner_->local(); }

 private:
  std::unique_ptr<net::Listener> inner_;
  Faults& faults_;
};

}  // namespace

Result<std::unique_ptr<net::Listener>> WatchedScheduler::listen(const net::Endpoint& at) {
  auto listener = inner_.listen(at);
  if (!listener) return listener.error();
  return std::make_unique<WatchedListener>(std::move(*listener), faults_);
}

}  // namespace millrace::testing
