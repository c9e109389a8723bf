#include "broker/metadata_service.hpp"

#include <algorithm>

#include "broker/ask.hpp"
#include "broker/shard.hpp"

namespace millrace::broker {
namespace {

using protocol::ErrorCode;
using replication::MetadataRecord;
using replication::schema::PeerAnswer;
using replication::schema::PeerCall;

constexpr std::chrono::milliseconds kRetry{50};
constexpr std::chrono::seconds kProposalTimeout{5};
constexpr std::chrono::seconds kProducerIdTimeout{5};

}  // namespace

MetadataService::MetadataService(Node& node, Shard& shard, MetadataLog& log)
    : node_{node},
      shard_{shard},
      log_{log},
      controller_{node, shard, log},
      calls_{shard, log, controller_},
      life_{node, shard, calls_},
      image_{std::make_shared<replication::MetadataImage>()},
      refilled_{shard.scheduler().executor()},
      tasks_{shard.scheduler().executor()} {}

MetadataService::~MetadataService() = default;

void MetadataService::active(std::optional<std::int32_t> term) {
  controller_.active(term);
  life_.controller_moved();
}

// Publishing --------------------------------------------------------------------------------------

void MetadataService::applied(replication::ImagePtr image, std::int64_t index,
                              std::span<const MetadataRecord> records) {
  image_ = std::move(image);
  controller_.applied(image_, records);
  const bool removes = std::ranges::any_of(
      records, [](const MetadataRecord& record) { return record.has_remove_topic(); });
  unpublished_.push_back({image_, index, removes});
  if (adopting_ == 0) publish_next();
}

/// Tells every shard of the next image, once all are done with the one before. Images that came in
/// meanwhile are passed over, but not one that takes a topic away: another topic may get its name,
/// and the folders of the first must be out of the way by then.
void MetadataService::publish_next() {
  if (unpublished_.empty()) return;
  while (unpublished_.size() > 1 && !unpublished_.front().removes) unpublished_.pop_front();
  const Publication next = std::move(unpublished_.front());
  unpublished_.pop_front();
  adopting_ = node_.shards.size();
  for (const auto& shard : node_.shards) {
    shard->scheduler().post([this, target = shard.get(), image = next.image, index = next.index] {
      target->adopt(image, [this, index] {
        shard_.scheduler().post([this, index] { shard_adopted(index); });
      });
    });
  }
}

void MetadataService::shard_adopted(std::int64_t index) {
  if (--adopting_ > 0) return;
  published_ = index;
  life_.applied(index, *shard_.image());
  told(index);
  publish_next();
}

/// Whoever waited for `index` goes on.
void MetadataService::told(std::int64_t index) {
  while (!waiting_.empty() && waiting_.begin()->first <= index) {
    auto task = std::move(waiting_.begin()->second);
    waiting_.erase(waiting_.begin());
    task();
  }
}

net::Awaitable<void> MetadataService::published(std::int64_t index, Instant deadline) {
  if (index <= published_) co_return;
  auto work = [this, index, deadline](Answer<bool> answer) mutable {
    auto once = std::make_shared<std::optional<Answer<bool>>>(std::move(answer));
    const auto give = [once](bool value) {
      if (auto held = std::exchange(*once, std::nullopt)) (*held)(value);
    };
    waiting_.emplace(index, [give] { give(true); });
    if (deadline != Instant::max()) shard_.deadlines().at(deadline, [give] { give(false); });
  };
  auto asking = ask<bool>(shard_, shard_, std::move(work));
  co_await std::move(asking);
}

// This broker -------------------------------------------------------------------------------------

net::Awaitable<std::optional<std::string>> MetadataService::join(
    std::optional<std::int64_t> stopped_cleanly_at) {
  return life_.join(stopped_cleanly_at);
}

net::Awaitable<std::optional<std::int64_t>> MetadataService::leave() {
  auto leaving = life_.leave();
  const bool in_order = co_await std::move(leaving);
  if (!in_order) co_return std::nullopt;
  co_return life_.epoch();
}

net::Awaitable<void> MetadataService::refuse_changes() {
  stopping_ = true;
  auto stopping = controller_.stop();
  co_await std::move(stopping);
  auto leaving = life_.leave();  // a start that failed half way has not left yet
  co_await std::move(leaving);
  co_await tasks_.join();
}

// What is asked of the controller -----------------------------------------------------------------

template <class Request>
net::Awaitable<AdminResponse<Request>> MetadataService::administer(Shard& home, Request request,
                                                                   std::int16_t version) {
  using Response = AdminResponse<Request>;
  auto shared = std::make_shared<const Request>(std::move(request));
  auto work = [this, shared, version](Answer<Response> answer) mutable {
    if (stopping_) {
      return answer(refusal(*shared, {ErrorCode::not_controller, "this node stops"}));
    }
    tasks_.spawn(carry_out<Request>(std::move(shared), version, std::move(answer)));
  };
  return ask<Response>(home, shard_, std::move(work));
}

template <class Request>
net::Awaitable<void> MetadataService::carry_out(std::shared_ptr<const Request> request,
                                                std::int16_t version,
                                                Answer<AdminResponse<Request>> answer) {
  using Response = AdminResponse<Request>;
  const Instant deadline = shard_.now() + patience(*request);
  for (;;) {
    AdminRefusal why;
    if (controller_.is_active()) {
      auto deciding = decide_here<Request>(shard_, controller_, request, version);
      auto decided = co_await std::move(deciding);
      if (decided.error == ErrorCode::none) {
        co_await published(decided.index, deadline);
        answer(std::move(decided.response));
        co_return;
      }
      why = {decided.error, "the metadata log did not take the change"};
    } else {
      PeerCall call;
      call.mutable_forward()->set_api_key(std::to_underlying(Request::kApiKey));
      call.mutable_forward()->set_api_version(version);
      call.mutable_forward()->set_request(body_of(*request, version));
      auto asking = calls_.ask(std::move(call), deadline, PeerLane::forward);
      const auto result = co_await std::move(asking);
      if (const auto* said = std::get_if<PeerAnswer>(&result)) {
        auto response = message_from<Response>(said->forward().response(), version);
        co_await published(said->forward().applied(), deadline);
        if (!response) {
          why = {ErrorCode::unknown_server_error, "the controller's answer cannot be read"};
          answer(refusal(*request, why));
        } else {
          answer(std::move(*response));
        }
        co_return;
      }
      const auto& refused = std::get<PeerRefusal>(result);
      why = {refused.error, refused.message};
    }
    const bool over = stopping_ || shard_.now() + kRetry >= deadline;
    if (over || why.error != ErrorCode::not_controller) {
      answer(refusal(*request, why));
      co_return;
    }
    co_await pause(kRetry);
  }
}

net::Awaitable<void> MetadataService::pause(std::chrono::milliseconds time) {
  auto work = [this, time](Answer<bool> answer) mutable {
    shard_.deadlines().after(time, [answer = std::move(answer)]() mutable { answer(true); });
  };
  auto asking = ask<bool>(shard_, shard_, std::move(work));
  co_await std::move(asking);
}

#define MILLRACE_ADMINISTER(Name)                                                \
  template net::Awaitable<protocol::Name##Response> MetadataService::administer( \
      Shard&, protocol::Name##Request, std::int16_t)
MILLRACE_ADMINISTER(CreateTopics);
MILLRACE_ADMINISTER(DeleteTopics);
MILLRACE_ADMINISTER(CreatePartitions);
MILLRACE_ADMINISTER(IncrementalAlterConfigs);
MILLRACE_ADMINISTER(AlterConfigs);
MILLRACE_ADMINISTER(ElectLeaders);
MILLRACE_ADMINISTER(AlterPartitionReassignments);
MILLRACE_ADMINISTER(UnregisterBroker);
#undef MILLRACE_ADMINISTER

net::Awaitable<std::vector<replication::InSyncAnswer>> MetadataService::propose_in_sync(
    Shard& home, std::vector<replication::InSyncProposal> proposals) {
  using Answers = std::vector<replication::InSyncAnswer>;
  auto work = [this, proposals = std::move(proposals)](Answer<Answers> answer) mutable {
    tasks_.spawn(carry_proposals(std::move(proposals), std::move(answer)));
  };
  return ask<Answers>(home, shard_, std::move(work));
}

net::Awaitable<void> MetadataService::carry_proposals(
    std::vector<replication::InSyncProposal> proposals,
    Answer<std::vector<replication::InSyncAnswer>> answer) {
  PeerCall call;
  auto& to = *call.mutable_in_sync();
  to.set_broker(node_.settings.node_id.value);
  to.set_broker_epoch(life_.epoch());
  for (const auto& proposal : proposals) write(proposal, *to.add_proposals());
  auto asking = calls_.ask(std::move(call), shard_.now() + kProposalTimeout, PeerLane::control);
  const auto result = co_await std::move(asking);
  answer(read_answers(proposals, result));
}

net::Awaitable<std::optional<BrokerId>> MetadataService::controller(Shard& home) {
  using Known = std::optional<BrokerId>;
  auto work = [this](Answer<Known> answer) { answer(log_.leader()); };
  return ask<Known>(home, shard_, std::move(work));
}

net::Awaitable<PeerResult> MetadataService::serve(Shard& home, PeerCall call) {
  auto work = [this, call = std::move(call)](Answer<PeerResult> answer) mutable {
    tasks_.spawn(serve_here(std::move(call), std::move(answer)));
  };
  return ask<PeerResult>(home, shard_, std::move(work));
}

net::Awaitable<void> MetadataService::serve_here(PeerCall call, Answer<PeerResult> answer) {
  auto serving = calls_.serve(std::move(call));
  auto result = co_await std::move(serving);
  answer(std::move(result));
}

// Producer ids ------------------------------------------------------------------------------------

net::Awaitable<std::optional<ProducerId>> MetadataService::next_producer_id(Shard& home) {
  auto work = [this](ProducerIdAnswer answer) mutable {
    if (producer_id_next_ < producer_id_end_) return answer(ProducerId{producer_id_next_++});
    tasks_.spawn(take_producer_id(std::move(answer)));
  };
  return ask<std::optional<ProducerId>>(home, shard_, std::move(work));
}

net::Awaitable<void> MetadataService::take_producer_id(ProducerIdAnswer answer) {
  const Instant deadline = shard_.now() + kProducerIdTimeout;
  while (producer_id_next_ == producer_id_end_) {
    if (stopping_ || shard_.now() >= deadline) {
      answer(std::nullopt);
      co_return;
    }
    if (refilling_) {
      co_await refilled_.wait();
      continue;
    }
    refilling_ = true;
    auto refilling = refill_producer_ids();
    const bool refilled = co_await std::move(refilling);
    refilling_ = false;
    refilled_.pulse();
    if (!refilled) co_await pause(kRetry);
  }
  answer(ProducerId{producer_id_next_++});
}

net::Awaitable<bool> MetadataService::refill_producer_ids() {
  PeerCall call;
  call.mutable_producer_ids()->set_broker(node_.settings.node_id.value);
  call.mutable_producer_ids()->set_broker_epoch(life_.epoch());
  auto asking = calls_.ask(std::move(call), shard_.now() + kProducerIdTimeout, PeerLane::control);
  const auto result = co_await std::move(asking);
  const auto* const answer = std::get_if<PeerAnswer>(&result);
  const bool given = answer != nullptr && answer->producer_ids().error() == 0 &&
                     answer->producer_ids().count() > 0;
  if (!given) co_return false;
  producer_id_next_ = answer->producer_ids().first();
  producer_id_end_ = producer_id_next_ + answer->producer_ids().count();
  co_return true;
}

}  // namespace millrace::broker
