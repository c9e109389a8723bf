#pragma once

#include <fmt/format.h>
#include <catch2/catch.hpp>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/data_directory.hpp"
#include "broker/fetch/sessions.hpp"
#include "broker/group_service.hpp"
#include "broker/journals.hpp"
#include "broker/replica/replica_service.hpp"
#include "broker/server.hpp"
#include "broker/session.hpp"
#include "broker/shard.hpp"
#include "broker/transaction_service.hpp"
#include "protocol/record/builder.hpp"
#include "replication/controller/in_sync.hpp"
#include "replication/controller/membership.hpp"
#include "replication/controller/records.hpp"
#include "tests/support/memory_files.hpp"
#include "tests/support/sim_host.hpp"
#include "tests/support/sim_network.hpp"
#include "tests/support/sim_scheduler.hpp"
#include "tests/support/sim_world.hpp"

namespace millrace::broker {

using protocol::ErrorCode;
using namespace std::chrono_literals;

inline constexpr TopicId kTopic{{7}};

/// Brokers without a controller on a simulated network: shards, sessions and replicas are those of
/// the shipped broker, and the metadata is what the test says. What leaders propose for their
/// in-sync sets is decided by the controller's core, and so is, `under_control`, what becomes of
/// partitions when brokers come and go. Driven from outside the world's tasks, between its steps.
class ReplicaStand {
 public:
  using Setting = std::pair<std::string, std::string>;

  /// `setting` is another one that all of them have.
  explicit ReplicaStand(std::int32_t count, Setting setting = {"num.partitions", "1"},
                        std::uint64_t seed = 1)
      : setting_{std::move(setting)}, world_{seed} {
    for (std::int32_t id = 1; id <= count; ++id) {
      disks_[id] = std::make_unique<sim::MemoryFiles>();
      start(id);
    }
  }
  ~ReplicaStand() {
    while (!lives_.empty()) end(lives_.begin()->first);
  }
  ReplicaStand(const ReplicaStand&) = delete;
  ReplicaStand& operator=(const ReplicaStand&) = delete;

  /// How slow the disks are of machines that are started from now on.
  void set_disk_delay(std::chrono::microseconds longest) { disk_delay_max_ = longest; }
  /// From now on the controller's core judges who is alive and who leads.
  void take_control() {
    under_control_ = true;
    membership_.take_over(*image_, world_.clock().now());
  }
  /// The controller finds out that a broker does not answer.
  void lose(std::int32_t id) {
    const auto* const broker = image_->broker(BrokerId{id});
    commit(membership_.connection_lost(*image_, BrokerId{id}, broker->epoch), deaf_);
  }
  /// It answers again.
  void greet(std::int32_t id) {
    const auto* const broker = image_->broker(BrokerId{id});
    const replication::BrokerHeartbeat beat{
        .id = BrokerId{id}, .epoch = broker->epoch, .applied = offset_};
    commit(membership_.heartbeat(*image_, beat, offset_, world_.clock().now()).records, deaf_);
  }
  /// Cuts a broker off from the others and from the controller, or brings it back.
  void isolate(std::int32_t id) {
    network().isolate(host(id));
    deaf_.push_back(id);
  }
  void heal() {
    network().heal_all();
    const auto back = std::exchange(deaf_, {});
    for (const auto id : back)
      if (alive(id)) tell(id);
  }
  [[nodiscard]] bool is_deaf(std::int32_t id) const {
    return std::ranges::find(deaf_, id) != deaf_.end();
  }

  [[nodiscard]] sim::SimWorld& world() { return world_; }
  [[nodiscard]] sim::SimNetwork& network() { return world_.network(); }
  [[nodiscard]] sim::MemoryFiles& disk(std::int32_t id) { return *disks_.at(id); }
  [[nodiscard]] bool alive(std::int32_t id) const { return lives_.contains(id); }
  [[nodiscard]] Shard& shard(std::int32_t id) { return *lives_.at(id)->node->shards.front(); }
  static std::string host(std::int32_t id) { return fmt::format("broker{}", id); }

  // -- Machines ----------------------------------------------------------------------------------

