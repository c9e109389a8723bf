#include "tools/log_dump_print.hpp"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <boost/json/array.hpp>

#include "protocol/record/control.hpp"
#include "tools/log_dump_group.hpp"

namespace millrace::tools {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{64} << 10;
constexpr std::string_view kOffsetsFolder = "__consumer_offsets-";

std::int64_t signed_of(std::uint64_t number) {
  return static_cast<std::int64_t>(number);
}

/// Wraps, for both may come from anywhere.
std::int64_t offset_of(Offset base, std::int32_t relative) {
  return signed_of(static_cast<std::uint64_t>(base.value) +
                   static_cast<std::uint64_t>(std::int64_t{relative}));
}

template <class Strong>
std::int64_t or_none(const std::optional<Strong>& value) {
  return value ? value->value : -1;
}

/// How many items a file has, in words; nothing for those that hold one thing.
std::string items_of(log::FileKind kind, std::uint64_t count) {
  const bool one = count == 1;
  switch (kind) {
    case log::FileKind::segment:
      return fmt::format(", {} batch{}", count, one ? "" : "es");
    case log::FileKind::producer_snapshot:
      return fmt::format(", {} producer{}", count, one ? "" : "s");
    case log::FileKind::leader_epochs:
      return fmt::format(", {} epoch{}", count, one ? "" : "s");
    case log::FileKind::index:
    case log::FileKind::time_index:
      return fmt::format(", {} entr{}", count, one ? "y" : "ies");
    default:
      return {};
  }
}

std::string_view compression(protocol::Codec codec) {
  switch (codec) {
    case protocol::Codec::none:
      return "none";
    case protocol::Codec::gzip:
      return "gzip";
    case protocol::Codec::snappy:
      return "snappy";
    case protocol::Codec::lz4:
      return "lz4";
    case protocol::Codec::zstd:
      return "zstd";
  }
  return "unknown";
}

}  // namespace

void DumpPrinter::print(std::string line) {
  if (failure_) return;
  buffer_ += line;
  if (buffer_.size() < kBufferBytes) return;
  failure_ = out_.write(std::exchange(buffer_, {}));
}

void DumpPrinter::print(DumpRow row) {
  print(std::move(row).take());
}

std::error_code DumpPrinter::finish() {
  if (!failure_ && !buffer_.empty()) failure_ = out_.write(std::exchange(buffer_, {}));
  return failure_;
}

bool DumpPrinter::shows(Offset last) {
  if (!style_.contents || last < style_.from) return false;
  if (style_.count && shown_ >= *style_.count) return false;
  ++shown_;
  return true;
}

void DumpPrinter::begin(const std::filesystem::path& file, log::FileKind kind,
                        std::uint64_t bytes) {
  file_ = file.string();
  kind_ = kind;
  shown_ = 0;
  batch_shown_ = false;
  group_records_ = file.parent_path().filename().string().starts_with(kOffsetsFolder);
  if (!style_.json) return print(fmt::format("{}: {}, {} bytes\n", file_, to_string(kind), bytes));
  auto line = row("file", 0);
  line.text("file", file_);
  line.text("kind", to_string(kind));
  line.number("bytes", signed_of(bytes));
  print(std::move(line));
}

void DumpPrinter::batch(const log::InspectedBatch& batch) {
  const auto& view = batch.view;
  batch_shown_ = shows(view.last_offset());
  if (!batch_shown_) return;
  auto line = row("batch", 1);
  line.number("base_offset", view.base_offset().value);
  line.number("last_offset", view.last_offset().value);
  line.number("position", signed_of(batch.position));
  line.number("bytes", signed_of(view.size_bytes()));
  line.number("records", view.record_count());
  line.text("codec", compression(view.codec()));
  line.number_or_none("leader_epoch", or_none(view.leader_epoch()));
  line.text("timestamp_type", fmt::to_string(fmt::streamed(view.timestamp_type())));
  line.number_or_none(view.has_delete_horizon() ? "delete_horizon" : "base_timestamp",
                      view.base_timestamp().value);
  line.number_or_none("max_timestamp", view.max_timestamp().value);
  line.number_or_none("producer_id", or_none(view.producer_id()));
  line.number_or_none("producer_epoch", or_none(view.producer_epoch()));
  line.number_or_none("base_sequence", or_none(view.base_sequence()));
  line.number_or_none("last_sequence", or_none(view.last_sequence()));
  line.flag("transactional", view.is_transactional());
  line.flag("control", view.is_control());
  line.text("crc", fmt::format("{:08x}", view.crc()));
  if (style_.json || !batch.checksum_ok) line.text("checksum", batch.checksum_ok ? "ok" : "wrong");
  print(std::move(line));
}

