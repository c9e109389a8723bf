#include "broker/metadata_service.hpp"

#include <spdlog/spdlog.h>

#include "broker/ask.hpp"
#include "broker/errors.hpp"
#include "broker/shard.hpp"
#include "protocol/base/ensure.hpp"
#include "protocol/record/builder.hpp"
#include "protocol/record/record.hpp"

namespace millrace::broker {
namespace {

using protocol::ErrorCode;
using replication::MetadataRecord;

constexpr std::string_view kMetadataTopic = "__cluster_metadata";
constexpr std::int64_t kProducerIdBlock = 1000;
constexpr std::size_t kReplayBytes = std::size_t{1} << 20;

/// The metadata log is kept whole and never loses a record to age or size.
PartitionSettings metadata_settings() {
  PartitionSettings settings;
  settings.log.retention_ms = std::nullopt;
  settings.log.retention_bytes = std::nullopt;
  settings.log.delete_old = false;
  settings.log.tail_cache_bytes = 0;
  return settings;
}

class DamageCounter final : public log::DamageSink {
 public:
  void damaged(const log::Damage& damage) override {
    spdlog::error("metadata log damage: {} at byte {}, offset {}: {}", damage.file.string(),
                  damage.position, damage.offset.value, damage.what);
    acknowledged_lost = acknowledged_lost || damage.acknowledged;
  }
  bool acknowledged_lost = false;
};

Result<void> collect(protocol::BatchView batch, std::vector<MetadataRecord>& into) {
  protocol::RecordReader reader{batch.records_section(), batch.record_count()};
  while (reader.left() > 0) {
    const auto record = reader.next();
    if (!record) return record.error();
    const auto& value = record->value;
    MetadataRecord parsed;
    if (!value || !parsed.ParseFromArray(value->data(), static_cast<int>(value->size()))) {
      return protocol::Errc::corrupt_batch;
    }
    into.push_back(std::move(parsed));
  }
  return {};
}

}  // namespace

MetadataService::MetadataService(Node& node, Shard& shard)
    : node_{node},
      shard_{shard},
      controller_{node.settings.controller, {node.settings.node_id}, node.rules},
      image_{std::make_shared<replication::MetadataImage>()},
      idle_{shard.scheduler().executor()} {}

MetadataService::~MetadataService() = default;

Result<void> MetadataService::load(const std::filesystem::path& directory) {
  DamageCounter sink;
  const TopicPartition name{std::string{kMetadataTopic}, PartitionIndex{0}};
  const auto settings = metadata_settings();
  const auto journal = node_.journals->left_over();
  auto opened =
      log::PartitionLog::open(node_.world.files, directory, settings.log, node_.world.clock.wall(),
                              sink, journal->of({TopicId{}, PartitionIndex{0}}));
  if (!opened) return opened.error();
  if (sink.acknowledged_lost) return log::Errc::corrupt_file;
  log_ = std::make_shared<Partition>(name, TopicId{}, LeaderEpoch{0}, settings,
                                     std::move(opened->log), node_.log_dir);
  Offset at = log_->log().log_start();
  const Offset end = log_->log().log_end();
  while (at < end) {
    const auto read = log_->log().read({.from = at, .limit = end, .bytes_max = kReplayBytes});
    if (!read) return read.error();
    if (read->next == at) return log::Errc::corrupt_file;
    const auto bytes = read->batches.flatten();
    std::vector<MetadataRecord> records;
    for (const auto& batch : protocol::BatchRun{bytes}) {
      if (const auto collected = collect(batch, records); !collected) return collected.error();
    }
    image_ = image_->with(records);
    at = read->next;
  }
  return {};
}

net::Awaitable<void> MetadataService::publish_loaded() {
  co_await ask<bool>(shard_, shard_, [this](Answer<bool> answer) {
    publish([answer = std::move(answer)]() mutable { answer(true); });
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
  // One batch, so that after a crash either all of the change is there or nothing of it.
  protocol::BatchBuilder builder;
  std::string bytes;
  const Timestamp now = shard_.wall();
  for (const auto& record : records) {
    ENSURE(record.SerializeToString(&bytes));
    builder.add(now, std::nullopt, as_bytes(bytes));
  }
  const auto batch = builder.build();
  ENSURE(batch.has_value());
  const auto appended = log_->append_own(*batch);
  if (appended.error != ErrorCode::none) return finish(std::move(done), appended.error);
  shard_.appended(log_);
  log_->when_committed(
      appended.end, Instant::max(),
      [this, records = std::move(records), done = std::move(done)](ErrorCode error) mutable {
        if (error != ErrorCode::none) return finish(std::move(done), error);
        image_ = image_->with(records);
        publish(
            [this, done = std::move(done)]() mutable { finish(std::move(done), ErrorCode::none); });
      });
}

/// Every shard adopts the image; `done` runs here when the last one has opened what is new to it.
void MetadataService::publish(std::move_only_function<void()> done) {
  struct Round {
    std::size_t left;
    std::move_only_function<void()> done;
  };
  auto round = std::make_shared<Round>(node_.shards.size(), std::move(done));
  for (const auto& shard : node_.shards) {
    shard->scheduler().post([this, target = shard.get(), image = image_, round] {
      target->adopt(image, [this, round] {
        shard_.scheduler().post([round] {
          if (--round->left == 0) round->done();
        });
      });
    });
  }
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

void MetadataService::close() {
  if (const auto closed = log_->log().close(); !closed) {
    node_.journals->keep();
    spdlog::error("the metadata log could not be closed cleanly: {}", closed.error().message());
  }
}

}  // namespace millrace::broker
