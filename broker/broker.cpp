#include "broker/broker.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "broker/blocking.hpp"
#include "broker/data_directory.hpp"
#include "broker/fetch/sessions.hpp"
#include "broker/group_service.hpp"
#include "broker/metadata_service.hpp"
#include "broker/session.hpp"
#include "broker/shard.hpp"
#include "broker/transaction_service.hpp"
#include "log/errc.hpp"

namespace millrace::broker {
namespace {

constexpr auto kRecoveryLines = std::chrono::seconds{3};

}  // namespace

Broker::Broker(World world, config::BrokerConfig config)
    : node_{std::move(world), std::move(config)},
      background_{node_.world.schedulers.front()->executor()} {
  for (std::size_t i = 0; i < node_.world.schedulers.size(); ++i) {
    node_.shards.push_back(std::make_unique<Shard>(node_, i, *node_.world.schedulers[i]));
  }
  Shard& first = *node_.shards.front();
  metadata_log_ = std::make_unique<LocalMetadataLog>(node_, first);
  metadata_ = std::make_unique<MetadataService>(node_, first, *metadata_log_);
  node_.metadata = metadata_.get();
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
  auto identity = identify(files, directory, node_.settings.node_id, node_.world.rng);
  if (auto* failure = std::get_if<StartFailure>(&identity)) return std::move(*failure);
  node_.cluster_id = std::get<Identity>(identity).cluster_id;
  node_.directory = std::get<Identity>(identity).directory;
  if (const auto swept = sweep_deleted(files, directory); !swept) {
    return fail("what is left of deleted topics could not be removed", swept.error());
  }
  node_.journals = std::make_unique<Journals>(files, directory / kJournalDirectory);
  if (const auto loaded = node_.journals->load(); !loaded) {
    return fail("its journals could not be read", loaded.error());
  }
  node_.high_watermarks = load_high_watermarks(files, directory);
  if (const auto loaded = metadata_log_->load(directory / kMetadataDirectory); !loaded) {
    return fail("the metadata log could not be read", loaded.error());
  }
  return std::nullopt;
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
  for (const auto& shard : node_.shards)
    shard->scheduler().post([target = shard.get(), self] { target->peers().introduce(self); });
}

/// A line every few seconds for whoever waits for a long recovery.
void Broker::tell_recovery() {
  node_.shards.front()->deadlines().after(kRecoveryLines, [this] {
    if (recovered_) return;
    spdlog::info("recovery: {}", node_.recovery.under_way());
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
  if (auto failed = serve_metrics()) co_return failed;
  const Instant begin = first.now();
  tell_recovery();
  metadata_log_->start(*metadata_);
  co_await metadata_->published(metadata_log_->applied_index());
  recovered_ = true;
  const auto totals = node_.recovery.totals();
  if (totals.partitions > 0) {
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(first.now() - begin);
    const bool good = totals.read_only == 0 && totals.not_opened == 0;
    spdlog::log(good ? spdlog::level::info : spdlog::level::err, "recovery: {}",
                node_.recovery.summary(took));
  }
  server_->start();
  if (metrics_) metrics_->set_ready();
  background_.spawn(start_journals());
  co_return std::nullopt;
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
  co_await server_->stop();
  co_await metadata_->refuse_changes();
  co_await on_all_shards(&Shard::drain);
  co_await on_all_shards(&Shard::close_partitions);
  metadata_log_->close();
  auto end = [this] {
    node_.journals->end();
    return true;
  };
  co_await blocking(node_.shards.front()->scheduler(), node_.world.pool, std::move(end));
}

}  // namespace millrace::broker
