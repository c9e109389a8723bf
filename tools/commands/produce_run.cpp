#include "tools/commands/produce_run.hpp"

#include <fmt/format.h>

#include <cstdlib>

#include "tools/input_pump.hpp"
#include "tools/options.hpp"
#include "tools/progress.hpp"

namespace millrace::tools {
namespace {

using clients::Client;
using clients::Outcome;

/// A record that does not end within this is a wrong format rather than a record.
constexpr std::size_t kRecordBytesMax = std::size_t{256} << 20;

class ProduceRun {
 public:
  ProduceRun(const Context& context, Client& client, net::AsioScheduler& scheduler,
             const ProducePlan& plan)
      : context_{context},
        client_{client},
        scheduler_{scheduler},
        plan_{plan},
        producer_{client, plan.options},
        pump_{context.terminal.in_fd, scheduler},
        progress_{context.terminal, true, client.now()},
        signals_{scheduler, [this](int) { interrupt(); }} {
    for (const auto& header : plan.headers) {
      common_.push_back({.key = header.key});
      if (header.value) common_.back().value = as_bytes(*header.value);
    }
  }

  net::Awaitable<ExitCode> whole();

 private:
  struct Failure {
    std::uint64_t record = 0;  // by its number, from 1 on
    clients::ClientError error;
  };

  void interrupt() {
    // The first asks to end in order, which waits for brokers; the second does not ask.
    if (interrupted_) std::_Exit(std::to_underlying(ExitCode::failed));
    interrupted_ = true;
    interrupted_at_ = client_.now();
    pump_.cancel();
  }
  net::Awaitable<void> deliver_rest();
  net::Awaitable<void> send_all();
  net::Awaitable<void> send_buffered(bool all_there_is);
  [[nodiscard]] clients::RecordRef to_send() const;
  Outcome<void> enqueue(std::size_t bytes);
  void done(std::uint64_t number, std::size_t bytes, const Outcome<clients::Delivered>& outcome);
  void fail(std::uint64_t number, clients::ClientError error) {
    if (!failure_) failure_ = Failure{.record = number, .error = std::move(error)};
  }
  [[nodiscard]] ExitCode conclude();

  const Context& context_;
  Client& client_;
  net::AsioScheduler& scheduler_;
  const ProducePlan& plan_;
  clients::Producer producer_;
  InputPump pump_;
  Progress progress_;
  const net::SignalWatch signals_;

  std::vector<protocol::HeaderView> common_;
  InputRecord record_;
  std::string buffer_;  // read and not sent yet
  std::uint64_t read_ = 0;
  std::uint64_t delivered_ = 0;
  std::uint64_t bytes_ = 0;
  std::optional<Failure> failure_;
  bool interrupted_ = false;
  Instant interrupted_at_;  // when it was
};

clients::RecordRef ProduceRun::to_send() const {
  clients::RecordRef record{.topic = plan_.topic, .partition = plan_.partition};
  if (record_.partition) record.partition = record_.partition;
  if (record_.key) {
    record.key = as_bytes(*record_.key);
  } else if (plan_.key) {
    record.key = as_bytes(*plan_.key);
  }
  const bool tombstone = plan_.tombstones && record_.value.value_or("").empty();
  if (record_.value && !tombstone) record.value = as_bytes(*record_.value);
  record.headers = record_.headers;
  record.timestamp = record_.timestamp;
  return record;
}

void ProduceRun::done(std::uint64_t number, std::size_t bytes,
                      const Outcome<clients::Delivered>& outcome) {
  if (!outcome) return fail(number, outcome.error());
  ++delivered_;
  bytes_ += bytes;
}

Outcome<void> ProduceRun::enqueue(std::size_t bytes) {
  const auto number = read_ + 1;
  return producer_.enqueue(
      to_send(), [this, number, bytes](const auto& outcome) { done(number, bytes, outcome); });
}

net::Awaitable<void> ProduceRun::send_buffered(bool all_there_is) {
  std::size_t at = 0;
  while (!failure_) {
    const auto length =
        plan_.format.read(std::string_view{buffer_}.substr(at), all_there_is, record_);
    if (!length) {
      fail(read_ + 1, length.error());
      break;
    }
    if (!*length) break;
    record_.headers.insert(record_.headers.begin(), common_.begin(), common_.end());
    for (;;) {
      const auto taken = enqueue(**length);
      if (taken) break;
      if (taken.error().code != clients::Errc::buffer_full) {
        fail(read_ + 1, taken.error());
        break;
      }
      co_await producer_.room();
    }
    ++read_;
    at += **length;
  }
  buffer_.erase(0, at);
}

net::Awaitable<void> ProduceRun::send_all() {
  for (bool more = true; more && !failure_;) {
    auto chunk = co_await pump_.next();
    more = !chunk.bytes.empty();
    if (chunk.failure) {
      fail(read_ + 1, {.code = clients::Errc::rejected,
                       .message = fmt::format("reading the input: {}", chunk.failure.message())});
    }
    if (buffer_.empty()) {
      buffer_ = std::move(chunk.bytes);
    } else {
      buffer_ += chunk.bytes;
    }
    // A line that an interrupt cut short is nobody's record.
    co_await send_buffered(!more && !interrupted_);
    if (buffer_.size() > kRecordBytesMax) {
      fail(read_ + 1,
           usage_error(fmt::format("no end was found within {} MiB", kRecordBytesMax >> 20)));
    }
    progress_.update(delivered_, bytes_, client_.now());
    // The network has its turn, or it would get one only when the memory bound is reached.
    co_await net::sleep_until(scheduler_, client_.now());
  }
}

ExitCode ProduceRun::conclude() {
  progress_.clear();
  const auto& terminal = context_.terminal;
  if (terminal.progress || context_.globals.verbose || failure_ || interrupted_) {
    terminal.notice(fmt::format(
        "delivered {}", transfer_text(delivered_, bytes_, client_.now() - progress_.start())));
  }
  if (failure_) {
    terminal.error(fmt::format("record {}: {}", failure_->record, failure_->error.message));
    const auto code = exit_code_of(failure_->error);
    return code == ExitCode::usage ? ExitCode::failed : code;
  }
  if (interrupted_) terminal.error("interrupted: the whole records until then have been sent");
  return interrupted_ ? ExitCode::failed : ExitCode::ok;
}

/// In short steps, because a flush under way cannot be hurried by a signal. What fails is heard of
/// record by record.
net::Awaitable<void> ProduceRun::deliver_rest() {
  constexpr std::chrono::milliseconds kStep{200};
  while (producer_.buffered_records() > 0) {
    if (interrupted_ && client_.now() - interrupted_at_ > context_.globals.timeout) break;
    static_cast<void>(co_await producer_.flush(client_.now() + kStep));
    progress_.update(delivered_, bytes_, client_.now());
  }
}

net::Awaitable<ExitCode> ProduceRun::whole() {
  co_await send_all();
  co_await deliver_rest();
  co_await producer_.stop();
  co_return conclude();
}

}  // namespace

net::Awaitable<ExitCode> produce(const Context& context, Client& client,
                                 net::AsioScheduler& scheduler, const ProducePlan& plan) {
  // A broker that makes topics by itself needs a moment; the others will not need more.
  constexpr std::chrono::seconds kForCreation{2};
  const auto patience = std::min<Instant::duration>(kForCreation, context.globals.timeout);
  const auto known = co_await client.await_topic(plan.topic, client.now() + patience);
  if (!known) co_return context.fail(known.error());
  ProduceRun run{context, client, scheduler, plan};
  co_return co_await run.whole();
}

}  // namespace millrace::tools
