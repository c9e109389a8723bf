#include "protocol/messages/fetch.hpp"

#include <algorithm>

#include "broker/fetch/reader.hpp"
#include "broker/fetch/sessions.hpp"
#include "broker/handlers/handlers.hpp"
#include "broker/handlers/partitions.hpp"
#include "broker/session.hpp"
#include "broker/shard.hpp"

namespace millrace::broker {
namespace {

using protocol::ErrorCode;
using protocol::FetchRequest;
using protocol::FetchResponse;
using TopicAnswer = FetchResponse::FetchableTopicResponse;
using PartitionAnswer = TopicAnswer::PartitionData;

constexpr std::int16_t kStorageErrorSince = 6;  // earlier ones are told to look for the leader

struct Target {
  FetchItem* item;
  TopicId topic;  // zero when there is no such topic
  ErrorCode error = ErrorCode::none;
};

std::vector<Target> resolve(FetchIntent& intent, const replication::MetadataImage& image,
                            bool by_id) {
  std::vector<Target> targets;
  const auto add = [&](FetchItem& item) {
    const auto topic =
        by_id ? image.topic(item.topic_id) : image.topic(std::string_view{item.topic});
    Target target{&item, {}};
    if (!topic) {
      target.error = by_id ? ErrorCode::unknown_topic_id : ErrorCode::unknown_topic_or_partition;
    } else if (!has_partition(topic.get(), item.index.value)) {
      target.error = ErrorCode::unknown_topic_or_partition;
    } else {
      target.topic = topic->id;
    }
    targets.push_back(target);
  };
  if (intent.session) {
    for (auto& item : intent.session->items) add(item);
  } else {
    for (auto& item : intent.items) add(item);
  }
  return targets;
}

PartitionAnswer to_answer(const Target& target, PartitionReadResult& read, bool committed_only,
                          std::int16_t version) {
  PartitionAnswer answer;
  answer.partition_index = target.item->index.value;
  answer.error_code = target.error != ErrorCode::none ? target.error : read.error;
  if (answer.error_code == ErrorCode::kafka_storage_error && version < kStorageErrorSince) {
    answer.error_code = ErrorCode::not_leader_or_follower;
  }
  answer.high_watermark = read.high_watermark.value;
  answer.last_stable_offset = read.last_stable_offset.value;
  answer.log_start_offset = read.log_start.value;
  if (read.diverging) {
    answer.diverging_epoch.epoch = read.diverging->epoch.value;
    answer.diverging_epoch.end_offset = read.diverging->end_offset.value;
  }
  answer.aborted_transactions.reset();
  if (committed_only) {
    auto& aborted = answer.aborted_transactions.emplace();
    for (const auto& [producer, first, last] : read.aborted)
      aborted.push_back({producer.value, first.value});
  }
  if (read.nearer) answer.preferred_read_replica = read.nearer->value;
  answer.records = std::move(read.records);
  return answer;
}

/// Partitions of one topic stay together where they follow one another.
void append(FetchResponse& response, const FetchItem& item, PartitionAnswer answer) {
  auto& topics = response.responses;
  if (topics.empty() || topics.back().topic != item.topic ||
      topics.back().topic_id != item.topic_id) {
    auto& topic = topics.emplace_back();
    topic.topic = item.topic;
    topic.topic_id = item.topic_id;
  }
  topics.back().partitions.push_back(std::move(answer));
}

/// Partitions that gave data move behind the others, so that all get their turn.
void rotate(FetchSession& session, const std::vector<FetchItem*>& served) {
  std::list<FetchItem> behind;
  for (auto it = session.items.begin(); it != session.items.end();) {
    const auto next = std::next(it);
    if (std::ranges::find(served, &*it) != served.end()) {
      behind.splice(behind.end(), session.items, it);
    }
    it = next;
  }
  session.items.splice(session.items.end(), behind);
}

/// Keeps a session from being evicted or used twice while its request is answered.
class Busy {
 public:
  explicit Busy(std::shared_ptr<FetchSession> session) : session_{std::move(session)} {
    if (session_) session_->busy = true;
  }
  ~Busy() {
    if (session_) session_->busy = false;
  }
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;

