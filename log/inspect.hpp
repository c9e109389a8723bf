#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "log/files.hpp"
#include "log/leader_epochs.hpp"
#include "log/points.hpp"
#include "log/producer_state.hpp"
#include "log/sparse_index.hpp"
#include "protocol/base/result.hpp"
#include "protocol/base/types.hpp"
#include "protocol/record/batch.hpp"
#include "protocol/record/record.hpp"

// Looks at the files of a log without touching them, and says of each whether it is sound. Files
// are opened for reading only and no lock is taken, so a broker may be using the folder meanwhile:
// what it appends after the look began is left out, what it deletes is passed over.
namespace millrace::log {

enum class FileKind : std::uint8_t {
  segment,
  index,
  time_index,
  producer_snapshot,
  leader_epochs,
  recovery_point,
  log_start,
  sync_point,
  cleaner_point,
  swap_list,
};
[[nodiscard]] std::string_view to_string(FileKind kind);
/// By its name; nothing for a file that is not one of the log's.
[[nodiscard]] std::optional<FileKind> file_kind(std::string_view name);

/// Something about a file that its reader should know.
struct Finding {
  friend bool operator==(const Finding&, const Finding&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Finding& finding);

  bool damage = true;            ///< false: it may be so in a sound log, as a torn tail
  std::uint64_t position = 0;    ///< of the first byte that is meant
  std::uint64_t bytes = 0;       ///< how many from there on; 0 where that says nothing
  std::optional<Offset> offset;  ///< the record that should be there
  std::string what;              ///< "the checksum of a batch is wrong"
  std::string meaning;           ///< what follows for the records and for the next start
};

/// A batch as it lies in its file.
struct InspectedBatch {
  std::uint64_t position = 0;
  bool checksum_ok = true;
  protocol::BatchView view;
};

/// What was found in one file, in sum.
struct FileVerdict {
  std::uint64_t bytes = 0;
  std::uint64_t items = 0;  ///< batches, entries or producers
  std::uint64_t damages = 0;
  [[nodiscard]] bool sound() const { return damages == 0; }
};

/// Is told what is in the files, in order: `begin`, contents and findings, `end`. What is passed is
/// valid during the call.
class InspectSink {
 public:
  virtual ~InspectSink() = default;
  virtual void begin(const std::filesystem::path& file, FileKind kind, std::uint64_t bytes) = 0;
  virtual void batch(const InspectedBatch& batch) = 0;
  /// Of the batch that was told of last.
  virtual void record(const protocol::BatchView& batch, const protocol::RecordView& record) = 0;
  virtual void entry(Offset segment_base, const OffsetEntry& entry) = 0;
  virtual void entry(Offset segment_base, const TimeEntry& entry) = 0;
  virtual void producer(ProducerId id, const ProducerEntry& entry) = 0;
  virtual void epoch(const LeaderEpochs::Entry& entry) = 0;
  virtual void point(const RecoveryPoint& point) = 0;
  virtual void point(const LogStart& point) = 0;
  virtual void point(const SyncPoint& point) = 0;
  virtual void point(const CleanerPoint& point) = 0;
  virtual void point(const SwapList& list) = 0;
  virtual void found(const Finding& finding) = 0;
  virtual void end(const FileVerdict& verdict) = 0;
  /// False: nobody listens any more, so stop.
  [[nodiscard]] virtual bool wants_more() const { return true; }
};

struct InspectOptions {
  /// Decompress batches and tell of each record; a record that cannot be read is damage.
  bool records = false;
  /// Look at .index and .timeindex alone.
  bool indexes_only = false;
  /// Offsets may be missing below the sync point, as in a compacted topic. The log's own word for
  /// it
  /// (`log-start`) counts as well.
  bool gaps_allowed = false;
  /// Most bytes that one batch may have when decompressed.
  std::size_t decompressed_bytes_max = std::size_t{128} << 20;
};

struct InspectSummary {
  friend bool operator==(const InspectSummary&, const InspectSummary&) = default;
  std::uint64_t files = 0;
  std::uint64_t damaged_files = 0;
  std::uint64_t damages = 0;
};

/// Looks at every file of the partition in `folder`, and at how they fit together: segments must
/// meet, indexes and points lead to batches, producers and leader epochs be those of the batches,
/// and everything below the sync point must be there. Errors are those of the file system.
[[nodiscard]] Result<InspectSummary> inspect_folder(Files& files,
                                                    const std::filesystem::path& folder,
                                                    const InspectOptions& options,
                                                    InspectSink& sink);

/// Looks at one file, with the help of those beside it. `file_kind` of its name must be something.
[[nodiscard]] Result<InspectSummary> inspect_file(Files& files, const std::filesystem::path& file,
                                                  const InspectOptions& options, InspectSink& sink);

/// The folders below `directory` that hold a log, by name: what a data directory is made of.
[[nodiscard]] Result<std::vector<std::filesystem::path>> log_folders(
    Files& files, const std::filesystem::path& directory);

}  // namespace millrace::log
