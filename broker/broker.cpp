#include "broker/broker.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "broker/blocking.hpp"
#include "broker/data_directory.hpp"
#include "broker/fetch/sessions.hpp"
#include "broker/group_service.hpp"
#include "broker/metadata_service.hpp"
#include "broker/quorum/joining.hpp"
#include "broker/session.hpp"
#include "broker/shard.hpp"
#include "broker/transaction_service.hpp"
#include "log/errc.hpp"

namespace millrace::broker {
namespace {

constexpr auto kRecoveryLines = std::chrono::seconds{3};

/// A start that still waits for the active controller is over.
net::Awaitable<void> leave_early(MetadataService& metadata) {
  auto leaving = metadata.leave();
  co_await std::move(leaving);
}

}  // namespace

Broker::Broker(World world, config::BrokerConfig config)
    : node_{std::move(world), std::move(config)},
      background_{node_.world.schedulers.front()->executor()} {
  for (std::size_t i = 0; i < node_.world.schedulers.size(); ++i) {
    node_.shards.push_back(std::make_unique<Shard>(node_, i, *node_.world.schedulers[i]));
  }
  Shard& first = *node_.shards.front();
  quorum_ = std::make_unique<QuorumService>(node_, first);
  node_.quorum = quorum_.get();
  metadata_ = std::make_unique<MetadataService>(node_, first, *quorum_);
  node_.metadata = metadata_.get();
  node_.propose_in_sync = [this](Shard& home, std::vector<replication::InSyncProposal> proposals) {
    return metadata_->propose_in_sync(home, std::move(proposals));
  };
  first.peers().on_broken([this](BrokerId peer) { metadata_->peer_broken(peer); });
  server_ = std::make_unique<Server>(node_, first);
}

Broker::~Broker() = default;

std::optional<StartFailure> Broker::prepare_directory() {
  auto& files = node_.world.files;
  const auto& directory = node_.data_dir;
  const auto fail = [&](std::string_view what, const ErrorInfo& error) {
    return StartFailure{
        fmt::format("data directory {}: {}: {}", directory.string(), what, error.message())};
  };
  if (const auto made = create_data_directory(files, directory); !made) {
    return fail("it could not be created", made.error());
  }
  auto lock = files.lock_directory(directory);
  if (!lock && lock.error() == log::Errc::directory_in_use) {
    return StartFailure{fmt::format(
        "data directory {} is in use by another broker: stop that one, or give this one another "
        "directory by --set log.dirs=DIR",
        directory.string())};
  }
  if (!lock) return fail("it could not be locked", lock.error());
  lock_ = std::move(*lock);
  if (const auto synced = files.sync_all(directory); !synced) {
    return fail("what an earlier run left could not be made durable", synced.error());
  }
  node_.log_dir.check();
  if (auto failed = prepare_quorum()) return failed;
  const auto clean = take_clean_stop(files, directory);
  if (!clean) return fail("the mark of a clean stop could not be read", clean.error());
  stopped_cleanly_at_ = *clean;
  if (const auto swept = sweep_deleted(files, directory); !swept) {
    return fail("what is left of deleted topics could not be removed", swept.error());
  }
  node_.journals = std::make_unique<Journals>(files, directory / kJournalDirectory);
  if (const auto loaded = node_.journals->load(); !loaded) {
    return fail("its journals could not be read", loaded.error());
  }
  node_.high_watermarks = load_high_watermarks(files, directory);
  return std::nullopt;
}

std::optional<StartFailure> Broker::prepare_quorum() {
  auto& files = node_.world.files;
  const auto& directory = node_.data_dir;
  const auto quorum = directory / kQuorumDirectory;
  auto found = identify(files, directory, node_.settings.node_id);
  if (auto* failure = std::get_if<StartFailure>(&found)) return std::move(*failure);
  if (const auto& identity = std::get<std::optional<Identity>>(found)) {
    node_.cluster_id = identity->cluster_id;
    node_.directory = identity->directory;
    return quorum_->open_directory(quorum);
  }
  node_.directory = node_.world.rng.uuid();
  joining_ = !node_.settings.quorum.servers.empty();
  const QuorumService::Member self{replication::consensus::NodeId{node_.settings.node_id.value},
                                   node_.directory};
  replication::quorum::QuorumDisk disk{files, quorum};
  auto made = joining_ ? disk.format_joining(self) : disk.format_first(self);
  if (made && !joining_) {
    node_.cluster_id = node_.world.rng.uuid().to_string();
    made = write_identity(files, directory, node_.settings.node_id,
                          {node_.cluster_id, node_.directory});
  }
  if (!made) {
    return StartFailure{fmt::format("data directory {}: it could not be formatted: {}",
                                    directory.string(), made.error().message())};
  }
  return quorum_->open_directory(quorum);
}

net::Awaitable<std::optional<StartFailure>> Broker::join_cluster() {
  Shard& first = *node_.shards.front();
  if (node_.settings.quorum.servers.empty()) co_return std::nullopt;
  const auto patience =
      joining_ ? node_.settings.quorum.join_patience : std::chrono::milliseconds{0};
  auto asking = ask_to_join(node_, first, patience, cancelled_);
  auto outcome = co_await std::move(asking);
  if (outcome.foreign) {
    co_return StartFailure{
        fmt::format("data directory {}: {}", node_.data_dir.string(), outcome.failure)};
  }
  if (!joining_) co_return std::nullopt;  // it will be found, or find the others, later on
  if (outcome.cluster_id.empty()) co_return StartFailure{outcome.failure};
  node_.cluster_id = outcome.cluster_id;
  introduce();
  auto write = [this] {
    return write_identity(node_.world.files, node_.data_dir, node_.settings.node_id,
                          {node_.cluster_id, node_.directory});
  };
  const auto written = co_await blocking(first.scheduler(), node_.world.pool, std::move(write));
  if (written) co_return std::nullopt;
  co_return StartFailure{fmt::format("data directory {}: its identity could not be written: {}",
                                     node_.data_dir.string(), written.error().message())};
}

void Broker::cancel_start() {
  cancelled_ = true;
  quorum_->cancel();
  background_.spawn(leave_early(*metadata_));
}

/// Before recovery, which is when somebody may want to look.
std::optional<StartFailure> Broker::serve_metrics() {
  const auto address = node_.config.text("metrics.listen");
  if (!address) return std::nullopt;
  const auto at = config::parse_address("metrics.listen", *address);
  if (!at) return StartFailure{at.error().text};
  metrics_ = std::make_unique<MetricsEndpoint>(node_, *node_.shards.front());
  const auto bound = metrics_->start({at->host, at->port});
  if (!bound) {
    metrics_.reset();
    return StartFailure{
        fmt::format("metrics.listen: cannot listen on {}: {}", *address, bound.error().message())};
  }
  spdlog::info("metrics are served on http://{}:{}/metrics", bound->host, bound->port);
  return std::nullopt;
}

void Broker::introduce() {
  const auto& config = node_.config;
  node_.endpoints.clear();
  const auto securities = config::parse_protocol_map(
      "listener.security.protocol.map", config.get_string("listener.security.protocol.map"));
  for (std::size_t i = 0; i < bound_.size(); ++i) {
    NodeEndpoint mine{.listener = bound_[i].listener, .at = bound_[i].at, .security = "PLAINTEXT"};
    const auto& asked = config.listeners()[i].host;
    if (asked.empty() || asked == "0.0.0.0" || asked == "::") mine.at.host = node_.world.host_name;
    for (const auto& told : config.advertised_listeners()) {
      if (told.name != mine.listener) continue;
      mine.at.host = told.host;
      if (told.port != 0) mine.at.port = told.port;
    }
    if (securities) {
      const auto found = securities->find(mine.listener);
      if (found != securities->end()) mine.security = found->second;
    }
    node_.endpoints.push_back(std::move(mine));
  }
  PeerIdentity self{.cluster_id = node_.cluster_id,
                    .node = node_.settings.node_id,
                    .directory = node_.directory,
                    .reached_at = {}};
  for (const auto& mine : node_.endpoints)
    if (mine.listener == node_.settings.inter_broker_listener) self.reached_at = mine.at;
  node_.shards.front()->peers().introduce(self);
  for (std::size_t i = 1; i < node_.shards.size(); ++i)
    node_.shards[i]->scheduler().post(
        [target = node_.shards[i].get(), self] { target->peers().introduce(self); });
}

/// A line every few seconds for whoever waits for a long recovery.
void Broker::tell_recovery() {
  node_.shards.front()->deadlines().after(kRecoveryLines, [this] {
    if (recovered_) return;
    if (quorum_->leader()) {
      spdlog::info("recovery: {}", node_.recovery.under_way());
    } else {
      spdlog::info(
          "waiting for the metadata quorum: nobody leads it; more than half of its voters must run "
          "and reach each other");
    }
    tell_recovery();
  });
}

net::Awaitable<std::optional<StartFailure>> Broker::start() {
  Shard& first = *node_.shards.front();
  auto preparation = [this] { return prepare_directory(); };
  auto prepared = co_await blocking(first.scheduler(), node_.world.pool, std::move(preparation));
  if (prepared) co_return prepared;
  net::Endpoint culprit;
  auto bound = server_->bind(culprit);
  if (!bound) {
    co_return StartFailure{fmt::format(
        "cannot listen on {}:{}: {}; is another broker running there? Choose another address by "
        "--set listeners=PLAINTEXT://HOST:PORT",
        culprit.host, culprit.port, bound.error().message())};
  }
  bound_ = std::move(*bound);
  introduce();
  for (const auto& shard : node_.shards) {
    shard->scheduler().post([target = shard.get()] { target->start(); });
  }
  if (auto failed = serve_metrics()) {
    auto calling_off = call_off(std::move(*failed));
    co_return co_await std::move(calling_off);
  }
  const Instant begin = first.now();
  tell_recovery();
  auto joining = join_cluster();
  auto not_joined = co_await std::move(joining);
  if (not_joined) {
    auto calling_off = call_off(std::move(*not_joined));
    co_return co_await std::move(calling_off);
  }
  quorum_->start(*metadata_);
  server_->start();  // other nodes are answered from now on, clients when this one is ready
  co_await quorum_->joined();
  if (!quorum_->running() || cancelled_) {
    auto calling_off = call_off({"it was stopped before it was ready"});
    co_return co_await std::move(calling_off);
  }
  co_await metadata_->published(quorum_->applied_index());
  recovered_ = true;
  const auto totals = node_.recovery.totals();
  if (totals.partitions > 0) {
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(first.now() - begin);
    const bool good = totals.read_only == 0 && totals.not_opened == 0;
    spdlog::log(good ? spdlog::level::info : spdlog::level::err, "recovery: {}",
                node_.recovery.summary(took));
  }
  // What was damaged, or is not here, is not what was acknowledged.
  const bool whole = totals.damages == 0 && totals.read_only == 0 && totals.not_opened == 0;
  auto registering = metadata_->join(whole ? stopped_cleanly_at_ : std::nullopt);
  const auto problem = co_await std::move(registering);
  if (problem) {
    const std::string why = cancelled_ ? "it was stopped before it was ready" : *problem;
    auto calling_off = call_off({fmt::format("node {} could not become a broker of cluster {}: {}",
                                             node_.settings.node_id.value, node_.cluster_id, why)});
    co_return co_await std::move(calling_off);
  }
  for (const auto& shard : node_.shards)
    shard->scheduler().post([target = shard.get()] { target->open_for_clients(); });
  if (metrics_) metrics_->set_ready();
  background_.spawn(start_journals());
  co_return std::nullopt;
}

net::Awaitable<StartFailure> Broker::call_off(StartFailure failure) {
  node_.journals->keep();
  recovered_ = true;
  auto stopping = stop();
  co_await std::move(stopping);
  co_return failure;
}

net::Awaitable<void> Broker::start_journals() {
  Shard& first = *node_.shards.front();
  auto begin = [this] {
    return node_.journals->begin(node_.shards.size(), node_.settings.journal_bytes,
                                 node_.world.rng);
  };
  auto prepared = co_await blocking(first.scheduler(), node_.world.pool, std::move(begin));
  for (std::size_t i = 0; i < prepared.size(); ++i) {
    auto& [files, life] = prepared[i];
    auto journal = std::make_shared<log::Journal>(std::move(files.files), files.file_bytes, life);
    Shard& shard = *node_.shards[i];
    shard.scheduler().post([&shard, journal] { shard.start_journal(std::move(*journal)); });
  }
  if (!prepared.empty()) {
    spdlog::info("journal: {} bytes in {} make small appends durable", node_.settings.journal_bytes,
                 (node_.data_dir / kJournalDirectory).string());
  }
}

net::Awaitable<void> Broker::on_all_shards(void (Shard::*work)(net::Task)) {
  struct Round {
    Round(std::size_t shards, net::Executor executor)
        : left{shards}, all_done{std::move(executor)} {}
    std::size_t left;
    net::Event all_done;
  };
  net::Scheduler& home = node_.shards.front()->scheduler();
  const auto round = std::make_shared<Round>(node_.shards.size(), home.executor());
  for (const auto& shard : node_.shards) {
    shard->scheduler().post([target = shard.get(), work, round, &home] {
      (target->*work)([round, &home] {
        home.post([round] {
          if (--round->left == 0) round->all_done.set();
        });
      });
    });
  }
  co_await round->all_done.wait();
}

net::Awaitable<void> Broker::stop() {
  if (metrics_) co_await metrics_->stop();
  co_await background_.join();
  auto leaving = metadata_->leave();
  const auto left_at = co_await std::move(leaving);
  co_await quorum_->hand_over();
  co_await server_->stop();
  co_await metadata_->refuse_changes();
  co_await on_all_shards(&Shard::drain);
  co_await quorum_->stop();
  co_await on_all_shards(&Shard::close_partitions);
  auto end = [this, left_at] {
    node_.journals->end();
    if (!left_at || node_.journals->kept() || !node_.log_dir.online()) return true;
    // Without the mark the next start is taken for one after a crash, which is safe.
    const auto marked = mark_clean_stop(node_.world.files, node_.data_dir, *left_at);
    if (!marked) spdlog::warn("the clean stop could not be noted: {}", marked.error().message());
    return true;
  };
  co_await blocking(node_.shards.front()->scheduler(), node_.world.pool, std::move(end));
}

}  // namespace millrace::broker
