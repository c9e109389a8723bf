#include "tools/commands/consume_run.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "tools/commands/consume_offsets.hpp"
#include "tools/commands/consume_start.hpp"
#include "tools/progress.hpp"

namespace millrace::tools {
namespace {

using clients::Client;
using clients::Outcome;

constexpr std::size_t kWriteBytes = std::size_t{256} << 10;
/// Also how long a signal may have to wait for its effect.
constexpr std::chrono::milliseconds kPollTime{100};
constexpr std::chrono::seconds kBetweenCommits{5};

class ConsumeRun {
 public:
  ConsumeRun(const Context& context, Client& client, net::AsioScheduler& scheduler,
             const ConsumePlan& plan)
      : context_{context},
        client_{client},
        plan_{plan},
        progress_{context.terminal, plan.exit_at_end, client.now()},
        signals_{scheduler, [this](int) { ending_ = true; }},
        last_progress_{client.now()},
        last_commit_{client.now()} {}

  net::Awaitable<ExitCode> whole();

 private:
  [[nodiscard]] bool in_group() const { return !plan_.group.empty(); }
  [[nodiscard]] clients::ConsumerOptions options();
  net::Awaitable<Outcome<void>> begin();
  net::Awaitable<void> read_all();
  void print(const clients::FetchedBatch& batch);
  void flush();
  /// True when there is nothing more to read by the plan.
  net::Awaitable<bool> at_end();
  net::Awaitable<Outcome<bool>> group_at_end();
  [[nodiscard]] bool reached(const TopicPartition& at, Offset stop) const;
  /// Nothing has come for longer than the timeout though it should have.
  [[nodiscard]] bool stalled() const;
  net::Awaitable<void> commit();
  net::Awaitable<void> revoked(std::vector<TopicPartition> partitions);
  net::Awaitable<void> lost(std::vector<TopicPartition> partitions);
  void fail(const clients::ClientError& error) {
    if (code_ == ExitCode::ok) code_ = context_.fail(error);
    ending_ = true;
  }
  void complain(const clients::ClientError& error);
  [[nodiscard]] Instant deadline() const { return client_.now() + context_.globals.timeout; }

  const Context& context_;
  Client& client_;
  const ConsumePlan& plan_;
  Progress progress_;
  const net::SignalWatch signals_;
  std::optional<clients::Consumer> consumer_;

