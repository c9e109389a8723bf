#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "log/inspect.hpp"
#include "tools/log_dump_row.hpp"
#include "tools/terminal.hpp"

namespace millrace::tools {

struct DumpStyle {
  bool json = false;
  /// Batches, records and entries; otherwise findings and verdicts alone.
  bool contents = true;
  /// Of batches, records and index entries only those that reach this offset and those behind.
  Offset from{0};
  /// No more than so many batches and index entries of each file are printed.
  std::optional<std::uint64_t> count;
  /// So much of a key or value.
  std::size_t bytes_max = 256;
};

/// Prints what an inspection tells.
class DumpPrinter final : public log::InspectSink {
 public:
  DumpPrinter(Sink& out, const DumpStyle& style) : out_{out}, style_{style} {}

  void begin(const std::filesystem::path& file, log::FileKind kind, std::uint64_t bytes) override;
  void batch(const log::InspectedBatch& batch) override;
  void record(const protocol::BatchView& batch, const protocol::RecordView& record) override;
  void entry(Offset segment_base, const log::OffsetEntry& entry) override;
  void entry(Offset segment_base, const log::TimeEntry& entry) override;
  void producer(ProducerId id, const log::ProducerEntry& entry) override;
  void epoch(const log::LeaderEpochs::Entry& entry) override;
  void point(const log::RecoveryPoint& point) override;
  void point(const log::LogStart& point) override;
  void point(const log::SyncPoint& point) override;
  void point(const log::CleanerPoint& point) override;
  void point(const log::SwapList& list) override;
  void found(const log::Finding& finding) override;
  void end(const log::FileVerdict& verdict) override;
  [[nodiscard]] bool wants_more() const override { return !failure_; }

  /// The last line.
  void summary(const log::InspectSummary& summary);
  /// Writes out what is left; why it could not be written, if so.
  [[nodiscard]] std::error_code finish();

 private:
  [[nodiscard]] DumpRow row(std::string_view type, int depth) const {
    return {type, style_.json, depth};
  }
  void print(DumpRow row);
  void print(std::string line);
  /// Whether the next batch or entry, whose last offset is `last`, is to be printed.
  bool shows(Offset last);

  Sink& out_;
  DumpStyle style_;
  std::string file_;
  log::FileKind kind_ = log::FileKind::segment;
  bool group_records_ = false;  // the file belongs to `__consumer_offsets`
  std::uint64_t shown_ = 0;     // batches or entries of this file
  bool batch_shown_ = false;
  std::string buffer_;
  std::error_code failure_;
};

}  // namespace millrace::tools
