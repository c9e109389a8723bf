#include "broker/metadata_service.hpp"

#include "broker/ask.hpp"
#include "broker/errors.hpp"
#include "broker/shard.hpp"

namespace millrace::broker {
namespace {

using protocol::ErrorCode;
using replication::MetadataRecord;

constexpr std::int64_t kProducerIdBlock = 1000;

}  // namespace

MetadataService::MetadataService(Node& node, Shard& shard, MetadataLog& log)
    : node_{node},
      shard_{shard},
      controller_{node.settings.controller, {node.settings.node_id}, node.rules},
      log_{log},
      image_{std::make_shared<replication::MetadataImage>()},
      idle_{shard.scheduler().executor()} {}

MetadataService::~MetadataService() = default;

void MetadataService::applied(replication::ImagePtr image, std::int64_t index,
                              std::span<const MetadataRecord> /*records*/) {
  image_ = std::move(image);
  publish(index);
}

void MetadataService::active(std::optional<std::int32_t> term) {
  active_ = term.has_value();
}

net::Awaitable<void> MetadataService::published(std::int64_t index) {
  co_await ask<bool>(shard_, shard_, [this, index](Answer<bool> answer) {
    when_published(index, [answer = std::move(answer)]() mutable { answer(true); });
  });
}

void MetadataService::submit(Operation operation) {
  if (stopping_) return operation.done(ErrorCode::not_controller);
  queue_.push_back(std::move(operation));
  if (!busy_) run_next();
}

void MetadataService::run_next() {
  if (queue_.empty()) {
    busy_ = false;
    idle_.pulse();
    return;
  }
  busy_ = true;
  auto operation = std::move(queue_.front());
  queue_.pop_front();
  auto records = operation.decide();
  if (records.empty()) return finish(std::move(operation.done), ErrorCode::none);
  commit(std::move(records), std::move(operation.done));
}

void MetadataService::finish(Committed done, ErrorCode error) {
  done(error);
  // In a turn of its own: a long queue of refusals must not deepen the stack.
  shard_.scheduler().post([this] { run_next(); });
}

void MetadataService::commit(std::vector<MetadataRecord> records, Committed done) {
  if (!active_) return finish(std::move(done), ErrorCode::not_controller);
  log_.propose(std::move(records),
               [this, done = std::move(done)](Result<std::int64_t> index) mutable {
                 if (!index) return finish(std::move(done), to_wire(index.error()));
                 when_published(*index, [this, done = std::move(done)]() mutable {
                   finish(std::move(done), ErrorCode::none);
                 });
               });
}

/// Every shard adopts the image.
void MetadataService::publish(std::int64_t index) {
  auto round = std::make_shared<Round>(index, node_.shards.size());
  rounds_.push_back(round);
  for (const auto& shard : node_.shards) {
    shard->scheduler().post([this, target = shard.get(), image = image_, round] {
      target->adopt(image, [this, round] {
        shard_.scheduler().post([this, round] {
          --round->left;
          shard_adopted();
        });
      });
    });
  }
}

/// A later image may be through before an earlier one: its partitions may be quicker to open.
void MetadataService::shard_adopted() {
  while (!rounds_.empty() && rounds_.front()->left == 0) {
    published_ = rounds_.front()->index;
    rounds_.pop_front();
  }
  while (!waiting_.empty() && waiting_.begin()->first <= published_) {
    auto task = std::move(waiting_.begin()->second);
    waiting_.erase(waiting_.begin());
    task();
  }
}

/// `task` runs when all shards have what was committed up to `index`; at once if they do.
void MetadataService::when_published(std::int64_t index, net::Task task) {
  if (index <= published_) return task();
  waiting_.emplace(index, std::move(task));
}

/// Runs `decide` on this service's shard; the response it stores is given once its records are
/// committed, or what `refuse(error)` makes of it.
template <class Response, class Decide, class Refuse>
net::Awaitable<Response> MetadataService::change(Shard& home, Decide decide, Refuse refuse) {
  auto work = [this, decide = std::move(decide),
               refuse = std::move(refuse)](Answer<Response> answer) mutable {
    auto response = std::make_shared<Response>();
    Operation operation;
    operation.decide = [response, decide = std::move(decide)] {
      auto outcome = decide();
      *response = std::move(outcome.response);
      return std::move(outcome.records);
    };
    operation.done = [response, refuse = std::move(refuse),
                      answer = std::move(answer)](ErrorCode error) mutable {
      answer(error == ErrorCode::none ? std::move(*response) : refuse(error));
    };
    submit(std::move(operation));
  };
  return ask<Response>(home, shard_, std::move(work));
}

net::Awaitable<protocol::CreateTopicsResponse> MetadataService::create_topics(
    Shard& home, protocol::CreateTopicsRequest request) {
  auto shared = std::make_shared<const protocol::CreateTopicsRequest>(std::move(request));
  return change<protocol::CreateTopicsResponse>(
      home, [this, shared] { return controller_.create_topics(*image_, *shared, node_.world.rng); },
      [shared](ErrorCode error) {
        protocol::CreateTopicsResponse response;
        for (const auto& topic : shared->topics) {
          auto& result = response.topics.emplace_back();
          result.name = topic.name;
          result.error_code = error;
          result.error_message = "the metadata log did not take the change";
        }
        return response;
      });
}

net::Awaitable<protocol::DeleteTopicsResponse> MetadataService::delete_topics(
    Shard& home, protocol::DeleteTopicsRequest request, std::int16_t version) {
  auto shared = std::make_shared<const protocol::DeleteTopicsRequest>(std::move(request));
  return change<protocol::DeleteTopicsResponse>(
      home,
      [this, shared, version] { return controller_.delete_topics(*image_, *shared, version); },
      [shared](ErrorCode error) {
        protocol::DeleteTopicsResponse response;
        for (const auto& name : shared->topic_names) {
          auto& result = response.responses.emplace_back();
          result.name = name;
          result.error_code = error;
        }
        for (const auto& topic : shared->topics) {
          auto& result = response.responses.emplace_back();
          result.name = topic.name;
          result.topic_id = topic.topic_id;
          result.error_code = error;
        }
        return response;
      });
}

net::Awaitable<protocol::CreatePartitionsResponse> MetadataService::create_partitions(
    Shard& home, protocol::CreatePartitionsRequest request) {
  auto shared = std::make_shared<const protocol::CreatePartitionsRequest>(std::move(request));
  return change<protocol::CreatePartitionsResponse>(
      home, [this, shared] { return controller_.create_partitions(*image_, *shared); },
      [shared](ErrorCode error) {
        protocol::CreatePartitionsResponse response;
        for (const auto& topic : shared->topics) {
          auto& result = response.results.emplace_back();
          result.name = topic.name;
          result.error_code = error;
        }
        return response;
      });
}

net::Awaitable<protocol::IncrementalAlterConfigsResponse> MetadataService::alter_configs(
    Shard& home, protocol::IncrementalAlterConfigsRequest request) {
  auto shared =
      std::make_shared<const protocol::IncrementalAlterConfigsRequest>(std::move(request));
  return change<protocol::IncrementalAlterConfigsResponse>(
      home, [this, shared] { return controller_.alter_configs(*image_, *shared); },
      [shared](ErrorCode error) {
        protocol::IncrementalAlterConfigsResponse response;
        for (const auto& resource : shared->resources) {
          auto& result = response.responses.emplace_back();
          result.resource_type = resource.resource_type;
          result.resource_name = resource.resource_name;
          result.error_code = error;
        }
        return response;
      });
}

net::Awaitable<std::optional<ProducerId>> MetadataService::next_producer_id(Shard& home) {
  struct Given {
    std::optional<ProducerId> id;
  };
  auto decide = [this] {
    replication::ControllerOutcome<Given> outcome;
    if (producer_id_next_ == producer_id_end_) {
      auto block =
          controller_.allocate_producer_ids(*image_, node_.settings.node_id, kProducerIdBlock);
      producer_id_next_ = block.response;
      producer_id_end_ = block.response + kProducerIdBlock;
      outcome.records = std::move(block.records);
    }
    outcome.response.id = ProducerId{producer_id_next_++};
    return outcome;
  };
  auto refuse = [this](ErrorCode) {
    producer_id_next_ = producer_id_end_ = 0;  // the block was not committed
    return Given{};
  };
  const auto given = co_await change<Given>(home, std::move(decide), std::move(refuse));
  co_return given.id;
}

net::Awaitable<void> MetadataService::refuse_changes() {
  stopping_ = true;
  while (busy_) co_await idle_.wait();
}

}  // namespace millrace::broker
