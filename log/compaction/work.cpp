#include "log/compaction/work.hpp"

#include <algorithm>

#include "log/compaction/swap.hpp"
#include "log/errc.hpp"
#include "log/file_names.hpp"
#include "log/points.hpp"
#include "protocol/base/ensure.hpp"
#include "protocol/record/record.hpp"

namespace millrace::log {
namespace {

using protocol::BatchView;

constexpr std::size_t kDecompressedBytesMax = 1U << 30;
constexpr std::size_t kBlockBytesMin = 4U << 10;

bool is_data_of_transaction(const BatchView& batch) {
  return batch.is_transactional() && !batch.is_control() && batch.producer_id();
}

/// Abort or commit; nothing for any other batch, and for a marker that compaction emptied.
std::optional<protocol::ControlType> marker_of(const BatchView& batch) {
  if (!batch.is_control() || !batch.producer_id()) return std::nullopt;
  protocol::RecordReader records{batch.records_section(), batch.record_count()};
  const auto record = records.next();
  if (!record) return std::nullopt;
  const auto marker = protocol::parse_control_record(*record);
  if (!marker) return std::nullopt;
  const bool ends_transaction =
      marker->type == protocol::ControlType::abort || marker->type == protocol::ControlType::commit;
  return ends_transaction ? std::optional{marker->type} : std::nullopt;
}

}  // namespace

CompactionWork::CompactionWork(Files& files, std::filesystem::path dir, const LogConfig& config,
                               const CompactionRequest& request)
    : files_{files}, dir_{std::move(dir)}, config_{config}, request_{request} {}

CompactionWork::~CompactionWork() = default;

Result<CompactionStep> CompactionWork::step() {
  const std::scoped_lock lock{fence_->mutex};
  step_ = {};
  if (fence_->generation != generation_) return Errc::superseded;
  const auto ran = run();
  stats_.read_bytes += step_.read_bytes;
  stats_.written_bytes += step_.written_bytes;
  if (ran) return step_;
  (void)give_up();  // what it leaves behind is removed by the next pass or start
  return ran.error();
}

Result<void> CompactionWork::run() {
  if (phase_ == Phase::swap) {
    ENSURE(swapped_);
    if (const auto ended = end_swap(files_, dir_); !ended) return ended;
    swapped_ = false;
    phase_ = Phase::clean;
    return {};
  }
  if (stopped_ || phase_ == Phase::done) {
    step_.done = true;
    return give_up();
  }
  switch (phase_) {
    case Phase::map:
      return read_keys();
    case Phase::outcomes:
      return read_outcomes();
    default:
      return clean();
  }
}

bool CompactionWork::step_is_full() const {
  return step_.read_bytes + step_.written_bytes >=
         std::max<std::uint64_t>(request_.buffer_bytes, 1);
}

/// The next batch that reaches past `from` and begins before `end`; crosses from one source to the
/// next only if the caller lets it, by clearing `scan`. Nothing at the end of a source.
Result<std::optional<ScannedBatch>> CompactionWork::next_of(Walk& walk, Offset from, Offset end,
                                                            std::size_t block_bytes) {
  const Source& source = sources_[walk.source];
  if (!walk.scan)
    walk.scan = std::make_unique<BatchScan>(*source.file, BatchScan::Range{0, source.facts.bytes},
                                            block_bytes);
  for (;;) {
    const auto batch = walk.scan->next();
    if (!batch) return batch.error();
    if (!*batch) {
      if (!walk.scan->stopped().empty()) return Errc::corrupt_file;
      return batch;
    }
    if ((*batch)->base >= end) return std::optional<ScannedBatch>{};
    if ((*batch)->next() <= from) continue;
    return batch;
  }
}

Result<BatchView> CompactionWork::sound_view(BatchScan& scan) {
  const auto view = scan.view();
  if (!view) return view.error();
  // What is damaged must not be given a new and sound checksum.
  if (!*view || !(*view)->crc_ok()) return Errc::corrupt_file;
  step_.read_bytes += (*view)->size_bytes();
  return **view;
}

// -- The keys ------------------------------------------------------------------------------------

void CompactionWork::begin_map() {
  const auto span = static_cast<std::uint64_t>((map_end_ - plan_.first_dirty).value);
  keys_.emplace(request_.hash_secret, KeyMap::Size{.bytes = request_.key_map_bytes,
                                                   .load_factor = request_.key_map_load,
                                                   .keys = span});
  walk_ = {};
  covered_end_ = map_end_;
}

Result<void> CompactionWork::read_keys() {
  if (!keys_) begin_map();
  const std::size_t block = std::max<std::size_t>(request_.buffer_bytes / 2, kBlockBytesMin);
  while (!step_is_full()) {
    const bool at_end =
        walk_.source == sources_.size() || sources_[walk_.source].facts.base >= map_end_;
    if (at_end) return begin_clean();
    if (sources_[walk_.source].facts.next <= plan_.first_dirty) {
      ++walk_.source;
      continue;
    }
    const auto batch = next_of(walk_, plan_.first_dirty, map_end_, block);
    if (!batch) return batch.error();
    if (!*batch) {
      walk_.scan.reset();
      ++walk_.source;
      continue;
    }
    const auto view = sound_view(*walk_.scan);
    if (!view) return view.error();
    if (view->is_control()) continue;
    if (is_data_of_transaction(*view)) {
      if (!outcomes_) {
        // How it ended must be known before its keys may hide older ones.
        outcomes_.emplace();
        walk_ = {};
        phase_ = Phase::outcomes;
        return {};
      }
      if (outcomes_->aborted(*view->producer_id(), view->base_offset())) continue;
    }
    const auto fits = add_keys(*view);
    if (!fits) return fits.error();
    if (!*fits) return begin_clean();
  }
  return {};
}

void CompactionWork::load_producers() {
  const auto bytes = files_.read_all(producers_at_);
  if (!bytes) return;
  const auto state = ProducerState::decode(*bytes);
  if (!state) return;
  LastOfProducers found;
  for (const auto& [id, entry] : state->entries()) {
    const bool active =
        entry.transaction_start || request_.now - entry.last_seen < config_.producer_expiration;
    if (!active) continue;
    auto& last = found[id];
    last.epoch = entry.epoch;
    for (std::size_t i = 0; i < entry.batch_count; ++i)
      if (entry.batches[i].last_offset < request_.high_watermark || i == 0)
        last.data = entry.batches[i].last_offset;
  }
  producers_ = std::move(found);
}

Result<void> CompactionWork::begin_clean() {
  load_producers();
  stats_.keys = keys_->size();
  walk_ = {};
  phase_ = Phase::clean;
  return {};
}

/// False when the map is full; `covered_end_` then says how far it came.
Result<bool> CompactionWork::add_keys(const BatchView& batch) {
  const auto section = protocol::decompress_into(buffer_, batch.codec(), batch.records_section(),
                                                 kDecompressedBytesMax);
  if (!section) return {boost::system::in_place_error, section.error()};
  protocol::RecordReader records{*section, batch.record_count()};
  while (records.left() > 0) {
    const auto record = records.next();
    if (!record) return {boost::system::in_place_error, record.error()};
    const Offset offset = batch.offset_of(record->offset_delta);
    if (!record->key || offset < plan_.first_dirty) continue;
    if (keys_->put(*record->key, offset)) continue;
    covered_end_ = offset;
    return false;
  }
  return true;
}

Result<void> CompactionWork::read_outcomes() {
  while (!step_is_full()) {
    if (walk_.source == sources_.size()) {
      // How these end is told behind the plan's end at the earliest: a later pass will know.
      if (const auto open = outcomes_->first_open()) map_end_ = std::min(map_end_, *open);
      if (map_end_ <= plan_.first_dirty) {
        stop();
        return {};
      }
      begin_map();
      phase_ = Phase::map;
      return {};
    }
    if (sources_[walk_.source].facts.next <= plan_.first_dirty) {
      ++walk_.source;
      continue;
    }
    const auto batch = next_of(walk_, plan_.first_dirty, plan_.end, BatchScan::kHeaderBlockBytes);
    if (!batch) return batch.error();
    if (!*batch) {
      walk_.scan.reset();
      ++walk_.source;
      continue;
    }
    step_.read_bytes += std::min<std::uint64_t>((*batch)->size_bytes, BatchScan::kHeaderBlockBytes);
    if (!(*batch)->has_producer) continue;
    const auto view = sound_view(*walk_.scan);
    if (!view) return view.error();
    if (is_data_of_transaction(*view))
      outcomes_->data(*view->producer_id(), view->base_offset());
    else if (const auto marker = marker_of(*view))
      outcomes_->marker(*view->producer_id(), *marker, view->last_offset());
  }
  return {};
}

// -- The copy ------------------------------------------------------------------------------------

Result<void> CompactionWork::clean() {
  const std::size_t block = std::max<std::size_t>(request_.buffer_bytes / 2, kBlockBytesMin);
  while (!step_is_full()) {
    const bool at_end =
        walk_.source == sources_.size() || sources_[walk_.source].facts.base >= covered_end_;
    if (at_end && group_.empty()) return complete();
    if (!walk_.scan && !group_.empty()) {
      const SegmentLimits limits{config_.segment_bytes, config_.index_bytes_max};
      const bool fits =
          !at_end && (outputs_.empty() ||
                      joins(outputs_.back()->facts(), sources_[walk_.source].facts, limits));
      if (!fits) return end_group();
    }
    if (!walk_.scan) {
      group_.push_back(walk_.source);
      group_changed_ = group_changed_ || group_.size() > 1;
    }
    const auto batch = next_of(walk_, Offset{0}, plan_.end, block);
    if (!batch) return batch.error();
    if (!*batch) {
      walk_.scan.reset();
      ++walk_.source;
      continue;
    }
    const auto view = sound_view(*walk_.scan);
    if (!view) return view.error();
    if (const auto cleaned = clean_batch(*view); !cleaned) return cleaned;
  }
  return {};
}

BatchRole CompactionWork::role_of(const BatchView& batch) {
  BatchRole role;
  const auto producer = batch.producer_id();
  if (!producer) return role;
  if (is_data_of_transaction(batch)) {
    markers_.data(*producer);
    role.aborted = outcomes_ && batch.base_offset() < covered_end_ &&
                   outcomes_->aborted(*producer, batch.base_offset());
  } else if (marker_of(batch)) {
    // The index of aborted transactions names a marker until a pass behind it is complete.
    role.marker_unneeded = !markers_.marker(*producer) && batch.last_offset() < plan_.first_dirty;
  }
  role.keeps_producer = !producers_;
  if (!producers_) return role;
  const auto last = producers_->find(*producer);
  if (last == producers_->end()) return role;
  const auto& [data, epoch] = last->second;
  role.keeps_producer =
      data ? batch.last_offset() == *data : batch.is_control() && batch.producer_epoch() == epoch;
  return role;
}

Result<void> CompactionWork::clean_batch(const BatchView& batch) {
  const FilterRules rules{.now = request_.now,
                          .delete_retention = config_.delete_retention,
                          .covered_end = covered_end_};
  const auto filtered = filter_batch(batch, role_of(batch), *keys_, rules, buffer_);
  if (!filtered) return filtered.error();
  stats_.records_dropped += filtered->records_dropped;
  group_changed_ = group_changed_ || filtered->fate != BatchFate::copied;
  switch (filtered->fate) {
    case BatchFate::copied:
      return put(batch.bytes());
    case BatchFate::rebuilt:
    case BatchFate::emptied:
      return put(filtered->bytes);
    case BatchFate::dropped:
      last_dropped_ = batch.header();
      return {};
  }
  return {};
}

Result<void> CompactionWork::put(Bytes bytes) {
  const auto batch = protocol::parse_batch(bytes);
  ENSURE(batch.has_value());
  const SegmentLimits limits{config_.segment_bytes, config_.index_bytes_max};
  if (outputs_.empty() || !outputs_.back()->has_room(bytes.size(), batch->last_offset(), limits)) {
    if (!outputs_.empty()) {
      // A batch may grow when it is compressed again, so even one source may need two outputs.
      if (const auto done = outputs_.back()->finish(); !done) return done;
      group_changed_ = true;
    }
    // The first takes over its source's name, so that the log begins where it began.
    const Offset base =
        outputs_.empty() ? sources_[group_.front()].facts.base : batch->base_offset();
    auto output = CleanedOutput::create(files_, dir_, base);
    if (!output) return output.error();
    outputs_.push_back(std::move(*output));
  }
  step_.written_bytes += bytes.size();
  last_dropped_.reset();
  return outputs_.back()->append(bytes, config_.index_interval_bytes, request_.buffer_bytes / 2);
}

Result<void> CompactionWork::end_group() {
  if (last_dropped_) {
    const auto placeholder = placeholder_for(*last_dropped_);
    if (const auto done = put(placeholder); !done) return done;
  }
  if (!group_changed_) {
    for (const auto& output : outputs_)
      if (const auto gone = output->discard(); !gone) return gone;
    outputs_.clear();
    group_.clear();
    return {};
  }
  if (const auto done = outputs_.back()->finish(); !done) return done;
  return decide_swap();
}

Result<void> CompactionWork::prepare_first_swap() {
  if (prepared_) return {};
  if (must_mark_gaps_) {
    const auto marked = files_.write_atomically(
        dir_ / kCleanerPointFile, CleanerPoint{plan_.first_dirty, gaps_below_}.encode());
    if (!marked) return marked;
  }
  // A snapshot from inside of what is compacted may know of a transaction whose marker goes.
  for (const auto& snapshot : snapshots_)
    if (const auto removed = files_.remove(snapshot); !removed) return removed;
  prepared_ = true;
  return {};
}

Result<void> CompactionWork::decide_swap() {
  if (const auto prepared = prepare_first_swap(); !prepared) return prepared;
  if (const auto synced = files_.sync_directory(dir_); !synced) return synced;
  SwapList list;
  for (const auto& output : outputs_) {
    list.outputs.push_back({output->segment().base(), output->segment().size_bytes()});
    stats_.bytes_after += output->segment().size_bytes();
  }
  for (const std::size_t source : group_) {
    list.sources.push_back(sources_[source].facts.base);
    stats_.bytes_before += sources_[source].facts.bytes;
  }
  phase_ = Phase::swap;
  const auto decided = files_.write_atomically(dir_ / kSwapListFile, list.encode());
  if (!decided) return decided;
  step_.swap_due = true;
  return {};
}

Result<void> CompactionWork::complete() {
  const Offset point = std::max(covered_end_, plan_.first_dirty);
  const auto saved =
      files_.write_atomically(dir_ / kCleanerPointFile, CleanerPoint{point, gaps_below_}.encode());
  if (!saved) return saved;
  completed_ = true;
  phase_ = Phase::done;
  step_.done = true;
  return {};
}

/// Leaves nothing behind but what the owner has swapped in. A swap that cannot be taken back, or
/// not be finished, is for the next start to carry out: its files are left alone.
Result<void> CompactionWork::give_up() {
  if (phase_ == Phase::swap) {
    undo_failed_ = swapped_ || !end_swap(files_, dir_);
    if (undo_failed_) return Errc::failed;
  }
  phase_ = Phase::done;
  keys_.reset();
  if (outputs_.empty()) return {};
  outputs_.clear();
  return remove_cleaned(files_, dir_);
}

}  // namespace millrace::log
