#include "broker/quorum/quorum_service.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "broker/quorum/metadata_codec.hpp"
#include "protocol/base/ensure.hpp"
#include "replication/consensus/codec.hpp"

namespace millrace::broker {

namespace consensus = replication::consensus;
using consensus::Errc;
using consensus::Role;
using replication::MetadataRecord;

QuorumService::QuorumService(Node& node, Shard& shard)
    : node_{node},
      shard_{shard},
      links_{shard, node.settings.quorum.request_timeout},
      image_{std::make_shared<replication::MetadataImage>()},
      changed_{shard.scheduler().executor()},
      tasks_{shard.scheduler().executor()} {}

QuorumService::~QuorumService() = default;

void QuorumService::start(Reader& reader) {
  reader_ = &reader;
  auto& found = *recovered_;
  applied_ = found.snapshot.snapshot.at.index;
  snapshot_before_ = found.start.index;
  auto shape = found.shape();
  const consensus::Member self{consensus::NodeId{node_.settings.node_id.value},
                               found.voter.directory};
  learn_addresses();
  log_ = std::make_unique<replication::quorum::EntryLog>(found.start, std::move(found.entries));
  const consensus::Settings settings{.election_timeout = node_.settings.quorum.election_timeout};
  core_ = std::make_unique<consensus::Consensus>(
      consensus::Consensus::Durable{
          .self = self, .state = found.voter.state, .log = std::move(shape)},
      settings, *log_, node_.world.rng, shard_.now());
  recovered_.reset();
  leaderless_since_ = shard_.now();
  started_ = true;
  reader_->applied(image_, applied_.value, {});
  core_->tick(shard_.now());  // one who is alone need not wait
  carry_out();
  seek_later();
}

net::Awaitable<void> QuorumService::joined() {
  const auto ready = [this] {
    if (ended_ || cancelled_) return true;
    if (core_->role() == Role::leader) return active_.has_value();
    return core_->leader().has_value() && applied_ > Index{} && applied_ == core_->commit();
  };
  while (!ready()) co_await changed_.wait();
}

void QuorumService::cancel() {
  cancelled_ = true;
  changed_.pulse();
}

net::Awaitable<void> QuorumService::hand_over() {
  if (!running() || core_->role() != Role::leader) co_return;
  const auto asked = core_->transfer(std::nullopt, shard_.now());
  if (!asked) co_return;  // alone
  carry_out();
  const Instant until = shard_.now() + node_.settings.quorum.election_timeout;
  const auto bell = shard_.deadlines().at(until, [this] { changed_.pulse(); });
  while (!ended_ && core_->role() == Role::leader && shard_.now() < until) co_await changed_.wait();
  shard_.deadlines().forget(bell);
}

net::Awaitable<void> QuorumService::stop() {
  ended_ = true;
  if (alarm_) shard_.deadlines().forget(*alarm_);
  if (seeking_) shard_.deadlines().forget(*seeking_);
  fail_proposals();
  changed_.pulse();
  co_await shard_.peers().stop();
  co_await links_.stop();
  while (disk_busy_ || snapshotting_) co_await changed_.wait();
  co_await tasks_.join();
}

// --- the core's inputs ---------------------------------------------------------------------------

void QuorumService::propose(std::vector<MetadataRecord> records, Done done) {
  if (!running() || !active_) return done(Errc::not_leader);
  const consensus::Payload payload{encode_batch(records)};
  const auto position = core_->propose(std::span{&payload, 1});
  if (!position) return done(position.error());
  proposals_.emplace(position->index, Proposal{position->term, std::move(done)});
  carry_out();
}

std::int64_t QuorumService::next_index() const {
  return core_->log().last().index.next().value;
}

std::optional<BrokerId> QuorumService::leader() const {
  if (!running() || !core_->leader()) return std::nullopt;
  return BrokerId{core_->leader()->node.value};
}

void QuorumService::receive(const PeerCaller& caller, const replication::schema::QuorumCall& call) {
  if (!running()) return;
  for (const auto& bytes : call.messages()) {
    const auto message = consensus::decode_message(bytes.SerializeAsString());
    if (!message || message->from.node.value != caller.node.value ||
        message->from.directory != caller.directory)
      continue;
    const auto& members = core_->log().configuration();
    const bool known = members.is_voter(message->from) || members.is_learner(message->from);
    if (known || members.voters.empty()) shard_.peers().learn(caller.node, caller.reached_at);
    heard_[message->from] = shard_.now();
    core_->step(*message, shard_.now());
    carry_out();
    if (ended_) return;
  }
}

void QuorumService::connection_ended(BrokerId node) {
  if (!running()) return;
  if (core_->leader() && core_->leader()->node.value == node.value) {
    core_->suspect(*core_->leader(), shard_.now());
    carry_out();
  }
  if (heard_end_) heard_end_(node);
}

Result<void> QuorumService::change(const consensus::Change& change) {
  if (!running()) return Errc::not_leader;
  const auto position = core_->change(change, shard_.now());
  if (!position) return position.error();
  carry_out();
  return {};
}

Instant QuorumService::last_heard(const Member& member) const {
  const auto found = heard_.find(member);
  return found == heard_.end() ? leading_since_ : std::max(found->second, leading_since_);
}

// --- what it says --------------------------------------------------------------------------------

void QuorumService::carry_out() {
  if (carrying_out_ || ended_) return;
  carrying_out_ = true;
  while (!ended_) {
    auto output = core_->take();
    if (output == consensus::Output{}) break;
    if (output.write) take_write(std::move(*output.write));
    for (const auto& message : output.messages) links_.send(message);
    if (output.fetch) fetch(*output.fetch);
    if (output.apply_to) apply(*output.apply_to);
  }
  carrying_out_ = false;
  if (ended_) return;
  watch_role();
  if (!ended_) arm();
}

void QuorumService::take_write(consensus::Write write) {
  log_->take(write);
  if (write.restore) {
    ENSURE(fetched_ && fetched_->snapshot == *write.restore);
    snapshot_before_ = applied_ = write.restore->at.index;
    applied_bytes_ = 0;
    image_ = std::exchange(fetched_, std::nullopt)->image;
    reader_->applied(image_, applied_.value, {});
  }
  DiskJob job;
  job.writes.push_back(std::move(write));
  submit(std::move(job));
}

void QuorumService::apply(Index to) {
  std::vector<MetadataRecord> records;
  std::vector<std::pair<Index, Proposal>> decided;
  for (Index index = applied_.next(); index <= to; index = index.next()) {
    const auto& entry = log_->at(index);
    if (const auto* payload = std::get_if<consensus::Payload>(&entry.body)) {
      // Its checksum was right and a majority has it: what cannot be read here can nowhere.
      ENSURE(decode_batch(payload->bytes(), records).has_value());
      applied_bytes_ += static_cast<std::int64_t>(payload->bytes().size());
    } else if (std::holds_alternative<consensus::NoOp>(entry.body)) {
      no_op_ = entry.term;
    }
    auto proposal = proposals_.extract(index);
    if (!proposal.empty()) decided.emplace_back(index, std::move(proposal.mapped()));
  }
  if (!records.empty()) image_ = image_->with(records);
  applied_ = to;
  reader_->applied(image_, applied_.value, records);
  for (auto& [index, proposal] : decided) {
    const bool ours = log_->at(index).term == proposal.term;
    proposal.done(ours ? Result<std::int64_t>{index.value}
                       : Result<std::int64_t>{Errc::not_leader});
  }
  changed_.pulse();
  maybe_snapshot();
}

/// A leader decides when it has applied the entry that its term begins with, and with it all that
/// its predecessors committed.
void QuorumService::watch_role() {
  const bool leads = core_->role() == Role::leader && no_op_ == core_->term();
  const auto now_active = leads ? std::optional{core_->term().value} : std::nullopt;
  if (core_->role() != Role::leader) {
    fail_proposals();
    leading_since_ = shard_.now();
  }
  if (core_->leader()) leaderless_since_ = shard_.now();
  if (now_active != active_) {
    active_ = now_active;
    if (active_)
      spdlog::info("metadata quorum: this node leads in term {}", *active_);
    else
      spdlog::info("metadata quorum: this node does not lead any more");
    reader_->active(active_);
  }
  changed_.pulse();
}

void QuorumService::fail_proposals() {
  for (auto& [index, proposal] : std::exchange(proposals_, {})) proposal.done(Errc::not_leader);
}

void QuorumService::arm() {
  const Instant due = core_->next_deadline();
  if (alarm_ && alarm_->first <= due) return;  // it will look again then
  if (alarm_) shard_.deadlines().forget(*alarm_);
  alarm_ = shard_.deadlines().at(due, [this] { ring(); });
}

void QuorumService::ring() {
  alarm_.reset();
  if (ended_) return;
  core_->tick(shard_.now());
  carry_out();
}

}  // namespace millrace::broker
