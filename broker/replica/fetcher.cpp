#include "broker/replica/fetcher.hpp"

#include <fmt/ostream.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "broker/node.hpp"
#include "broker/shard.hpp"
#include "replication/replica/following.hpp"

namespace millrace::broker {
namespace {

using protocol::ErrorCode;
using protocol::FetchRequest;
using protocol::FetchResponse;
using replication::FetchWishes;

/// Followers need topic ids and say which high watermark they know.
constexpr protocol::VersionRange kVersions{17, 18};
/// The first pause; the next is twice as long, up to `replica.fetch.backoff.ms`. Short, because a
/// leader that has not heard of its election yet will in a moment.
constexpr std::chrono::milliseconds kFirstPause{20};

std::chrono::milliseconds longer(std::chrono::milliseconds pause, std::chrono::milliseconds most) {
  return std::clamp(2 * pause, std::min(kFirstPause, most), most);
}

}  // namespace

void Fetcher::add(const std::shared_ptr<Partition>& partition) {
  items_[{partition->topic_id(), partition->name().partition}] = {.partition = partition,
                                                                  .not_before = {}};
  if (line_ && !line_->asking) return line_->woken.set();
  // Once for all that this turn brings.
  if (std::exchange(beginning_, true)) return;
  shard_.scheduler().post([self = shared_from_this()] {
    self->beginning_ = false;
    if (!self->stopped_) self->begin_line();
  });
}

void Fetcher::begin_line() {
  if (line_ && !line_->asking) return line_->woken.set();
  // Both lanes may be taken when many come one by one: then the first answer brings the rest along.
  begin_again_ = line_ && lane_busy_.at(1 - line_->lane);
  if (begin_again_) return;
  const auto before = std::exchange(line_, std::make_shared<Line>(shard_.scheduler().executor()));
  if (before) {
    before->over = true;
    before->woken.set();
    line_->lane = static_cast<std::uint16_t>(1 - before->lane);
  }
  shard_.tasks().spawn(run(shared_from_this(), line_));
}

void Fetcher::stop() {
  stopped_ = true;
  items_.clear();
  if (!line_) return;
  line_->over = true;
  line_->woken.set();
}

net::Awaitable<void> Fetcher::run(std::shared_ptr<Fetcher> self, LinePtr line) {
  auto fetching = self->fetch(std::move(line));
  co_await std::move(fetching);
}

net::Awaitable<void> Fetcher::fetch(LinePtr line) {
  while (!line->over) {
    std::optional<Instant> next;
    const FetchWishes wanted = wishes(next);
    if (wanted.empty()) {
      auto resting = rest(line, next);
      co_await std::move(resting);
      continue;
    }
    const auto& settings = shard_.node().settings.replicas;
    const Instant deadline = shard_.now() + settings.fetch_wait + settings.socket_timeout;
    const auto lane = static_cast<std::uint16_t>(2 * number_ + line->lane);
    line->asking = lane_busy_.at(line->lane) = true;
    auto calling = shard_.peers().call<FetchRequest>(leader_, request(*line, wanted), deadline,
                                                     PeerLane::replication, lane, kVersions);
    const auto answer = co_await std::move(calling);
    line->asking = lane_busy_.at(line->lane) = false;
    if (std::exchange(begin_again_, false) && !stopped_) begin_line();
    if (line->over) break;
    if (!answer) {
      line->session.lost();
      back_off_all();
      continue;
    }
    pause_ = {};
    if (!line->session.answered(*answer)) continue;
    take(line, *answer, wanted);
    while (line->unsettled > 0 && !line->over) {
      co_await line->woken.wait();
      line->woken.reset();
    }
  }
}

/// What to ask for now, and when there will be more to ask for by itself.
FetchWishes Fetcher::wishes(std::optional<Instant>& next) {
  FetchWishes wanted;
  const Instant now = shard_.now();
  if (now < not_before_) {
    next = not_before_;
    return wanted;
  }
  for (const auto& [place, item] : items_) {
    if (now < item.not_before) {
      next = std::min(next.value_or(item.not_before), item.not_before);
      continue;
    }
    if (const auto wish = item.partition->next_fetch()) {
      wanted.emplace(place, *wish);
    } else if (!item.partition->offline()) {
      // It was appended to before it began to follow: durable in a moment.
      const Instant soon = now + kFirstPause;
      next = std::min(next.value_or(soon), soon);
    }
  }
  return wanted;
}

FetchRequest Fetcher::request(Line& line, const FetchWishes& wishes) const {
  const auto& settings = shard_.node().settings.replicas;
  FetchRequest request;
  request.cluster_id = shard_.node().cluster_id;
  const auto self = shard_.node().settings.node_id;
  request.replica_state.replica_id = self.value;
  const auto* const own = shard_.image()->broker(self);
  request.replica_state.replica_epoch = own != nullptr ? own->epoch : -1;
  request.max_wait_ms = static_cast<std::int32_t>(settings.fetch_wait.count());
  request.min_bytes = settings.fetch_bytes_min;
  request.max_bytes = settings.fetch_bytes_max;
  line.session.fill(request, wishes, settings.partition_bytes_max);
  return request;
}

net::Awaitable<void> Fetcher::rest(LinePtr line, std::optional<Instant> until) {
  std::optional<Deadlines::Key> key;
  if (until) key = shard_.deadlines().at(*until, [line] { line->woken.set(); });
  co_await line->woken.wait();
  line->woken.reset();
  if (key) shard_.deadlines().forget(*key);
}

void Fetcher::take(const LinePtr& line, const FetchResponse& response, const FetchWishes& wishes) {
  for (const auto& topic : response.responses) {
    for (const auto& data : topic.partitions) {
      const replication::PartitionPlace place{topic.topic_id, PartitionIndex{data.partition_index}};
      const auto item = items_.find(place);
      const auto wish = wishes.find(place);
      if (item == items_.end() || wish == wishes.end()) continue;
      // Only if it is still what the question was about.
      const auto now = item->second.partition->next_fetch();
      if (!now || now->leader_epoch != wish->second.leader_epoch ||
          now->offset != wish->second.offset)
        continue;
      take_one(line, item->second, data);
    }
  }
}

void Fetcher::take_one(const LinePtr& line, Item& item, const Data& data) {
  Partition& partition = *item.partition;
  replication::LeaderAnswer answer{.error = data.error_code,
                                   .high_watermark = Offset{data.high_watermark},
                                   .log_start = Offset{data.log_start_offset},
                                   .diverging = std::nullopt};
  std::optional<log::EpochEnd> own_end;
  if (data.diverging_epoch.epoch >= 0) {
    answer.diverging = log::EpochEnd{LeaderEpoch{data.diverging_epoch.epoch},
                                     Offset{data.diverging_epoch.end_offset}};
    own_end = partition.log().epoch_end(answer.diverging->epoch);
  }
  const replication::FollowerLog log{.start = partition.log().log_start(),
                                     .end = partition.log().log_end()};
  const auto step = replication::next_step(log, answer, own_end);
  if (std::holds_alternative<replication::Append>(step)) return append(line, item, data);
  Result<void> done;
  if (const auto* const truncate = std::get_if<replication::Truncate>(&step)) {
    spdlog::info("{}: cut from offset {} to {}, where the history of its leader, node {}, parts",
                 fmt::streamed(partition.name()), log.end.value, truncate->end.value,
                 leader_.value);
    done = partition.truncate_to(truncate->end);
  } else if (const auto* const restart = std::get_if<replication::Restart>(&step)) {
    spdlog::info("{}: begins anew at offset {}, where the log of its leader, node {}, begins",
                 fmt::streamed(partition.name()), restart->start.value, leader_.value);
    done = partition.restart_at(restart->start);
  } else {
    return back_off(item, protocol::to_string(answer.error));
  }
  shard_.cut(item.partition);
  if (!done) back_off(item, "its log cannot be cut");
}

void Fetcher::append(const LinePtr& line, Item& item, const Data& data) {
  item.pause = {};
  const auto& partition = item.partition;
  if (data.records && !data.records->empty()) {
    // As it was received, unless it came in pieces.
    const auto& links = data.records->links();
    const auto* const whole =
        links.size() == 1 ? std::get_if<SharedBytes>(&links.front()) : nullptr;
    const auto joined = whole ? std::vector<std::byte>{} : data.records->flatten();
    const auto appended = partition->append_from_leader(whole ? whole->view() : Bytes{joined});
    if (!appended) return back_off(item, appended.error().message());
    shard_.appended(partition);
    ++line->unsettled;
    partition->when_durable(appended->last.next(), Instant::max(), [line](ErrorCode) {
      if (--line->unsettled == 0) line->woken.set();
    });
  }
  partition->leader_says(Offset{data.high_watermark}, Offset{data.log_start_offset});
}

void Fetcher::back_off(Item& item, std::string_view why) {
  const auto most = shard_.node().settings.replicas.fetch_backoff;
  item.pause = longer(item.pause, most);
  item.not_before = shard_.now() + item.pause;
  // What passes in a moment, as after an election, is not worth a line.
  if (item.pause < most) return;
  const auto verdict = shard_.node().log_limiter.ask("replica", shard_.now());
  if (verdict.allowed) {
    spdlog::warn("{}: cannot be copied from its leader, node {}: {}; it is tried again",
                 fmt::streamed(item.partition->name()), leader_.value, why);
  }
}

void Fetcher::back_off_all() {
  pause_ = longer(pause_, shard_.node().settings.replicas.fetch_backoff);
  not_before_ = shard_.now() + pause_;
}

}  // namespace millrace::broker