void DumpPrinter::record(const protocol::BatchView& batch, const protocol::RecordView& record) {
  const Offset offset = batch.offset_of(record.offset_delta);
  if (!batch_shown_ || offset < style_.from) return;
  auto line = row("record", 2);
  line.number("offset", offset.value);
  line.number_or_none("timestamp", batch.timestamp_of(record.timestamp_delta).value);
  const auto control = batch.is_control() ? protocol::parse_control_record(record)
                                          : Result<protocol::ControlRecord>{ErrorInfo{}};
  if (batch.is_control() && control) {
    line.text("marker", fmt::to_string(fmt::streamed(control->type)));
    if (control->coordinator_epoch) line.number("coordinator_epoch", *control->coordinator_epoch);
    return print(std::move(line));
  }
  line.bytes("key", record.key, style_.bytes_max);
  line.bytes("value", record.value, style_.bytes_max);
  if (!record.headers.empty()) {
    boost::json::array headers;
    for (const auto& header : record.headers) {
      DumpRow pair{"header", true, 0};
      pair.bytes("key", as_bytes(header.key), style_.bytes_max);
      pair.bytes("value", header.value, style_.bytes_max);
      auto fields = std::move(pair).object();
      fields.stable_erase("type");
      headers.push_back(std::move(fields));
    }
    line.value("headers", std::move(headers));
  }
  if (group_records_) {
    auto decoded = decode_group_record(record.key, record.value);
    if (!decoded.key.is_null()) line.value("decoded_key", std::move(decoded.key));
    if (!decoded.value.is_null()) line.value("decoded_value", std::move(decoded.value));
  }
  print(std::move(line));
}

void DumpPrinter::entry(Offset segment_base, const log::OffsetEntry& entry) {
  const std::int64_t offset = offset_of(segment_base, entry.relative_offset);
  if (!shows(Offset{offset})) return;
  auto line = row("entry", 1);
  line.number("offset", offset);
  line.number("position", entry.position);
  print(std::move(line));
}

void DumpPrinter::entry(Offset segment_base, const log::TimeEntry& entry) {
  const std::int64_t offset = offset_of(segment_base, entry.relative_offset);
  if (!shows(Offset{offset})) return;
  auto line = row("entry", 1);
  line.number("timestamp", entry.timestamp);
  line.number("offset", offset);
  print(std::move(line));
}

void DumpPrinter::producer(ProducerId id, const log::ProducerEntry& entry) {
  if (!style_.contents) return;
  auto line = row("producer", 1);
  line.number("producer_id", id.value);
  line.number("producer_epoch", entry.epoch.value);
  line.number_or_none("coordinator_epoch", entry.coordinator_epoch.value_or(-1));
  line.number_or_none("transaction_start", or_none(entry.transaction_start));
  line.number("last_seen", entry.last_seen.value);
  boost::json::array batches;
  for (std::size_t i = 0; i < entry.batch_count; ++i) {
    const auto& batch = entry.batches[i];
    batches.push_back({{"base_sequence", batch.base_sequence().value},
                       {"last_sequence", batch.last_sequence.value},
                       {"last_offset", batch.last_offset.value},
                       {"offset_delta", batch.offset_delta},
                       {"timestamp", batch.timestamp.value}});
  }
  line.value("batches", std::move(batches));
  print(std::move(line));
}

