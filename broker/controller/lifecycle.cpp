#include "broker/controller/lifecycle.hpp"

#include <spdlog/spdlog.h>

#include "broker/metadata_service.hpp"
#include "broker/shard.hpp"

namespace millrace::broker {
namespace {

using protocol::ErrorCode;
using replication::schema::PeerAnswer;
using replication::schema::PeerCall;

/// How long a call may take before the controller counts as gone.
constexpr auto kCallTimeout = std::chrono::seconds{2};

}  // namespace

Lifecycle::Lifecycle(Node& node, Shard& shard, ControllerCalls& calls)
    : node_{node},
      shard_{shard},
      calls_{calls},
      changed_{shard.scheduler().executor()},
      ready_{shard.scheduler().executor()},
      tasks_{shard.scheduler().executor()} {}

net::Awaitable<std::optional<std::string>> Lifecycle::join(
    std::optional<std::int64_t> stopped_cleanly_at) {
  incarnation_ = node_.world.rng.uuid();
  stopped_cleanly_at_ = stopped_cleanly_at;
  const auto& settings = node_.settings;
  life_.emplace(LifeSettings{.id = settings.node_id,
                             .heartbeat_interval = settings.heartbeat_interval,
                             .registration_timeout = settings.registration_timeout,
                             .hand_over = settings.controlled_shutdown},
                shard_.now());
  life_->applied(applied_, *shard_.image(), shard_.now());
  tasks_.spawn(run());
  co_await ready_.wait();
  if (life_->ready()) co_return std::nullopt;
  co_return life_->problem();
}

net::Awaitable<bool> Lifecycle::leave() {
  if (!life_) co_return false;
  const bool alone = std::ranges::none_of(shard_.image()->brokers(), [this](const auto& item) {
    return item.first != node_.settings.node_id && !item.second.fenced;
  });
  life_->stop(alone, shard_.now());
  changed_.set();
  co_await tasks_.join();
  co_return life_->left_in_order();
}

void Lifecycle::applied(std::int64_t index, const replication::MetadataImage& image) {
  applied_ = index;
  if (!life_) return;
  life_->applied(index, image, shard_.now());
  changed_.set();
}

void Lifecycle::controller_moved() {
  if (!life_) return;
  life_->controller_moved(shard_.now());
  changed_.set();
}

net::Awaitable<void> Lifecycle::run() {
  using Kind = BrokerLife::Step::Kind;
  for (;;) {
    look_at_disk();
    const auto step = life_->next(shard_.now());
    if (step.kind == Kind::over) break;
    if (step.kind == Kind::wait) {
      co_await sleep_until(step.until);
    } else if (step.kind == Kind::enroll) {
      co_await enroll();
    } else {
      co_await heartbeat(step.heartbeat);
    }
    if (life_->ready()) ready_.set();
    if (!life_->problem().empty() && life_->problem() != told_) {
      told_ = life_->problem();
      spdlog::warn("this broker could not register yet: {}", told_);
    }
  }
  ready_.set();
}

net::Awaitable<void> Lifecycle::sleep_until(Instant until) {
  changed_.reset();
  const auto alarm = shard_.deadlines().at(until, [this] { changed_.set(); });
  co_await changed_.wait();
  shard_.deadlines().forget(alarm);
}

void Lifecycle::look_at_disk() {
  if (fenced_ || node_.log_dir.online()) return;
  fenced_ = true;
  life_->fence(shard_.now());
}

net::Awaitable<void> Lifecycle::enroll() {
  PeerCall call;
  auto& to = *call.mutable_register_broker();
  to.set_id(node_.settings.node_id.value);
  to.set_incarnation(replication::id_bytes(incarnation_));
  to.set_directory(replication::id_bytes(node_.directory));
  if (!node_.settings.rack.empty()) to.set_rack(node_.settings.rack);
  for (const auto& mine : node_.endpoints) {
    auto& endpoint = *to.add_endpoints();
    endpoint.set_listener(mine.listener);
    endpoint.set_host(mine.at.host);
    endpoint.set_port(mine.at.port);
    endpoint.set_security(mine.security);
  }
  if (stopped_cleanly_at_) to.set_stopped_cleanly_at(*stopped_cleanly_at_);
  auto asking = calls_.ask(std::move(call), shard_.now() + kCallTimeout, PeerLane::control);
  const auto result = co_await std::move(asking);
  const auto* const answer = std::get_if<PeerAnswer>(&result);
  if (answer == nullptr || !answer->has_register_broker()) {
    const auto* const refusal = std::get_if<PeerRefusal>(&result);
    const bool stranger =
        refusal != nullptr && refusal->error == ErrorCode::inconsistent_cluster_id;
    if (!stranger) {
      life_->unheard(shard_.now());
    } else {
      life_->enrolled({.error = refusal->error, .message = refusal->message}, shard_.now());
    }
    co_return;
  }
  const auto& said = answer->register_broker();
  life_->enrolled({.error = static_cast<ErrorCode>(said.error()),
                   .message = said.message(),
                   .epoch = said.epoch()},
                  shard_.now());
}

net::Awaitable<void> Lifecycle::heartbeat(replication::BrokerHeartbeat request) {
  PeerCall call;
  auto& to = *call.mutable_heartbeat();
  to.set_id(request.id.value);
  to.set_epoch(request.epoch);
  to.set_applied(request.applied);
  to.set_wants_fence(request.wants_fence);
  to.set_wants_to_stop(request.wants_to_stop);
  auto asking = calls_.ask(std::move(call), shard_.now() + kCallTimeout, PeerLane::control);
  const auto result = co_await std::move(asking);
  const auto* const answer = std::get_if<PeerAnswer>(&result);
  if (answer == nullptr || !answer->has_heartbeat()) {
    life_->unheard(shard_.now());
    co_return;
  }
  const auto& said = answer->heartbeat();
  life_->heard({.error = static_cast<ErrorCode>(said.error()),
                .caught_up = said.caught_up(),
                .fenced = said.fenced(),
                .may_stop = said.may_stop()},
               shard_.now());
}

}  // namespace millrace::broker