 private:
  std::shared_ptr<FetchSession> session_;
};

}  // namespace

net::Awaitable<Fetch::Response> Fetch::handle(Request request, RequestContext& context) {
  constexpr std::int16_t kTopicIdsSince = 13;
  constexpr std::int16_t kReplicaStateSince = 15;
  constexpr std::int16_t kFollowersSince = 11;
  Shard& shard = context.shard;
  const std::int16_t version = context.version();
  Response response;
  auto intent =
      shard.fetch_sessions().begin(request, version, shard.now(), context.node.world.rng.next());
  if (intent.error != ErrorCode::none) {
    response.error_code = intent.error;
    co_return response;
  }
  response.session_id = intent.session_id;
  const Busy busy{intent.session};
  const bool committed_only = request.isolation_level == 1;
  const std::int32_t replica =
      version >= kReplicaStateSince ? request.replica_state.replica_id : request.replica_id;
  const auto bytes_max = static_cast<std::size_t>(
      std::clamp(request.max_bytes, 0, context.node.settings.fetch_bytes_max));
  const auto bytes_min = std::min(static_cast<std::size_t>(std::max(request.min_bytes, 0)),
                                  std::max<std::size_t>(bytes_max, 1));
  // A client that has gone is noticed when it is answered, so nobody waits longer than a silent
  // connection may stay.
  const Instant deadline =
      shard.now() + std::min(std::chrono::milliseconds{std::max(request.max_wait_ms, 0)},
                             context.node.settings.connection_idle_max);

  auto targets = resolve(intent, *shard.image(), version >= kTopicIdsSince);
  std::vector<PartitionRead> parts;
  std::vector<std::size_t> places;
  bool any_error = false;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    if (targets[i].error != ErrorCode::none) {
      any_error = true;
      continue;
    }
    const FetchItem& item = *targets[i].item;
    parts.push_back({.topic = targets[i].topic,
                     .index = item.index,
                     .offset = item.offset,
                     .current_leader_epoch = item.current_leader_epoch,
                     .last_fetched_epoch = item.last_fetched_epoch,
                     .bytes_max = static_cast<std::size_t>(std::max(item.bytes_max, 0)),
                     .log_start = item.log_start});
    places.push_back(i);
  }

  auto waiter = std::make_shared<FetchWaiter>(shard);
  ReadTerms terms{.bytes_max = bytes_max, .committed_only = committed_only && replica < 0};
  if (replica >= 0) {
    const auto epoch = version >= kReplicaStateSince ? request.replica_state.replica_epoch : -1;
    terms.replica = ReadTerms::Replica{BrokerId{replica}, epoch};
  } else if (version >= kFollowersSince) {
    terms.may_follow = true;
    if (context.node.settings.selects_by_rack) terms.nearest_rack = request.rack_id;
  }
  std::vector<PartitionReadResult> reads;
  while (!parts.empty()) {
    const bool may_wait = shard.now() < deadline && !shard.stopping();
    auto round = read_partitions(shard, parts, terms, may_wait ? waiter : nullptr);
    reads = co_await std::move(round);
    terms.first = false;
    std::size_t bytes = 0;
    bool answer_now = any_error || !may_wait;
    for (std::size_t i = 0; i < reads.size(); ++i) {
      const auto& read = reads[i];
      bytes += read.records.size();
      answer_now = answer_now || read.error != ErrorCode::none || read.diverging || read.nearer ||
                   read.high_watermark > targets[places[i]].item->known_high_watermark;
    }
    if (answer_now || bytes >= bytes_min || context.session.closed()) break;
    co_await waiter->wait_until(deadline);
  }
  waiter->finish();

  std::vector<PartitionReadResult> by_target(targets.size());
  for (std::size_t i = 0; i < reads.size(); ++i) by_target[places[i]] = std::move(reads[i]);
  std::vector<FetchItem*> served;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    auto answer = to_answer(targets[i], by_target[i], committed_only, version);
    // Every shard read with the whole budget; what is too much together waits for the next fetch.
    const std::size_t size = answer.records ? answer.records->size() : 0;
    if (bytes > 0 && bytes + size > bytes_max) {
      answer.records = BytesChain{};
    } else {
      bytes += size;
      if (size > 0) served.push_back(targets[i].item);
    }
    const bool news = !intent.session || is_news(*targets[i].item, answer);
    if (!intent.incremental || news) append(response, *targets[i].item, std::move(answer));
  }
  if (intent.session) rotate(*intent.session, served);
  co_return response;
}

}  // namespace millrace::broker
