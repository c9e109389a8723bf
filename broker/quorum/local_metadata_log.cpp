#include "broker/quorum/local_metadata_log.hpp"

#include <spdlog/spdlog.h>

#include "broker/errors.hpp"
#include "broker/shard.hpp"
#include "log/errc.hpp"
#include "protocol/base/ensure.hpp"
#include "protocol/errc.hpp"
#include "protocol/record/builder.hpp"
#include "protocol/record/record.hpp"

namespace millrace::broker {
namespace {

using protocol::ErrorCode;
using replication::MetadataRecord;

constexpr std::string_view kMetadataTopic = "__cluster_metadata";
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

ErrorInfo error_of(ErrorCode code) {
  return code == kNoSpace ? log::Errc::no_space : log::Errc::failed;
}

}  // namespace

LocalMetadataLog::LocalMetadataLog(Node& node, Shard& shard)
    : node_{node}, shard_{shard}, image_{std::make_shared<replication::MetadataImage>()} {}

Result<void> LocalMetadataLog::load(const std::filesystem::path& directory) {
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
  applied_ = end.value - 1;
  return {};
}

void LocalMetadataLog::start(Reader& reader) {
  reader_ = &reader;
  reader_->applied(image_, applied_, {});
  reader_->active(term());
}

void LocalMetadataLog::propose(std::vector<MetadataRecord> records, Done done) {
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
  if (appended.error != ErrorCode::none) return done(error_of(appended.error));
  shard_.appended(log_);
  log_->when_committed(appended.end, Instant::max(),
                       [this, end = appended.end, records = std::move(records),
                        done = std::move(done)](ErrorCode error) mutable {
                         if (error != ErrorCode::none) return done(error_of(error));
                         image_ = image_->with(records);
                         applied_ = end.value - 1;
                         reader_->applied(image_, applied_, records);
                         done(applied_);
                       });
}

/// Of its first record. Nobody asks what index the whole change will have.
std::int64_t LocalMetadataLog::next_index() const {
  return log_->log().log_end().value;
}

std::optional<BrokerId> LocalMetadataLog::leader() const {
  return node_.settings.node_id;
}

void LocalMetadataLog::close() {
  if (const auto closed = log_->log().close(); !closed) {
    node_.journals->keep();
    spdlog::error("the metadata log could not be closed cleanly: {}", closed.error().message());
  }
}

}  // namespace millrace::broker
