#include "broker/controller/active_controller.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <array>

#include "broker/shard.hpp"
#include "replication/controller/elections.hpp"
#include "replication/controller/internal_topics.hpp"
#include "replication/controller/records.hpp"
#include "replication/controller/topic_names.hpp"

namespace millrace::broker {
namespace {

using protocol::ErrorCode;
using replication::MetadataRecord;

constexpr std::int64_t kProducerIdBlock = 1000;
constexpr auto kWatch = std::chrono::milliseconds{100};  // how late a silent broker is fenced
/// Between looks at all partitions for what nobody asks for, when something happened and when not.
constexpr auto kMendSoon = std::chrono::seconds{1};
constexpr auto kMendIdle = std::chrono::seconds{60};
constexpr std::size_t kMendRecords = 1000;  // in one change
constexpr auto kProbe = std::chrono::seconds{1};

/// By these it is judged who is safe, so they hold for the whole cluster or not at all.
constexpr std::array<std::string_view, 3> kClusterSettings{
    "min.insync.replicas", "unclean.leader.election.enable", "log.flush.mode"};

bool changes_who_may_lead(std::span<const MetadataRecord> records) {
  return std::ranges::any_of(records, [](const MetadataRecord& record) {
    return record.has_broker() || record.has_broker_change() || record.has_config();
  });
}

}  // namespace

ActiveController::ActiveController(Node& node, Shard& shard, MetadataLog& log)
    : node_{node},
      shard_{shard},
      log_{log},
      admin_{node.settings.controller, node.rules},
      image_{std::make_shared<replication::MetadataImage>()},
      idle_{shard.scheduler().executor()},
      tasks_{shard.scheduler().executor()} {}

Instant ActiveController::now() const {
  return shard_.now();
}

void ActiveController::applied(replication::ImagePtr image,
                               std::span<const MetadataRecord> records) {
  image_ = std::move(image);
  if (!active_) return;
  membership_->committed(records);
  if (changes_who_may_lead(records)) next_mend_ = std::min(next_mend_, now() + kMendSoon);
}

void ActiveController::active(std::optional<std::int32_t> term) {
  const bool before = std::exchange(active_, term.has_value());
  if (active_ == before && !active_) return;
  if (!active_) {
    spdlog::info("this node is no longer the active controller");
    auto waiting = std::exchange(queue_, {});
    for (auto& operation : waiting) operation.done(ErrorCode::not_controller, -1);
    return;
  }
  spdlog::info("this node is the active controller, in term {}", *term);
  const auto& settings = node_.settings;
  membership_.emplace(
      replication::MembershipSettings{.cluster_id = node_.cluster_id,
                                      .session_timeout = settings.broker_session_timeout},
      node_.rules);
  membership_->take_over(*image_, now());
  next_mend_ = now();
  next_balance_ = now() + settings.leader_balance_interval;
  seed_cluster_settings();
  // Who died with the last controller, or before it could tell.
  for (const auto& [id, broker] : image_->brokers())
    if (!broker.fenced && id != node_.settings.node_id) tasks_.spawn(look_after(id, broker.epoch));
  if (!std::exchange(watching_, true)) keep_watch();
}

/// What the file of the first controller says becomes what the cluster says.
void ActiveController::seed_cluster_settings() {
  submit(
      [this] {
        Records records;
        const auto& cluster = image_->broker_configs("");
        for (const auto name : kClusterSettings) {
          const auto text = node_.config.text(name);
          if (!text || !node_.config.is_set(name)) continue;
          const auto known = cluster.find(name);
          if (known == cluster.end()) {
            records.push_back(replication::broker_config_record("", name, *text));
          } else if (known->second != *text) {
            spdlog::warn(
                "{}={} is what the cluster keeps to, not {} as {} says: change it for the whole "
                "cluster by the dynamic setting of all brokers, or take it out there",
                name, known->second, *text, node_.config.origin(name));
          }
        }
        return records;
      },
      [](ErrorCode, std::int64_t) {});
}

// Questions ---------------------------------------------------------------------------------------

void ActiveController::submit(Decide decide, Committed done) {
  if (stopping_ || !active_) return done(ErrorCode::not_controller, -1);
  queue_.push_back({std::move(decide), std::move(done)});
  if (!busy_) run_next();
}

void ActiveController::run_next() {
  if (queue_.empty()) {
    busy_ = false;
    idle_.pulse();
    return;
  }
  busy_ = true;
  auto operation = std::move(queue_.front());
  queue_.pop_front();
  auto records = operation.decide();
  if (records.empty())
    return finish(std::move(operation.done), ErrorCode::none, log_.applied_index());
  log_.propose(std::move(records),
               [this, done = std::move(operation.done)](Result<std::int64_t> index) mutable {
                 if (index) return finish(std::move(done), ErrorCode::none, *index);
                 spdlog::debug("a change was not committed: {}", index.error().message());
                 finish(std::move(done), ErrorCode::not_controller, -1);
               });
}

void ActiveController::finish(Committed done, ErrorCode error, std::int64_t index) {
  done(error, index);
  // In a turn of its own: a long queue of refusals must not deepen the stack.
  shard_.scheduler().post([this] { run_next(); });
}

template <class T, class Ask>
void ActiveController::question(Ask ask, Reply<T> reply) {
  auto answer = std::make_shared<T>();
  submit(
      [answer, ask = std::move(ask)]() mutable {
        auto outcome = ask();
        *answer = std::move(outcome.response);
        return std::move(outcome.records);
      },
      [answer, reply = std::move(reply)](ErrorCode error, std::int64_t) mutable {
        if (error != ErrorCode::none) answer->error = error;
        reply(std::move(*answer));
      });
}

void ActiveController::enroll(replication::Registration request,
                              Reply<replication::RegistrationAnswer> reply) {
  request.cluster_id = node_.cluster_id;  // the connection was asked for it already
  question<replication::RegistrationAnswer>(
      [this, request = std::move(request)] {
        auto outcome = membership_->register_broker(*image_, request, log_.next_index(), now());
        if (!outcome.records.empty()) {
          spdlog::info("broker {} registers, with epoch {}", request.id.value,
                       outcome.response.epoch);
        }
        return outcome;
      },
      std::move(reply));
}

void ActiveController::heartbeat(replication::BrokerHeartbeat request,
                                 Reply<replication::BrokerHeartbeatAnswer> reply) {
  question<replication::BrokerHeartbeatAnswer>(
      [this, request] {
        return membership_->heartbeat(*image_, request, log_.next_index(), now());
      },
      std::move(reply));
}

void ActiveController::alter_in_sync(BrokerId broker, std::int64_t epoch,
                                     std::vector<replication::InSyncProposal> proposals,
                                     Reply<InSyncReply> reply) {
  question<InSyncReply>(
      [this, broker, epoch, proposals = std::move(proposals)] {
        auto outcome = replication::alter_in_sync(*image_, broker, epoch, proposals, node_.rules);
        return replication::ControllerOutcome<InSyncReply>{
            std::move(outcome.records), {.answers = std::move(outcome.response)}};
      },
      std::move(reply));
}

void ActiveController::give_producer_ids(BrokerId broker, std::int64_t epoch,
                                         Reply<ProducerIds> reply) {
  question<ProducerIds>(
      [this, broker, epoch] {
        replication::ControllerOutcome<ProducerIds> outcome;
        const auto* const known = image_->broker(broker);
        if (known == nullptr || known->epoch != epoch) {
          outcome.response.error = ErrorCode::stale_broker_epoch;
          return outcome;
        }
        auto block = admin_.allocate_producer_ids(*image_, broker, kProducerIdBlock);
        outcome.records = std::move(block.records);
        outcome.response = {.first = block.response, .count = kProducerIdBlock};
        return outcome;
      },
      std::move(reply));
}

// What nobody asks for ----------------------------------------------------------------------------

void ActiveController::keep_watch() {
  if (stopping_ || !active_) {
    watching_ = false;
    return;
  }
  const auto deadline = membership_->next_deadline(*image_);
  if (deadline && *deadline <= now() && !std::exchange(fencing_, true)) {
    submit(
        [this] {
          auto records = membership_->tick(*image_, now());
          for (const auto& record : records)
            if (record.has_broker_change())
              spdlog::warn("broker {} is fenced: it was silent for broker.session.timeout.ms",
                           record.broker_change().id());
          return records;
        },
        [this](ErrorCode, std::int64_t) { fencing_ = false; });
  }
  if (next_mend_ <= now()) mend();
  shard_.deadlines().after(kWatch, [this] { keep_watch(); });
}

/// A bounded number of changes at a time; while there are more, again soon.
void ActiveController::mend() {
  if (std::exchange(mending_, true)) return;
  submit(
      [this] {
        auto records = membership_->revive(*image_, kMendRecords);
        if (records.empty())
          records = replication::raise_internal_topics(*image_, node_.settings.internal_factors,
                                                       kMendRecords, node_.rules);
        if (records.empty() && node_.settings.leader_balance && next_balance_ <= now()) {
          records = replication::balance_leaders(*image_, kMendRecords, node_.rules);
          if (records.empty()) next_balance_ = now() + node_.settings.leader_balance_interval;
        }
        const bool more = records.size() >= kMendRecords;
        const Instant idle =
            std::min(now() + kMendIdle, std::max(now() + kMendSoon, next_balance_));
        next_mend_ = more ? now() : idle;
        return records;
      },
      [this](ErrorCode, std::int64_t) { mending_ = false; });
}

void ActiveController::peer_broken(BrokerId broker) {
  if (!active_ || stopping_) return;
  const auto* const known = image_->broker(broker);
  if (known != nullptr && !known->fenced) tasks_.spawn(look_after(broker, known->epoch));
}

net::Awaitable<void> ActiveController::look_after(BrokerId broker, std::int64_t epoch) {
  const auto at = shard_.peers().address_of(broker);
  if (!at) co_return;
  auto asking = shard_.peers().ask(*at, {}, now() + kProbe);
  const auto answer = co_await std::move(asking);
  const bool dead = !answer && answer.error().code == clients::Errc::unreachable;
  if (!dead || stopping_) co_return;
  submit(
      [this, broker, epoch] {
        auto records = membership_->connection_lost(*image_, broker, epoch);
        if (!records.empty())
          spdlog::warn("broker {} is fenced: its connection broke and it cannot be reached",
                       broker.value);
        return records;
      },
      [](ErrorCode, std::int64_t) {});
}

net::Awaitable<void> ActiveController::stop() {
  stopping_ = true;
  while (busy_) co_await idle_.wait();
  co_await tasks_.join();
}

}  // namespace millrace::broker