  /// A new life, registered anew with the next epoch. It learns the image as it is then.
  void start(std::int32_t id) {
    auto life = std::make_unique<Life>();
    life->host = &world_.make_host(host(id));
    auto& pool = life->host->make_pool();
    pool.set_delays(20us, disk_delay_max_);
    World seams{.clock = world_.clock(),
                .rng = world_.rng(),
                .files = disk(id),
                .pool = pool,
                .read_pool = pool,
                .journal_pool = pool,
                .quorum_pool = pool,
                .schedulers = {&life->host->make_scheduler()}};
    auto& scheduler = *seams.schedulers.front();
    const auto name = fmt::format("{}", id);
    const auto listener = fmt::format("PLAINTEXT://{}:9092", host(id));
    life->node = std::make_unique<Node>(
        std::move(seams),
        config::BrokerConfig::with({{"log.dirs", "/data"},
                                    {"node.id", name},
                                    {"listeners", listener},
                                    {"replica.lag.time.max.ms", "3000"},
                                    {"replica.high.watermark.checkpoint.interval.ms", "200"},
                                    {"storage.reserve.bytes", "0"},
                                    {setting_.first, setting_.second}}));
    Node& node = *life->node;
    node.cluster_id = "cluster";
    node.propose_in_sync = [this, id](Shard&, std::vector<replication::InSyncProposal> proposals) {
      return decide(id, std::move(proposals));
    };
    REQUIRE(create_data_directory(node.world.files, node.data_dir).has_value());
    REQUIRE(node.world.files.sync_all(node.data_dir).has_value());
    node.log_dir.check();
    node.high_watermarks = load_high_watermarks(node.world.files, node.data_dir);
    node.shards.push_back(std::make_unique<Shard>(node, 0, scheduler));
    node.journals = std::make_unique<Journals>(node.world.files, node.data_dir / kJournalDirectory);
    REQUIRE(node.journals->load().has_value());
    Shard& shard = *node.shards.front();
    shard.peers().introduce({.cluster_id = "cluster",
                             .node = BrokerId{id},
                             .directory = {},
                             .reached_at = {host(id), 9092}});
    life->server = std::make_unique<Server>(node, shard);
    net::Endpoint culprit;
    REQUIRE(life->server->bind(culprit).has_value());
    scheduler.post([server = life->server.get(), &shard] {
      shard.start();
      shard.open_for_clients();
      server->start();
    });
    lives_[id] = std::move(life);
    register_broker(id, false);
    settle(10ms);
  }
  /// The power of a machine fails.
  void cut_power(std::int32_t id) {
    disk(id).crash(world_.rng());
    end(id);
  }
  void kill(std::int32_t id) {
    disk(id).kill_process();
    end(id);
  }

  // -- Metadata ----------------------------------------------------------------------------------

  [[nodiscard]] const replication::ImagePtr& image() const { return image_; }
  /// Commits records and tells all brokers, or all but those that are not to hear of it.
  void commit(const std::vector<replication::MetadataRecord>& records,
              const std::vector<std::int32_t>& deaf = {}) {
    if (records.empty()) return;
    image_ = image_->with(records);
    membership_.committed(records);
    ++offset_;
    for (const auto& [id, life] : lives_)
      if (std::ranges::find(deaf, id) == deaf.end()) tell(*life);
  }
  void tell(std::int32_t id) { tell(*lives_.at(id)); }
  void fence(std::int32_t id) { register_broker(id, true); }
  /// A topic of one partition.
  void create(const std::vector<std::int32_t>& replicas,
              const std::map<std::string, std::string>& configs = {}) {
    replication::PartitionImage partition;
    for (const auto id : replicas) partition.replicas.emplace_back(id);
    partition.in_sync = partition.replicas;
    partition.leader = partition.replicas.front();
    std::vector records{replication::topic_record("t", kTopic),
                        replication::partition_record(kTopic, PartitionIndex{0}, partition)};
    for (const auto& [key, value] : configs)
      records.push_back(replication::topic_config_record("t", key, value));
    commit(records);
    REQUIRE(until([&] {
      return std::ranges::all_of(replicas, [&](auto id) { return replica(id) != nullptr; });
    }));
  }
  [[nodiscard]] const replication::PartitionImage& partition() const {
    return image_->topic(kTopic)->partitions.front();
  }
  [[nodiscard]] std::string in_sync() const {
    std::string text;
    for (const BrokerId id : partition().in_sync) text += std::to_string(id.value);
    std::ranges::sort(text);
    return text;
  }
  /// Another leader, which takes the old one's place in the in-sync set.
  void elect(std::int32_t leader, std::vector<std::int32_t> in_sync,
             const std::vector<std::int32_t>& deaf = {}) {
    auto next = partition();
    next.leader = BrokerId{leader};
    next.in_sync.clear();
    for (const auto id : in_sync) next.in_sync.emplace_back(id);
    ++next.leader_epoch.value;
    ++next.partition_epoch;
    commit({replication::partition_record(kTopic, PartitionIndex{0}, next)}, deaf);
  }
  void place(const std::vector<std::int32_t>& replicas) {
    auto next = partition();
    next.replicas.clear();
    for (const auto id : replicas) next.replicas.emplace_back(id);
    std::erase_if(next.in_sync, [&](BrokerId id) {
      return std::ranges::find(next.replicas, id) == next.replicas.end();
    });
    ++next.leader_epoch.value;
    ++next.partition_epoch;
    commit({replication::partition_record(kTopic, PartitionIndex{0}, next)});
  }

  // -- Records -----------------------------------------------------------------------------------