void DumpPrinter::epoch(const log::LeaderEpochs::Entry& entry) {
  if (!style_.contents) return;
  auto line = row("epoch", 1);
  line.number("epoch", entry.epoch.value);
  line.number("start_offset", entry.start.value);
  print(std::move(line));
}

void DumpPrinter::point(const log::RecoveryPoint& point) {
  if (!style_.contents) return;
  auto line = row("point", 1);
  line.number("offset", point.offset.value);
  line.number("segment_base", point.segment_base.value);
  line.number("position", signed_of(point.position));
  print(std::move(line));
}

void DumpPrinter::point(const log::LogStart& point) {
  if (!style_.contents) return;
  auto line = row("point", 1);
  line.number("offset", point.start.value);
  line.flag("has_gaps", point.has_gaps);
  print(std::move(line));
}

void DumpPrinter::point(const log::SyncPoint& point) {
  if (!style_.contents) return;
  auto line = row("point", 1);
  line.number("offset", point.offset.value);
  print(std::move(line));
}

void DumpPrinter::point(const log::CleanerPoint& point) {
  if (!style_.contents) return;
  auto line = row("point", 1);
  line.number("first_dirty", point.first_dirty.value);
  line.number("gaps_below", point.gaps_below.value);
  print(std::move(line));
}

void DumpPrinter::point(const log::SwapList& list) {
  if (!style_.contents) return;
  auto line = row("swap", 1);
  boost::json::array outputs;
  for (const auto& output : list.outputs)
    outputs.push_back({{"base_offset", output.base.value}, {"bytes", output.bytes}});
  boost::json::array sources;
  for (const Offset source : list.sources) sources.push_back(source.value);
  line.value("outputs", std::move(outputs));
  line.value("sources", std::move(sources));
  print(std::move(line));
}

void DumpPrinter::found(const log::Finding& finding) {
  const std::string_view type = finding.damage ? "damage" : "note";
  if (!style_.json) {
    auto line = fmt::format("  {} at byte {}", type, finding.position);
    if (finding.bytes > 0) line += fmt::format(" ({} bytes)", finding.bytes);
    if (finding.offset) line += fmt::format(", offset {}", finding.offset->value);
    return print(fmt::format("{}: {}\n    {}\n", line, finding.what, finding.meaning));
  }
  auto line = row(type, 1);
  line.text("file", file_);
  line.number("position", signed_of(finding.position));
  line.number("bytes", signed_of(finding.bytes));
  line.number_or_none("offset", or_none(finding.offset));
  line.text("what", finding.what);
  line.text("meaning", finding.meaning);
  print(std::move(line));
}

void DumpPrinter::end(const log::FileVerdict& verdict) {
  if (!style_.json) {
    const auto state = verdict.sound() ? std::string{"sound"}
                                       : fmt::format("DAMAGED in {} place{}", verdict.damages,
                                                     verdict.damages == 1 ? "" : "s");
    return print(fmt::format("  {}{}\n", state, items_of(kind_, verdict.items)));
  }
  auto line = row("verdict", 1);
  line.text("file", file_);
  line.text("kind", to_string(kind_));
  line.flag("sound", verdict.sound());
  line.number("bytes", signed_of(verdict.bytes));
  line.number("items", signed_of(verdict.items));
  line.number("damages", signed_of(verdict.damages));
  print(std::move(line));
}

void DumpPrinter::summary(const log::InspectSummary& summary) {
  if (!style_.json) {
    if (summary.damaged_files == 0)
      return print(fmt::format("sound: {} file{}\n", summary.files, summary.files == 1 ? "" : "s"));
    return print(fmt::format("DAMAGED: {} of {} file{}\n", summary.damaged_files, summary.files,
                             summary.files == 1 ? "" : "s"));
  }
  auto line = row("summary", 0);
  line.flag("sound", summary.damaged_files == 0);
  line.number("files", signed_of(summary.files));
  line.number("damaged_files", signed_of(summary.damaged_files));
  line.number("damages", signed_of(summary.damages));
  print(std::move(line));
}

}  // namespace millrace::tools
