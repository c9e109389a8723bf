#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "broker/quorum/joining.hpp"
#include "broker/quorum/metadata_codec.hpp"
#include "broker/quorum/quorum_service.hpp"
#include "replication/controller/records.hpp"

// How a node comes to take part, and how one that lost sight of the others finds them again: it
// asks those of whom it knows an address, now and then, until it is what it wants to be.
namespace millrace::broker {

namespace consensus = replication::consensus;
using consensus::Change;
using consensus::Role;
using replication::schema::JoinAnswer;
using replication::schema::JoinCall;
using replication::schema::PeerAnswer;

namespace {

constexpr auto kSeekPause = std::chrono::milliseconds{300};
constexpr auto kSeekTimeout = std::chrono::seconds{2};
constexpr std::size_t kPlacesMax = 32;  // whom one round asks

void add_node(JoinAnswer& answer, BrokerId node, const net::Endpoint& at) {
  auto& to = *answer.add_nodes();
  to.set_node(node.value);
  to.set_host(at.host);
  to.set_port(at.port);
}

}  // namespace

/// After a restart of all nodes nobody knows what is committed, and so neither who is registered
/// where; but the log says where everybody once was.
void QuorumService::learn_addresses() {
  auto& peers = shard_.peers();
  peers.adopt(image_);
  for (const auto& entry : recovered_->entries) {
    const auto* payload = std::get_if<consensus::Payload>(&entry.body);
    std::vector<replication::MetadataRecord> records;
    if (payload == nullptr || !decode_batch(payload->bytes(), records)) continue;
    for (const auto& record : records)
      for (const auto& at : record.broker().endpoints())
        if (at.listener() == node_.settings.inter_broker_listener)
          peers.learn(BrokerId{record.broker().id()},
                      {at.host(), static_cast<std::uint16_t>(at.port())});
  }
}

void QuorumService::seek_later() {
  seeking_ = shard_.deadlines().after(kSeekPause, [this] {
    seeking_.reset();
    if (ended_) return;
    if (must_seek()) {
      tasks_.spawn(seek());
    } else {
      seek_later();
    }
  });
}

bool QuorumService::must_seek() const {
  const auto& members = core_->log().configuration();
  const bool lost = !core_->leader() &&
                    shard_.now() >= leaderless_since_ + node_.settings.quorum.election_timeout * 2;
  if (members.is_voter(core_->self())) return lost;
  return lost || node_.settings.quorum.votes || !members.is_learner(core_->self());
}

net::Awaitable<void> QuorumService::seek() {
  replication::schema::PeerCall call;
  auto& join = *call.mutable_join();
  join.set_voter(node_.settings.quorum.votes);
  join.mutable_member()->set_node(core_->self().node.value);
  join.mutable_member()->set_directory(replication::id_bytes(core_->self().directory));
  std::vector<net::Endpoint> places;
  const auto& members = core_->log().configuration();
  if (core_->leader()) {
    if (const auto at = shard_.peers().address_of(*leader())) places.push_back(*at);
  } else {
    for (const auto* list : {&members.voters, &members.learners})
      for (const auto& member : *list)
        if (const auto at = shard_.peers().address_of(BrokerId{member.node.value});
            at && member != core_->self())
          places.push_back(*at);
    for (const auto& at : node_.settings.quorum.servers) places.push_back(at);
    std::erase(places, shard_.peers().self().reached_at);
  }
  for (const auto& place : places) {
    if (ended_) break;
    auto asking = shard_.peers().ask(place, call, shard_.now() + kSeekTimeout);
    const auto answer = co_await std::move(asking);
    if (!answer) {
      if (answer.error().code == clients::Errc::rejected &&
          node_.log_limiter.ask("quorum.join", shard_.now()).allowed)
        spdlog::warn("metadata quorum: {}", answer.error().message);
      continue;
    }
    for (const auto& node : answer->join().nodes())
      if (node.node() != core_->self().node.value)
        shard_.peers().learn(BrokerId{node.node()},
                             {node.host(), static_cast<std::uint16_t>(node.port())});
    if (!answer->join().cluster_id().empty()) break;
  }
  if (!ended_) seek_later();
}

PeerResult QuorumService::join(const PeerCaller& caller, const JoinCall& call) {
  PeerAnswer answer;
  *answer.mutable_join() = join_answer();
  const bool sound = call.member().node() == caller.node.value &&
                     call.member().directory().size() == caller.directory.bytes.size() &&
                     replication::id_from_bytes(call.member().directory()) == caller.directory;
  if (!sound)
    return PeerRefusal{protocol::ErrorCode::invalid_request, "a node can only join as itself"};
  shard_.peers().learn(caller.node, caller.reached_at);
  // The others know whom to ask.
  if (!running() || core_->role() != Role::leader) return answer;
  return let_join({consensus::NodeId{caller.node.value}, caller.directory}, call.voter());
}

PeerResult QuorumService::let_join(const Member& member, bool voter) {
  PeerAnswer answer;
  *answer.mutable_join() = join_answer();
  const auto members = core_->log().configuration();
  const bool learns = members.is_learner(member);
  if (learns || members.is_voter(member)) {
    // It asks again until it has caught up.
    if (learns && voter && change({.kind = Change::Kind::promote, .member = member}))
      spdlog::info("metadata quorum: node {} votes from now on", member.node.value);
    answer.mutable_join()->set_cluster_id(node_.cluster_id);
    return answer;
  }
  for (const auto* list : {&members.voters, &members.learners}) {
    for (const auto& former : *list) {
      if (former.node != member.node) continue;
      const bool silent =
          shard_.now() >= last_heard(former) + node_.settings.quorum.election_timeout * 3;
      if (former == core_->self() || !silent)
        return PeerRefusal{
            protocol::ErrorCode::duplicate_broker_registration,
            fmt::format("node.id {} is taken by a node that is alive, with data directory {}: give "
                        "the new one (directory {}) another node.id, or stop the other; one that "
                        "was stopped counts as alive for a few seconds",
                        member.node.value, former.directory.to_string(),
                        member.directory.to_string())};
      if (change({.kind = Change::Kind::remove, .member = former}))
        spdlog::warn(
            "metadata quorum: node {} comes with the new directory {}; the one before, {}, "
            "does not take part any more",
            member.node.value, member.directory.to_string(), former.directory.to_string());
      return answer;  // not yet: it asks again
    }
  }
  if (change({.kind = Change::Kind::add_learner, .member = member})) {
    spdlog::info("metadata quorum: node {} takes part from now on, with directory {}",
                 member.node.value, member.directory.to_string());
    answer.mutable_join()->set_cluster_id(node_.cluster_id);
  }
  return answer;
}

/// Where everybody is that this node knows, the leader first; without the cluster's id.
JoinAnswer QuorumService::join_answer() const {
  JoinAnswer answer;
  const auto& peers = shard_.peers();
  const auto self = node_.settings.node_id;
  const auto first = leader();
  const auto add = [&](BrokerId node) {
    if (node == self) return add_node(answer, node, peers.self().reached_at);
    if (const auto at = peers.address_of(node)) add_node(answer, node, *at);
  };
  if (first) add(*first);
  if (!running()) return answer;
  const auto& members = core_->log().configuration();
  for (const auto* list : {&members.voters, &members.learners})
    for (const auto& member : *list)
      if (const BrokerId node{member.node.value}; node != first) add(node);
  return answer;
}

net::Awaitable<JoinOutcome> ask_to_join(Node& node, Shard& shard,
                                        std::chrono::milliseconds patience, const bool& cancelled) {
  replication::schema::PeerCall call;
  auto& join = *call.mutable_join();
  join.set_voter(node.settings.quorum.votes);
  join.mutable_member()->set_node(node.settings.node_id.value);
  join.mutable_member()->set_directory(replication::id_bytes(node.directory));
  const Instant until = shard.now() + patience;
  std::string last = "nobody answered";
  const auto pause = shard.scheduler().make_timer();
  while (true) {
    auto places = node.settings.quorum.servers;
    std::erase(places, shard.peers().self().reached_at);
    for (std::size_t i = 0; i < places.size() && i < kPlacesMax; ++i) {
      auto asking = shard.peers().ask(places[i], call, shard.now() + kSeekTimeout);
      const auto answer = co_await std::move(asking);
      if (!answer) {
        last = answer.error().message;
        if (answer.error().broker_code == protocol::ErrorCode::inconsistent_cluster_id)
          co_return JoinOutcome{.cluster_id = {}, .failure = last, .foreign = true};
        continue;
      }
      const auto& told = answer->join();
      if (!told.cluster_id().empty())
        co_return JoinOutcome{.cluster_id = told.cluster_id(), .failure = {}};
      last = fmt::format("{}:{} knows of no leader that would let it in", places[i].host,
                         places[i].port);
      for (const auto& other : told.nodes()) {
        const net::Endpoint at{other.host(), static_cast<std::uint16_t>(other.port())};
        if (std::ranges::find(places, at) == places.end()) places.push_back(at);
      }
    }
    if (shard.now() >= until || cancelled) break;
    co_await pause->wait_until(shard.now() + kSeekPause);
  }
  co_return JoinOutcome{
      .cluster_id = {},
      .failure = fmt::format(
          "the cluster could not be joined by way of {}: {}; check the address, or wait until a "
          "node there can answer",
          fmt::join(node.config.get_list("controller.quorum.bootstrap.servers"), ", "), last)};
}

}  // namespace millrace::broker