  [[nodiscard]] std::shared_ptr<Partition> replica(std::int32_t id) {
    return alive(id) ? shard(id).find(kTopic, PartitionIndex{0}) : nullptr;
  }
  struct Sent {
    ErrorCode error = ErrorCode::none;  // of the append
    Offset end;
    std::optional<ErrorCode> told;  // what came of acks=all
  };
  using SentPtr = std::shared_ptr<Sent>;
  /// A batch of one record of this value, to be acknowledged by all.
  SentPtr send(std::int32_t to, std::string_view value) {
    auto sent = std::make_shared<Sent>();
    protocol::BatchBuilder builder;
    builder.add(world_.clock().wall(), std::nullopt, as_bytes(value));
    const auto batch = builder.build();
    REQUIRE(batch.has_value());
    const auto partition = replica(to);
    REQUIRE(partition != nullptr);
    if (!partition->enough_in_sync()) {
      sent->error = ErrorCode::not_enough_replicas;
      return sent;
    }
    const auto result = partition->produce(*batch, 9, world_.clock().wall());
    REQUIRE(result.has_value());
    sent->error = result->error;
    if (sent->error != ErrorCode::none) return sent;
    sent->end = result->end;
    shard(to).appended(partition);
    partition->when_committed(result->end, Instant::max(),
                              [sent](ErrorCode error) { sent->told = error; });
    return sent;
  }
  bool acknowledged(const SentPtr& sent) {
    return until([&] { return sent->told.has_value(); }) && sent->told == ErrorCode::none;
  }
  /// Everything in the log of a replica, as it lies there.
  std::vector<std::byte> log(std::int32_t id) {
    const auto& log = replica(id)->log();
    std::vector<std::byte> all;
    Offset at = log.log_start();
    while (at < log.log_end()) {
      const auto read = log.read({.from = at, .limit = log.log_end(), .bytes_max = 1U << 20});
      REQUIRE(read.has_value());
      const auto bytes = read->batches.flatten();
      all.insert(all.end(), bytes.begin(), bytes.end());
      REQUIRE(read->next > at);
      at = read->next;
    }
    return all;
  }
  [[nodiscard]] std::int64_t end_of(std::int32_t id) { return replica(id)->log().log_end().value; }
  [[nodiscard]] std::int64_t committed(std::int32_t id) {
    return replica(id)->high_watermark().value;
  }

  bool until(const std::function<bool()>& done, std::chrono::nanoseconds limit = 20s) {
    return world_.run_until(done, limit);
  }
  void settle(std::chrono::nanoseconds time) { world_.run_for(time); }

 private:
  struct Life {
    sim::SimHost* host = nullptr;
    std::unique_ptr<Node> node;
    std::unique_ptr<Server> server;
  };

  void end(std::int32_t id) {
    auto life = std::move(lives_.at(id));
    lives_.erase(id);
    if (life->host->alive()) life->host->crash();
    life->server.reset();
    life->node.reset();
  }
  void tell(Life& life) {
    Shard& shard = *life.node->shards.front();
    shard.scheduler().post([&shard, image = image_] { shard.adopt(image, [] {}); });
  }
  void register_broker(std::int32_t id, bool fenced) {
    if (under_control_) {
      const replication::Registration request{
          .id = BrokerId{id},
          .incarnation = world_.rng().uuid(),
          .directory = Uuid{{1}},
          .cluster_id = "cluster",
          .rack = std::nullopt,
          .endpoints = {{"PLAINTEXT", host(id), 9092, "PLAINTEXT"}},
          .stopped_cleanly_at = std::nullopt};
      const auto outcome =
          membership_.register_broker(*image_, request, offset_, world_.clock().now());
      REQUIRE(outcome.response.error == ErrorCode::none);
      commit(outcome.records, deaf_);
      return greet(id);
    }
    std::vector<replication::MetadataRecord> records(1);
    auto& broker = *records.front().mutable_broker();
    broker.set_id(id);
    const auto* const known = image_->broker(BrokerId{id});
    broker.set_epoch(fenced && known != nullptr ? known->epoch : offset_);
    broker.set_incarnation(std::string(16, 'i'));
    broker.set_directory("\1" + std::string(15, '\0'));
    broker.set_fenced(fenced);
    auto& endpoint = *broker.add_endpoints();
    endpoint.set_listener("PLAINTEXT");
    endpoint.set_host(host(id));
    endpoint.set_port(9092);
    endpoint.set_security("PLAINTEXT");
    commit(records);
  }
  net::Awaitable<std::vector<replication::InSyncAnswer>> decide(
      std::int32_t from, std::vector<replication::InSyncProposal> proposals) {
    if (is_deaf(from)) co_return std::vector<replication::InSyncAnswer>{};
    const auto* const broker = image_->broker(BrokerId{from});
    auto outcome =
        replication::alter_in_sync(*image_, BrokerId{from}, broker->epoch, proposals, rules_);
    commit(outcome.records, deaf_);
    co_return std::move(outcome.response);
  }

  Setting setting_;
  sim::SimWorld world_;
  config::BrokerConfig rules_config_ = config::BrokerConfig::with({});
  CatalogueRules rules_{rules_config_};
  std::map<std::int32_t, std::unique_ptr<sim::MemoryFiles>> disks_;
  std::map<std::int32_t, std::unique_ptr<Life>> lives_;
  replication::ImagePtr image_ = std::make_shared<replication::MetadataImage>();
  std::int64_t offset_ = 1;
  std::chrono::microseconds disk_delay_max_{200};
  replication::Membership membership_{{.cluster_id = "cluster"}, rules_};
  bool under_control_ = false;
  std::vector<std::int32_t> deaf_;
};

}  // namespace millrace::broker