  std::map<TopicPartition, PartitionSpan> spans_;  // without a group
  std::map<TopicPartition, Offset> group_ends_;    // in a group that is to exit at the end
  ConsumeOffsets offsets_;
  std::string out_;
  std::string last_complaint_;
  std::uint64_t records_ = 0;
  std::uint64_t bytes_ = 0;
  Instant last_progress_;
  Instant last_commit_;
  bool ending_ = false;
  ExitCode code_ = ExitCode::ok;
};

clients::ConsumerOptions ConsumeRun::options() {
  auto options = plan_.options;
  options.auto_commit = false;  // it would commit what has been fetched, printed or not
  if (in_group()) {
    options.on_revoked = [this](auto partitions) { return revoked(std::move(partitions)); };
    options.on_lost = [this](auto partitions) { return lost(std::move(partitions)); };
  }
  return options;
}

net::Awaitable<void> ConsumeRun::revoked(std::vector<TopicPartition> partitions) {
  flush();
  co_await commit();
  offsets_.forget(partitions);
}

net::Awaitable<void> ConsumeRun::lost(std::vector<TopicPartition> partitions) {
  flush();
  offsets_.forget(partitions);
  co_return;
}

net::Awaitable<Outcome<void>> ConsumeRun::begin() {
  consumer_.emplace(client_, options());
  if (in_group()) {
    for (const auto& topic : plan_.topics) {
      const auto known = co_await client_.await_topic(topic, deadline(), false);
      if (!known) co_return known.error();
    }
    co_return consumer_->subscribe(plan_.topics, plan_.group);
  }
  auto spans = co_await spans_of(client_, plan_, deadline());
  if (!spans) co_return spans.error();
  spans_ = std::move(*spans);
  std::vector<clients::Assignment> assignments;
  for (const auto& [at, span] : spans_) {
    if (!span.empty()) assignments.push_back({.partition = at, .start = span.fetch_from});
  }
  co_return consumer_->assign(std::move(assignments));
}

void ConsumeRun::print(const clients::FetchedBatch& batch) {
  const auto& source = *batch.source();
  const auto span = spans_.find(source);
  Offset first;
  std::optional<Offset> stop;
  if (span != spans_.end()) {
    first = span->second.first;
    stop = span->second.stop;
  }
  clients::FetchedBatch::Cursor cursor{batch};
  while (!ending_) {
    const auto next = cursor.next();
    if (!next) return fail(next.error());
    if (!*next) break;
    const auto& item = **next;
    if (stop && item.offset >= *stop) break;
    if (item.offset < first) continue;
    ++records_;
    const auto& record = item.record;
    bytes_ += (record.key ? record.key->size() : 0) + (record.value ? record.value->size() : 0);
    plan_.print(out_, {.topic = source.topic,
                       .partition = source.partition.value,
                       .offset = item.offset.value,
                       .timestamp = item.timestamp.value,
                       .key = record.key,
                       .value = record.value,
                       .headers = record.headers,
                       .number = records_});
    offsets_.printed(source, item.offset.next());
    if (out_.size() >= kWriteBytes) flush();
    if (plan_.records_max && records_ >= *plan_.records_max) ending_ = true;
  }
}

void ConsumeRun::flush() {
  if (!out_.empty()) {
    const auto failure = context_.terminal.out.write(out_);
    out_.clear();
    if (failure) {
      ending_ = true;
      offsets_.not_written();
      if (failure == std::errc::broken_pipe) return;  // whoever reads has seen enough
      context_.terminal.error(fmt::format("writing the output: {}", failure.message()));
      code_ = ExitCode::failed;
      return;
    }
  }
  offsets_.written();
}

bool ConsumeRun::reached(const TopicPartition& at, Offset stop) const {
  const auto position = consumer_->position(at);
  return position && *position >= stop;
}

net::Awaitable<Outcome<bool>> ConsumeRun::group_at_end() {
  const auto assigned = consumer_->assignment();
  std::vector<TopicPartition> unknown;
  for (const auto& at : assigned)
    if (!group_ends_.contains(at)) unknown.push_back(at);
  if (!unknown.empty()) {
    const auto ends = co_await consumer_->end_offsets(std::move(unknown), deadline());
    if (!ends) co_return ends.error();
    group_ends_.insert(ends->begin(), ends->end());
  }
  const auto done = [this](const auto& at) { return reached(at, group_ends_.at(at)); };
  co_return !assigned.empty() && std::ranges::all_of(assigned, done);
}

net::Awaitable<bool> ConsumeRun::at_end() {
  if (!in_group()) {
    bool all = true;
    for (const auto& [at, span] : spans_) {
      if (span.empty()) continue;
      if (!span.stop || !reached(at, *span.stop)) all = false;
    }
    co_return all;
  }
  if (!plan_.exit_at_end) co_return false;
  const auto done = co_await group_at_end();
  if (!done) fail(done.error());
  co_return done && *done;
}

bool ConsumeRun::stalled() const {
  const bool finite = plan_.exit_at_end || plan_.range.to;
  return finite && client_.now() - last_progress_ > context_.globals.timeout;
}

void ConsumeRun::complain(const clients::ClientError& error) {
  if (!error.retriable) return fail(error);
  if (std::exchange(last_complaint_, error.message) == error.message) return;
  progress_.clear();
  context_.terminal.notice(fmt::format("trying on: {}", error.message));
}

net::Awaitable<void> ConsumeRun::commit() {
  const auto offsets = offsets_.take();
  if (offsets.empty() || !in_group()) co_return;
  const auto committed = co_await consumer_->commit(offsets, deadline());
  last_commit_ = client_.now();
  if (committed) co_return;
  if (!is_refused_by_rebalance(committed.error())) co_return fail(committed.error());
  offsets_.refused(offsets);
}

net::Awaitable<void> ConsumeRun::read_all() {
  while (!ending_) {
    const bool done = co_await at_end();
    if (done) co_return;
    const auto batches = co_await consumer_->poll_batches(client_.now() + kPollTime);
    if (!batches) {
      complain(batches.error());
    } else if (!batches->empty()) {
      last_complaint_.clear();
      last_progress_ = client_.now();
      for (const auto& batch : *batches) print(batch);
      flush();
      progress_.update(records_, bytes_, client_.now());
    }
    if (stalled() && !ending_) {
      const bool idle_member = in_group() && consumer_->assignment().empty();
      if (!idle_member) {
        fail({.code = clients::Errc::timed_out,
              .message = "nothing more came before the end was reached; is a broker down? "
                         "--timeout sets how long to wait"});
      } else if (!consumer_->generation()) {
        fail({.code = clients::Errc::timed_out,
              .message = fmt::format("joining group {} takes too long", plan_.group)});
      } else {
        context_.terminal.notice("the group's other members have all the partitions");
      }
      co_return;
    }
    if (client_.now() - last_commit_ >= kBetweenCommits) co_await commit();
  }
}

net::Awaitable<ExitCode> ConsumeRun::whole() {
  const auto begun = co_await begin();
  if (begun) {
    co_await read_all();
    flush();
    co_await commit();
  } else {
    fail(begun.error());
  }
  co_await consumer_->stop(deadline());
  progress_.clear();
  if (context_.globals.verbose) {
    const auto time = client_.now() - progress_.start();
    context_.terminal.notice(fmt::format("consumed {}", transfer_text(records_, bytes_, time)));
  }
  co_return code_;
}

}  // namespace

net::Awaitable<ExitCode> consume(const Context& context, Client& client,
                                 net::AsioScheduler& scheduler, const ConsumePlan& plan) {
  ConsumeRun run{context, client, scheduler, plan};
  co_return co_await run.whole();
}

}  // namespace millrace::tools
