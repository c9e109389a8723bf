#include "broker/replica/replica_service.hpp"

#include <algorithm>

#include "broker/node.hpp"
#include "broker/shard.hpp"

namespace millrace::broker {
namespace {

using protocol::ErrorCode;
using replication::InSyncAnswer;
using replication::InSyncProposal;
using replication::PartitionPlace;

PartitionPlace place_of(const Partition& partition) {
  return {partition.topic_id(), partition.name().partition};
}

}  // namespace

void ReplicaService::adopted(const std::shared_ptr<Partition>& partition, Partition::Role role) {
  if (stopped_) return;
  const auto place = place_of(*partition);
  if (partition->leadership() != nullptr) {
    led_.insert(place);
    partition->see(*shard_.image());
    look(*partition);
  } else {
    led_.erase(place);
  }
  if (role == Partition::Role::unchanged) return;
  unfollow(place);
  if (!partition->leads() && partition->leader()) follow(partition);
}

void ReplicaService::follow(const std::shared_ptr<Partition>& partition) {
  // What is damaged here is whole at the leader.
  if (partition->log().state() == log::LogState::read_only) {
    if (!partition->truncate_to(partition->log().log_end())) return;
    shard_.cut(partition);
  }
  const auto place = place_of(*partition);
  const auto count = static_cast<std::size_t>(shard_.node().settings.replicas.fetchers);
  const auto number =
      (std::hash<TopicId>{}(place.topic) + static_cast<std::size_t>(place.index.value)) % count;
  const Key key{*partition->leader(), static_cast<std::uint16_t>(number)};
  auto& fetcher = fetchers_[key];
  if (!fetcher) fetcher = std::make_shared<Fetcher>(shard_, key.first, key.second);
  followed_[place] = key;
  fetcher->add(partition);
}

void ReplicaService::unfollow(const PartitionPlace& place) {
  const auto known = followed_.find(place);
  if (known == followed_.end()) return;
  const auto fetcher = fetchers_.find(known->second);
  followed_.erase(known);
  fetcher->second->remove(place);
  if (!fetcher->second->empty()) return;
  fetcher->second->stop();
  fetchers_.erase(fetcher);
}

void ReplicaService::forget(const Partition& partition) {
  const auto place = place_of(partition);
  led_.erase(place);
  unfollow(place);
}

void ReplicaService::look(Partition& partition) {
  if (stopped_) return;
  auto proposal = partition.in_sync_proposal(shard_.now());
  if (!proposal) return;
  proposals_.push_back(*std::move(proposal));
  if (proposals_.size() > 1) return;
  // Behind everything that is ready now, so that one call carries what this turn brings.
  shard_.scheduler().post([this] {
    if (!stopped_) shard_.tasks().spawn(propose(std::exchange(proposals_, {})));
  });
}

net::Awaitable<void> ReplicaService::propose(std::vector<InSyncProposal> proposals) {
  std::vector<InSyncAnswer> answers;
  if (const auto& ask = shard_.node().propose_in_sync) {
    auto asking = ask(shard_, proposals);
    answers = co_await std::move(asking);
  }
  for (std::size_t i = 0; i < proposals.size(); ++i) {
    const auto& asked = proposals[i];
    const auto partition = shard_.find(asked.topic, asked.partition);
    if (!partition || partition->leader_epoch() != asked.leader_epoch) continue;
    InSyncAnswer unknown;
    unknown.error = ErrorCode::request_timed_out;
    const auto& answer = i < answers.size() ? answers[i] : unknown;
    partition->in_sync_answered(asked.partition_epoch, answer.error, answer.now, shard_.now());
    look(*partition);
  }
}

void ReplicaService::look_at_all() {
  for (const auto& place : led_) {
    const auto partition = shard_.find(place.topic, place.index);
    if (!partition) continue;
    partition->look_again(shard_.now());
    look(*partition);
  }
}

void ReplicaService::stop() {
  stopped_ = true;
  for (const auto& [key, fetcher] : fetchers_) fetcher->stop();
  fetchers_.clear();
  followed_.clear();
}

ReplicaService::Figures ReplicaService::figures() const {
  Figures figures;
  figures.followed = followed_.size();
  figures.led = led_.size();
  for (const auto& place : led_) {
    const auto partition = shard_.find(place.topic, place.index);
    if (!partition || partition->leadership() == nullptr) continue;
    const auto& leadership = *partition->leadership();
    if (leadership.in_sync().size() < leadership.replicas()) ++figures.under_replicated;
    if (!leadership.enough_in_sync()) ++figures.under_min_in_sync;
    for (const auto& [id, lag] : leadership.lags(partition->log().log_end()))
      if (lag) figures.lag_max = std::max(figures.lag_max, lag->value);
  }
  return figures;
}

}  // namespace millrace::broker
