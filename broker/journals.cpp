#include "broker/journals.hpp"

#include <spdlog/spdlog.h>

#include <utility>

#include "log/errc.hpp"

namespace millrace::broker {
namespace {

constexpr std::size_t kSlots = 4;  // three may wait for segments to be synced while one is written
constexpr std::uint64_t kSlotBytesMin = 16 * log::kJournalBlockBytes;
constexpr std::uint64_t kSpaceFactor = 8;  // a disk with less free space has better uses for it

class JournalDamage final : public log::DamageSink {
 public:
  void damaged(const log::Damage& damage) override {
    spdlog::error(
        "journal damage: {} at byte {}: {}; acknowledged records that no segment has yet may be "
        "missing, and partitions that miss some are reported on their own",
        damage.file.string(), damage.position, damage.what);
  }
};

}  // namespace

Result<void> Journals::load() {
  const auto life = log::read_journal_life(files_, directory_);
  if (!life && life.error() == make_error_code(log::Errc::corrupt_file)) {
    spdlog::error("journal damage: {} cannot be read, so what the journals hold is not used",
                  (directory_ / log::kJournalLifeFile).string());
    return {};
  }
  if (!life) return life.error();
  if (!*life || !(*life)->in_use) return {};
  JournalDamage sink;
  auto contents = log::JournalContents::read(files_, directory_, (*life)->number, sink);
  if (!contents) return contents.error();
  last_life_ = (*life)->number;
  const std::scoped_lock lock{mutex_};
  left_over_ = std::make_shared<const log::JournalContents>(std::move(*contents));
  return {};
}

std::shared_ptr<const log::JournalContents> Journals::left_over() const {
  const std::scoped_lock lock{mutex_};
  return left_over_;
}

std::vector<Journals::Prepared> Journals::begin(std::size_t streams, std::uint64_t bytes,
                                                Rng& rng) {
  const std::uint64_t slot_bytes =
      bytes / streams / kSlots / log::kJournalBlockBytes * log::kJournalBlockBytes;
  if (kept_) {
    spdlog::warn(
        "a partition could not be opened, or only in part, so {} is kept as it is for the next "
        "start, and every "
        "append waits for a sync of its own segment",
        directory_.string());
    return {};
  }
  if (bytes == 0) return {};
  if (slot_bytes < kSlotBytesMin) {
    spdlog::warn("journal.bytes={} is too little for {} shards: each needs {}; doing without",
                 bytes, streams, kSlots * kSlotBytesMin);
    return {};
  }
  const auto fail = [&](const ErrorInfo& error) -> std::vector<Prepared> {
    spdlog::warn("no journal in {}: {}; every append waits for a sync of its own segment",
                 directory_.string(), error.message());
    return {};
  };
  const auto space = files_.space(directory_.parent_path());
  if (!space) return fail(space.error());
  const auto there = files_.exists(directory_ / log::journal_file_name(streams - 1, kSlots - 1));
  if (!there) return fail(there.error());
  if (!*there && space->available / kSpaceFactor < bytes) {
    spdlog::info("no journal: a disk with {} bytes free is too small for one of {}",
                 space->available, bytes);
    return {};
  }
  if (last_life_ != 0) {
    // Files may be written anew from here on, and holes in the old ones would look like damage.
    const auto ended =
        log::write_journal_life(files_, directory_, {.number = last_life_, .in_use = false});
    if (!ended) return fail(ended.error());
  }
  std::vector<Prepared> prepared;
  const std::uint64_t life = rng.next() | 1;
  for (std::size_t stream = 0; stream < streams; ++stream) {
    auto files = log::prepare_journal_files(files_, directory_, stream, kSlots, slot_bytes);
    if (!files) return fail(files.error());
    prepared.push_back({.files = std::move(*files), .life = life});
  }
  const auto begun = log::write_journal_life(files_, directory_, {.number = life, .in_use = true});
  if (!begun) return fail(begun.error());
  if (const auto removed = log::remove_surplus_journals(files_, directory_, streams); !removed)
    return fail(removed.error());
  life_ = life;
  const std::scoped_lock lock{mutex_};
  left_over_ = std::make_shared<const log::JournalContents>();
  return prepared;
}

void Journals::end() {
  if (life_ == 0 || kept_) return;
  // Should it fail, the next start reads journals that tell it nothing new.
  (void)log::write_journal_life(files_, directory_, {.number = life_, .in_use = false});
}

}  // namespace millrace::broker
