// What is appended: as a producer's leader would, and as a follower would copy it.
#include <algorithm>
#include <array>

#include "log/errc.hpp"
#include "protocol/record/builder.hpp"
#include "tests/sim/log/owner.hpp"

namespace millrace::log_sim {

using protocol::BatchBuilder;

namespace {

constexpr std::int64_t kProducers = 4;
/// Producers from this id on write in transactions.
constexpr std::int64_t kTransactionalFrom = 3;

protocol::Codec choose_codec(Rng& rng) {
  using protocol::Codec;
  return std::array{Codec::none, Codec::lz4, Codec::snappy, Codec::zstd, Codec::gzip}[rng.below(5)];
}

}  // namespace

void Owner::append_as_leader() {
  Rng& rng = setting_.rng;
  BatchBuilder::Options options;
  if (compressed_ && rng.chance(1, 2)) options.codec = choose_codec(rng);
  const ProducerId id{static_cast<std::int64_t>(rng.below(kProducers))};
  const bool transactional = id.value >= kTransactionalFrom;
  const auto known = log_->producers().find(id);
  if (transactional && known != nullptr && rng.chance(1, 3)) {
    const auto marker = protocol::build_control_batch({.type = compact_ || rng.chance(1, 2)
                                                                   ? protocol::ControlType::commit
                                                                   : protocol::ControlType::abort,
                                                       .producer_id = id,
                                                       .producer_epoch = known->epoch,
                                                       .coordinator_epoch = 1,
                                                       .timestamp = setting_.now});
    const auto info = log_->append(marker, LeaderEpoch{epoch_}, std::nullopt);
    if (fine(info, "appending a marker")) note_append(marker, *info);
    return;
  }
  if (rng.chance(2, 3)) {
    const auto* const newest = known != nullptr ? known->newest() : nullptr;
    options.producer =
        BatchBuilder::Producer{id, known != nullptr ? known->epoch : ProducerEpoch{0},
                               newest != nullptr ? newest->last_sequence.plus(1) : Sequence{0}};
    if (known != nullptr && !transactional && rng.chance(1, 20)) {
      ++options.producer->epoch.value;
      options.producer->base_sequence = Sequence{0};
    }
    options.transactional = transactional;
  }
  BatchBuilder builder{options};
  const auto records = 1 + rng.below(4);
  for (std::uint64_t i = 0; i < records; ++i) {
    std::string value = fmt::format("{}/{}/{}:", name_, ++salt_, i);
    value.resize(value.size() + rng.below(120), 'v');
    const std::string key = fmt::format("k{}", rng.below(12));
    const bool tombstone = compact_ && rng.chance(1, 6);
    std::optional<Timestamp> time{
        Timestamp{setting_.now.value - static_cast<std::int64_t>(rng.below(40))}};
    if (rng.chance(1, 50)) time.reset();
    builder.add(time, compact_ ? std::optional{as_bytes(key)} : std::nullopt,
                tombstone ? std::nullopt : std::optional{as_bytes(value)});
  }
  const auto batch = builder.build().value();
  const auto verdict = log_->check_producer(protocol::parse_batch(batch).value(), setting_.now);
  expect(std::holds_alternative<log::ProducerOk>(verdict),
         "a producer's next batch is not taken for the next: " + told(verdict));
  if (rng.chance(1, 12)) {
    ++epoch_;
    if (rng.chance(1, 2)) log_->begin_epoch(LeaderEpoch{epoch_});
  }
  std::optional<Timestamp> append_time;
  if (log_->config().timestamp_type == protocol::TimestampType::log_append_time)
    append_time = setting_.now;
  const auto info = log_->append(batch, LeaderEpoch{epoch_}, append_time);
  if (!info && info.error() == log::make_error_code(log::Errc::batch_too_large)) {
    expect(batch.size() > log_->config().segment_bytes, "a batch that fits is too large");
    return;
  }
  if (!fine(info, "appending")) return;
  auto stored = batch;
  if (append_time) protocol::patch_append_time(stored, *append_time);
  note_append(std::move(stored), *info);
}

void Owner::note_append(std::vector<std::byte> bytes, const log::AppendInfo& info) {
  protocol::patch_base_offset_and_epoch(bytes, info.base, LeaderEpoch{epoch_});
  expect(info.base >= model_.end, "a batch was appended below the end of the log");
  if (setting_.broken()) return;
  ModelBatch batch{.base = info.base,
                   .next = info.last.next(),
                   .bytes = std::move(bytes),
                   .records = {},
                   .appended = setting_.now};
  batch.records = records_of(batch.view());
  setting_.note("{}: append {} to {}, epoch {}", name_, info.base.value, info.last.value, epoch_);
  model_.append(std::move(batch));
  ++setting_.appended;
}

void Owner::append_as_follower() {
  Rng& rng = setting_.rng;
  std::vector<std::byte> run;
  std::vector<ModelBatch> batches;
  Offset next = log_->log_end();
  if (rng.chance(1, 6)) ++epoch_;
  for (auto left = 1 + rng.below(3); left > 0; --left) {
    if (gaps_ || rng.chance(1, 8)) {
      const auto gap = static_cast<std::int64_t>(rng.below(4));
      gaps_ = gaps_ || gap > 0;
      next = next + OffsetDelta{gap};
    }
    BatchBuilder builder{{.base_offset = next, .leader_epoch = LeaderEpoch{epoch_}}};
    for (auto records = 1 + rng.below(3); records > 0; --records) {
      std::string value = fmt::format("{}/{}:", name_, ++salt_);
      value.resize(value.size() + rng.below(100), 'f');
      builder.add(setting_.now, std::nullopt, as_bytes(value));
    }
    ModelBatch batch{.base = next,
                     .next = next + OffsetDelta{builder.record_count()},
                     .bytes = builder.build().value(),
                     .records = {},
                     .appended = setting_.now};
    batch.records = records_of(batch.view());
    next = batch.next;
    run.insert(run.end(), batch.bytes.begin(), batch.bytes.end());
    batches.push_back(std::move(batch));
  }
  const auto info = log_->append_as_is(run);
  if (!fine(info, "appending as it is")) return;
  expect(info->base == batches.front().base && info->last.next() == next, "copied elsewhere");
  setting_.note("{}: copy {} to {}", name_, info->base.value, info->last.value);
  for (auto& batch : batches) model_.append(std::move(batch));
  ++setting_.appended;
}

}  // namespace millrace::log_sim
