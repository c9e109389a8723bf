#include "replication/controller/membership.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

#include "protocol/base/ensure.hpp"
#include "replication/controller/broker_lists.hpp"
#include "replication/controller/records.hpp"

namespace millrace::replication {
namespace {

using protocol::ErrorCode;

ControllerOutcome<RegistrationAnswer> refused(ErrorCode error, std::string message) {
  return {{}, {.error = error, .message = std::move(message)}};
}

std::string named(BrokerId broker) {
  return "broker " + std::to_string(broker.value);
}

void change(const TopicImage& topic, PartitionIndex index, const PartitionImage& now,
            const PartitionWish& wish, const PartitionRules& rules,
            std::vector<MetadataRecord>& out) {
  if (const auto next = changed(now, wish, rules))
    out.push_back(partition_record(topic.id, index, *next));
}

}  // namespace

std::size_t min_in_sync(const MetadataImage& image, const TopicImage& topic, std::size_t replicas,
                        const ConfigRules& rules) {
  constexpr std::string_view kSetting = "min.insync.replicas";
  const auto& cluster = image.broker_configs("");
  if (!topic.configs.contains(kSetting) && !cluster.contains(kSetting))
    return replicas >= 3 ? 2 : 1;
  const std::string text = rules.effective(kSetting, topic.configs, cluster);
  std::size_t wanted = 1;
  std::from_chars(text.data(), text.data() + text.size(), wanted);
  return wanted;
}

PartitionRules rules_for(const MetadataImage& image, const TopicImage& topic,
                         const PartitionImage& partition, const ConfigRules& rules,
                         std::optional<BrokerId> except, std::optional<BrokerId> also) {
  PartitionRules made;
  made.may_lead = [&image, except, also](BrokerId id) {
    if (id == except) return false;
    if (id == also) return true;
    const auto* const broker = image.broker(id);
    return broker != nullptr && broker->may_lead();
  };
  const std::size_t replicas = partition.replicas.size();
  made.min_in_sync_with = [&image, &topic, &rules](std::size_t count) {
    return std::clamp<std::size_t>(min_in_sync(image, topic, count, rules), 1, count);
  };
  made.min_in_sync = made.min_in_sync_with(replicas);
  const auto& cluster = image.broker_configs("");
  if (rules.effective("unclean.leader.election.enable", topic.configs, cluster) == "true")
    made.election = Election::unclean;
  return made;
}

void Membership::take_over(const MetadataImage& image, Instant now) {
  held_.rebuild(image);
  sessions_.clear();
  for (const auto& [id, broker] : image.brokers())
    if (!broker.fenced) sessions_[id] = {.last_contact = now, .epoch = broker.epoch};
}

bool Membership::alive(BrokerId broker, Instant now) const {
  const auto found = sessions_.find(broker);
  return found != sessions_.end() && now < found->second.last_contact + settings_.session_timeout;
}

// Registration ----------------------------------------------------------------------------------

ControllerOutcome<RegistrationAnswer> Membership::register_broker(const MetadataImage& image,
                                                                  const Registration& request,
                                                                  std::int64_t next_index,
                                                                  Instant now) {
  if (request.cluster_id != settings_.cluster_id) {
    return refused(ErrorCode::inconsistent_cluster_id,
                   named(request.id) + " belongs to cluster " + request.cluster_id +
                       ", this is cluster " + settings_.cluster_id +
                       ": point it at its own, or give it an empty data directory");
  }
  if (request.endpoints.empty())
    return refused(ErrorCode::invalid_request, named(request.id) + " has no listener");
  const auto* const known = image.broker(request.id);
  if (known != nullptr && known->incarnation == request.incarnation) {
    sessions_[request.id].last_contact = now;
    sessions_[request.id].epoch = known->epoch;
    return {{}, {.epoch = known->epoch}};  // it has not heard the answer
  }
  if (known != nullptr && known->directory != request.directory && alive(request.id, now)) {
    return refused(ErrorCode::duplicate_broker_registration,
                   named(request.id) +
                       " is registered by another process, with another data directory, that is "
                       "alive: give this one another node.id, or stop the other and wait for "
                       "broker.session.timeout.ms");
  }
  ControllerOutcome<RegistrationAnswer> outcome;
  if (known != nullptr) {
    // Its registration below fences it. If it died, its logs may lack what they acknowledged.
    const bool other_data = request.directory != known->directory;
    const bool died = request.stopped_cleanly_at != known->epoch;
    step_down(image, request.id,
              other_data ? Logs::gone
              : died     ? Logs::unsure
                         : Logs::kept,
              outcome.records);
  }
  BrokerImage broker;
  broker.id = request.id;
  broker.epoch = next_index;
  broker.incarnation = request.incarnation;
  broker.directory = request.directory;
  broker.rack = request.rack;
  broker.endpoints = request.endpoints;
  outcome.records.push_back(broker_record(broker));
  outcome.response.epoch = broker.epoch;
  sessions_[request.id] = {.last_contact = now, .epoch = broker.epoch};
  return outcome;
}

ControllerOutcome<RegistrationAnswer> Membership::unregister(const MetadataImage& image,
                                                             BrokerId broker, Instant now) {
  const auto* const known = image.broker(broker);
  if (known == nullptr)
    return refused(ErrorCode::broker_id_not_registered, named(broker) + " is not registered");
  if (!known->fenced || alive(broker, now)) {
    return refused(ErrorCode::invalid_request,
                   named(broker) + " is alive: stop it before it is removed");
  }
  std::size_t held = 0;
  held_.for_each(image, broker,
                 [&](const TopicImage&, PartitionIndex, const PartitionImage&) { ++held; });
  if (held > 0) {
    return refused(ErrorCode::invalid_request, named(broker) + " has replicas of " +
                                                   std::to_string(held) +
                                                   " partitions: move them elsewhere first");
  }
  sessions_.erase(broker);
  return {{remove_broker_record(*known)}, {.epoch = known->epoch}};
}

// Heartbeats --------------------------------------------------------------------------------------

ControllerOutcome<BrokerHeartbeatAnswer> Membership::heartbeat(const MetadataImage& image,
                                                               const BrokerHeartbeat& request,
                                                               std::int64_t next_index,
                                                               Instant now) {
  ControllerOutcome<BrokerHeartbeatAnswer> outcome;
  auto& [records, answer] = outcome;
  const auto* const broker = image.broker(request.id);
  if (broker == nullptr || broker->epoch != request.epoch) {
    answer.error = ErrorCode::stale_broker_epoch;
    return outcome;
  }
  Session& session = sessions_[request.id];
  if (session.epoch != request.epoch) session = {.epoch = request.epoch};
  session.last_contact = now;
  session.applied = std::max(session.applied, request.applied);
  answer.caught_up = session.applied > broker->epoch;
  answer.fenced = broker->fenced;
  if (broker->fenced) {
    answer.may_stop = request.wants_to_stop;
    if (answer.may_stop) session.last_contact = Instant::min();  // the next process need not wait
    if (request.wants_to_stop || request.wants_fence || !answer.caught_up) return outcome;
    records.push_back(broker_change_record(*broker, false, false));
    bring_back(image, *broker, records);
    answer.fenced = false;
    return outcome;
  }
  if (request.wants_fence) {
    fence(image, *broker, records);
    answer.fenced = true;
    answer.may_stop = request.wants_to_stop;
    if (answer.may_stop) session.last_contact = Instant::min();
    return outcome;
  }
  if (!request.wants_to_stop) return outcome;
  if (!broker->shutting_down) {
    records.push_back(broker_change_record(*broker, std::nullopt, true));
    step_down(image, request.id, Logs::kept, records);
    session.handed_over_at = next_index + 1;
    return outcome;
  }
  // The others must know before it goes, or clients are sent to a broker that is not there. What
  // another controller had it hand over is known when all have heard of what is newest now.
  if (!session.handed_over_at) session.handed_over_at = next_index;
  if (leads(image, request.id)) return outcome;
  if (lowest_applied(image, request.id) < *session.handed_over_at) return outcome;
  fence(image, *broker, records);
  answer.fenced = true;
  answer.may_stop = true;
  session.last_contact = Instant::min();
  return outcome;
}

std::int64_t Membership::lowest_applied(const MetadataImage& image, BrokerId except) const {
  auto lowest = std::numeric_limits<std::int64_t>::max();
  for (const auto& [id, broker] : image.brokers()) {
    const auto session = sessions_.find(id);
    if (id == except || broker.fenced || session == sessions_.end()) continue;
    lowest = std::min(lowest, session->second.applied);
  }
  return lowest;
}

bool Membership::leads(const MetadataImage& image, BrokerId broker) {
  bool found = false;
  held_.for_each(image, broker,
                 [&](const TopicImage&, PartitionIndex, const PartitionImage& partition) {
                   const bool may_move = partition.replicas.size() > 1;
                   found = found || (may_move && partition.leader == broker);
                 });
  return found;
}

std::vector<MetadataRecord> Membership::connection_lost(const MetadataImage& image, BrokerId broker,
                                                        std::int64_t epoch) {
  Records records;
  const auto* const known = image.broker(broker);
  if (known == nullptr || known->epoch != epoch || known->fenced) return records;
  sessions_[broker].last_contact = Instant::min();
  fence(image, *known, records);
  return records;
}

std::vector<MetadataRecord> Membership::tick(const MetadataImage& image, Instant now) {
  for (const auto& [id, broker] : image.brokers()) {
    if (broker.fenced || alive(id, now)) continue;
    Records records;
    fence(image, broker, records);
    return records;  // the next one is judged by what this one leaves
  }
  return {};
}

std::optional<Instant> Membership::next_deadline(const MetadataImage& image) const {
  std::optional<Instant> next;
  for (const auto& [id, broker] : image.brokers()) {
    if (broker.fenced) continue;
    const auto session = sessions_.find(id);
    const Instant end = session == sessions_.end()
                            ? Instant{}
                            : session->second.last_contact + settings_.session_timeout;
    if (!next || end < *next) next = end;
  }
  return next;
}

// Partitions --------------------------------------------------------------------------------------

/// It leaves every in-sync set and leads nothing.
void Membership::fence(const MetadataImage& image, const BrokerImage& broker, Records& out) {
  out.push_back(broker_change_record(broker, true, false));
  step_down(image, broker.id, Logs::kept, out);
}

void Membership::step_down(const MetadataImage& image, BrokerId broker, Logs logs, Records& out) {
  const auto& cluster = image.broker_configs("");
  held_.for_each(
      image, broker, [&](const TopicImage& topic, PartitionIndex index, const PartitionImage& now) {
        const bool lost = logs == Logs::gone ||
                          (logs == Logs::unsure &&
                           rules_.effective("flush.mode", topic.configs, cluster) == "async");
        // Nobody could take over, so nothing is handed over: of a thousand such partitions not
        // one changes when their broker is started again.
        if (!lost && now.replicas.size() == 1) return;
        const bool concerned =
            has(now.in_sync, broker) || now.leader == broker || (lost && has(now.eligible, broker));
        if (!concerned) return;
        PartitionWish wish{.in_sync = without(now.in_sync, {broker})};
        if (lost) wish.lost_its_log = broker;
        change(topic, index, now, wish, rules_for(image, topic, now, rules_, broker), out);
      });
}

std::vector<MetadataRecord> Membership::revive(const MetadataImage& image,
                                               std::size_t records_max) const {
  Records records;
  for (const auto& [name, topic] : image.topics()) {
    PartitionIndex index{0};
    for (const auto& now : topic->partitions) {
      if (records.size() >= records_max) return records;
      if (!now.leader)
        change(*topic, index, now, {}, rules_for(image, *topic, now, rules_), records);
      ++index.value;
    }
  }
  return records;
}

/// What has no leader may have one again.
void Membership::bring_back(const MetadataImage& image, const BrokerImage& broker, Records& out) {
  held_.for_each(image, broker.id,
                 [&](const TopicImage& topic, PartitionIndex index, const PartitionImage& now) {
                   if (now.leader) return;
                   change(topic, index, now, {},
                          rules_for(image, topic, now, rules_, std::nullopt, broker.id), out);
                 });
}

}  // namespace millrace::replication
