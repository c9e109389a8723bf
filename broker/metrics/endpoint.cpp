#include "broker/metrics/endpoint.hpp"

#include <array>
#include <map>

#include "broker/ask.hpp"
#include "broker/cleaner.hpp"
#include "broker/metrics/exposition.hpp"
#include "broker/metrics/http.hpp"
#include "broker/replica/replica_service.hpp"
#include "broker/shard.hpp"

namespace millrace::broker {
namespace {

constexpr std::size_t kConnectionsMax = 16;
constexpr auto kPatience = std::chrono::seconds{5};  // with one request and its answer
constexpr auto kAcceptPause = std::chrono::milliseconds{100};
constexpr std::string_view kPlain = "text/plain; charset=utf-8";
constexpr std::string_view kExpositionType = "text/plain; version=0.0.4; charset=utf-8";

/// What one shard has, added up.
struct ShardNumbers {
  std::map<log::LogState, std::uint64_t> partitions;
  std::uint64_t unopened = 0;
  std::uint64_t log_bytes = 0;
  std::uint64_t cache_bytes = 0;
  std::uint64_t index_bytes = 0;
  Shard::Retained retention;
  Cleaner::Totals compaction;
  ReplicaService::Figures replicas;
  std::uint64_t leaderless = 0;
};

ShardNumbers numbers_of(const Shard& shard) {
  ShardNumbers numbers;
  for (const auto& partition : shard.partitions()) {
    const auto& log = partition->log();
    ++numbers.partitions[log.state()];
    numbers.log_bytes += log.size_bytes();
    numbers.cache_bytes += log.cache_bytes();
    numbers.index_bytes += log.index_bytes();
    if (!partition->leads() && !partition->leader()) ++numbers.leaderless;
  }
  numbers.replicas = shard.replicas().figures();
  numbers.unopened = shard.unopened_count();
  numbers.retention = shard.retained();
  numbers.compaction = shard.cleaner().totals();
  return numbers;
}

void add_directory(Exposition& out, const LogDirectory& directory) {
  const auto room = directory.room();
  out.add("millrace_log_dir_online", directory.online() ? 1 : 0);
  out.add("millrace_log_dir_total_bytes", room.total);
  out.add("millrace_log_dir_free_bytes", room.available);
  out.add("millrace_log_dir_accepts_produce",
          directory.online() && room.level == SpaceLevel::ample ? 1 : 0);
  out.add("millrace_log_dir_reserve_held", room.reserve_held ? 1 : 0);
}

void add_recovery(Exposition& out, const RecoveryProgress& progress) {
  const auto totals = progress.totals();
  out.add("millrace_recovery_partitions", totals.partitions);
  out.add("millrace_recovery_opened", totals.opened);
  out.add("millrace_recovery_verified_bytes_total", totals.verified_bytes);
  out.add("millrace_recovery_torn_bytes_total", totals.torn_bytes);
  out.add("millrace_recovery_damages_total", totals.damages);
}

}  // namespace

MetricsEndpoint::MetricsEndpoint(Node& node, Shard& shard)
    : node_{node}, shard_{shard}, tasks_{shard.scheduler().executor()} {}

Result<net::Endpoint> MetricsEndpoint::start(const net::Endpoint& at) {
  auto listener = shard_.scheduler().listen(at);
  if (!listener) return listener.error();
  listener_ = std::move(*listener);
  tasks_.spawn(accept_loop());
  return listener_->local();
}

net::Awaitable<void> MetricsEndpoint::stop() {
  stopping_ = true;
  if (listener_) listener_->close();
  co_await tasks_.join();
}

net::Awaitable<void> MetricsEndpoint::accept_loop() {
  const auto pause = shard_.scheduler().make_timer();
  while (!stopping_) {
    auto accepted = co_await listener_->accept(shard_.scheduler());
    if (stopping_) co_return;
    if (!accepted) {
      co_await pause->wait_until(shard_.now() + kAcceptPause);
      continue;
    }
    if (connections_ >= kConnectionsMax) continue;  // destroying it closes it
    ++connections_;
    std::shared_ptr<net::Connection> connection = std::move(*accepted);
    tasks_.spawn(serve(std::move(connection)));
  }
}

net::Awaitable<void> MetricsEndpoint::serve(std::shared_ptr<net::Connection> connection) {
  // Whoever is too slow is cut off; the deadline does nothing to a connection that is gone.
  const std::weak_ptr<net::Connection> weak = connection;
  const auto deadline = shard_.deadlines().after(kPatience, [weak] {
    if (const auto still = weak.lock()) still->close();
  });
  std::string received;
  std::array<std::byte, 1024> buffer{};
  std::optional<HttpAsk> wanted;
  while (!wanted) {
    const auto got = co_await connection->read_some(buffer);
    if (!got || *got == 0) break;
    received += as_text(Bytes{buffer}.first(*got));
    wanted = read_http(received);
  }
  std::string answer;
  if (wanted) {
    switch (*wanted) {
      case HttpAsk::metrics: {
        const auto text = co_await metrics();
        answer = http_answer("200 OK", kExpositionType, text);
        break;
      }
      case HttpAsk::ready:
        answer = ready();
        break;
      case HttpAsk::elsewhere:
        answer = http_answer("404 Not Found", kPlain, "there are /metrics and /ready\n");
        break;
      case HttpAsk::other_method:
        answer = http_answer("405 Method Not Allowed", kPlain, "only GET\n", true);
        break;
      case HttpAsk::malformed:
        answer = http_answer("400 Bad Request", kPlain, "this is not HTTP/1\n");
        break;
      case HttpAsk::too_long:
        answer = http_answer("431 Request Header Fields Too Large", kPlain, "too long\n");
        break;
    }
    const std::array pieces{Piece{as_bytes(answer)}};
    const auto written = co_await connection->write(pieces);
    if (written) connection->shutdown_send();
  }
  shard_.deadlines().forget(deadline);
  connection->close();
  --connections_;
}

std::string MetricsEndpoint::ready() const {
  constexpr std::string_view kNotYet = "503 Service Unavailable";
  if (!ready_) return http_answer(kNotYet, kPlain, node_.recovery.under_way() + "\n");
  if (!node_.log_dir.online())
    return http_answer(kNotYet, kPlain, node_.log_dir.offline_text() + "\n");
  return http_answer("200 OK", kPlain, "ready\n");
}

net::Awaitable<std::string> MetricsEndpoint::metrics() {
  ShardNumbers sum;
  for (const auto& shard : node_.shards) {
    auto work = [target = shard.get()](Answer<ShardNumbers> answer) mutable {
      answer(numbers_of(*target));
    };
    auto asked = ask<ShardNumbers>(shard_, *shard, std::move(work));
    const auto numbers = co_await std::move(asked);
    for (const auto& [state, count] : numbers.partitions) sum.partitions[state] += count;
    sum.unopened += numbers.unopened;
    sum.log_bytes += numbers.log_bytes;
    sum.cache_bytes += numbers.cache_bytes;
    sum.index_bytes += numbers.index_bytes;
    sum.retention.segments += numbers.retention.segments;
    sum.retention.bytes += numbers.retention.bytes;
    sum.compaction.passes += numbers.compaction.passes;
    sum.compaction.bytes_before += numbers.compaction.bytes_before;
    sum.compaction.bytes_after += numbers.compaction.bytes_after;
    sum.compaction.records_dropped += numbers.compaction.records_dropped;
    sum.replicas.led += numbers.replicas.led;
    sum.replicas.followed += numbers.replicas.followed;
    sum.replicas.under_replicated += numbers.replicas.under_replicated;
    sum.replicas.under_min_in_sync += numbers.replicas.under_min_in_sync;
    sum.replicas.lag_max = std::max(sum.replicas.lag_max, numbers.replicas.lag_max);
    sum.leaderless += numbers.leaderless;
  }
  Exposition out;
  add_directory(out, node_.log_dir);
  add_recovery(out, node_.recovery);
  for (const auto state : {log::LogState::writable, log::LogState::read_only, log::LogState::full,
                           log::LogState::failed}) {
    const auto label = "state=\"" + std::string{to_string(state)} + "\"";
    out.add("millrace_partitions", sum.partitions[state], label);
  }
  out.add("millrace_partitions", sum.unopened, "state=\"unopened\"");
  out.add("millrace_replicas_led", sum.replicas.led);
  out.add("millrace_replicas_followed", sum.replicas.followed);
  out.add("millrace_partitions_under_replicated", sum.replicas.under_replicated);
  out.add("millrace_partitions_under_min_in_sync", sum.replicas.under_min_in_sync);
  out.add("millrace_partitions_leaderless", sum.leaderless);
  out.add("millrace_replica_lag_max_records", static_cast<std::uint64_t>(sum.replicas.lag_max));
  out.add("millrace_log_bytes", sum.log_bytes);
  out.add("millrace_tail_cache_bytes", sum.cache_bytes);
  out.add("millrace_tail_cache_budget_bytes",
          static_cast<std::uint64_t>(std::max<std::int64_t>(node_.settings.tail_cache_bytes, 0)));
  out.add("millrace_index_bytes", sum.index_bytes);
  out.add("millrace_retention_segments_total", sum.retention.segments);
  out.add("millrace_retention_bytes_total", sum.retention.bytes);
  out.add("millrace_compaction_passes_total", sum.compaction.passes);
  out.add("millrace_compaction_before_bytes_total", sum.compaction.bytes_before);
  out.add("millrace_compaction_after_bytes_total", sum.compaction.bytes_after);
  out.add("millrace_compaction_dropped_records_total", sum.compaction.records_dropped);
  co_return out.text();
}

}  // namespace millrace::broker
