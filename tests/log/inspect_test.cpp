#include "log/inspect.hpp"

#include <map>

#include "log/batch_scan.hpp"
#include "log/file_names.hpp"
#include "tests/log/log_fixture.hpp"

namespace millrace::log {
namespace {

/// Keeps what was found, by the name of the file.
class FoundList final : public InspectSink {
 public:
  void begin(const std::filesystem::path& file, FileKind, std::uint64_t) override {
    file_ = file.filename().string();
    files.push_back(file_);
  }
  void batch(const InspectedBatch&) override { ++batches; }
  void record(const protocol::BatchView&, const protocol::RecordView&) override { ++records; }
  void entry(Offset, const OffsetEntry&) override { ++entries; }
  void entry(Offset, const TimeEntry&) override { ++entries; }
  void producer(ProducerId, const ProducerEntry&) override { ++producers; }
  void epoch(const LeaderEpochs::Entry&) override {}
  void point(const RecoveryPoint&) override {}
  void point(const LogStart&) override {}
  void point(const SyncPoint&) override {}
  void point(const CleanerPoint&) override {}
  void point(const SwapList&) override {}
  void found(const Finding& finding) override { found_in[file_].push_back(finding); }
  void end(const FileVerdict& verdict) override { verdicts[file_] = verdict; }

  std::vector<std::string> files;
  std::map<std::string, std::vector<Finding>> found_in;
  std::map<std::string, FileVerdict> verdicts;
  int batches = 0;
  int records = 0;
  int entries = 0;
  int producers = 0;

 private:
  std::string file_;
};

/// Three segments of a log that was closed, with producers, index entries and all small files.
struct ClosedLog : LogFixture {
  ClosedLog() {
    config.segment_bytes = 4000;
    open();
    for (int i = 0; i < 60; ++i) {
      append({.records = 3,
              .first_timestamp = Timestamp{time += 10},
              .producer = BatchBuilder::Producer{ProducerId{7}, ProducerEpoch{0}, Sequence{3 * i}},
              .salt = ++salt});
      REQUIRE(log->sync_now());
      checkpoint();
    }
    REQUIRE(log->close());
  }
  InspectSummary inspect(InspectOptions options = {}) {
    found = {};
    const auto summary = inspect_folder(files, kDir, options, found);
    REQUIRE(summary.has_value());
    return *summary;
  }
  /// The one thing that is damaged.
  Finding only_damage(const std::string& file) {
    const auto summary = inspect();
    std::vector<Finding> damages;
    for (const auto& [name, findings] : found.found_in)
      for (const auto& finding : findings) {
        CAPTURE(name, finding);
        if (!finding.damage) continue;
        CHECK(name == file);
        damages.push_back(finding);
      }
    CHECK(summary.damages == damages.size());
    CHECK(summary.damaged_files == 1);
    REQUIRE(damages.size() == 1);
    return damages.front();
  }
  /// The segments' base offsets, in order.
  std::vector<Offset> bases() {
    std::vector<Offset> all;
    const auto entries = files.list(kDir);
    REQUIRE(entries.has_value());
    for (const auto& entry : *entries)
      if (const auto base = parse_file_name(entry.name, kLogSuffix)) all.push_back(*base);
    return all;
  }
  std::string name(std::size_t segment, std::string_view suffix) {
    return file_name(bases().at(segment), suffix);
  }
  /// Where the batches of a segment begin.
  std::vector<std::uint64_t> starts(const std::string& segment) {
    const auto file = files.open(kDir / segment, OpenMode::read_only).value();
    BatchScan scan{*file, {0, files.size_of(kDir / segment)}, BatchScan::kHeaderBlockBytes};
    std::vector<std::uint64_t> all;
    for (;;) {
      const auto batch = scan.next().value();
      if (!batch) return all;
      all.push_back(batch->position);
    }
  }
  void rewrite(const std::string& file, const std::vector<std::byte>& contents) {
    files.put(kDir / file, contents);
  }

  FoundList found;
};

TEST_CASE_METHOD(ClosedLog, "inspect: a log that was closed is sound in every file",
                 "[log][inspect]") {
  REQUIRE(bases().size() >= 3);
  const auto summary = inspect({.records = true});
  for (const auto& [file, findings] : found.found_in) {
    CAPTURE(file, findings.front());
    CHECK(findings.empty());
  }
  CHECK(summary.damages == 0);
  CHECK(summary.files == found.files.size());
  CHECK(found.batches == 60);
  CHECK(found.records == 180);
  CHECK(found.entries > 20);
  CHECK(found.producers > 0);
  for (const auto* name : {"leader-epoch-checkpoint", "recovery-point", "sync-point"})
    CHECK(found.verdicts.contains(name));
}

TEST_CASE_METHOD(ClosedLog, "inspect: a wrong checksum is told with place and offsets",
                 "[log][inspect]") {
  const auto segment = name(1, kLogSuffix);
  const auto at = starts(segment)[2];
  files.flip_bit(kDir / segment, at + 70, 3);
  const auto finding = only_damage(segment);
  CHECK(finding.position == at);
  CHECK(finding.bytes == starts(segment)[3] - at);
  CHECK(finding.offset == Offset{bases()[1].value + 6});
  CHECK(finding.what.starts_with("the checksum of a batch is wrong; offsets "));
  CHECK(finding.meaning.starts_with("acknowledged records are missing"));
  CHECK(found.batches == 60);  // the damaged one is shown too, and those behind it
}

TEST_CASE_METHOD(ClosedLog, "inspect: a zeroed range ends where batches go on", "[log][inspect]") {
  const auto segment = name(0, kLogSuffix);
  const auto at = starts(segment);
  files.zero(kDir / segment, at[1], at[3] - at[1]);
  inspect();
  REQUIRE(found.found_in[segment].size() == 1);
  const auto finding = found.found_in[segment].front();
  CHECK(finding.damage);
  CHECK(finding.position == at[1]);
  CHECK(finding.bytes == at[3] - at[1]);
  CHECK(finding.what == "zeros instead of a batch; offsets 3 to 8 cannot be read");
}

TEST_CASE_METHOD(ClosedLog, "inspect: a hole between two batches is told", "[log][inspect]") {
  const auto segment = name(0, kLogSuffix);
  const auto at = starts(segment);
  auto bytes = files.contents(kDir / segment);
  bytes.erase(bytes.begin() + static_cast<std::ptrdiff_t>(at[4]),
              bytes.begin() + static_cast<std::ptrdiff_t>(at[5]));
  rewrite(segment, bytes);
  inspect();
  REQUIRE(found.found_in.contains(segment));
  const auto finding = found.found_in[segment].front();
  CHECK(finding.damage);
  CHECK(finding.position == at[4]);
  CHECK(finding.what == "offsets 12 to 14 are missing between two batches");
  // The index leads to where the batches were.
  CHECK_FALSE(found.verdicts[name(0, kIndexSuffix)].sound());

  inspect({.gaps_allowed = true});
  CHECK(found.verdicts[segment].sound());
}

TEST_CASE_METHOD(ClosedLog, "inspect: a gap is one on purpose only below the sync point",
                 "[log][inspect]") {
  const auto segment = name(bases().size() - 1, kLogSuffix);
  auto bytes = files.contents(kDir / segment);
  const auto behind = batch_of({.base_offset = Offset{183}});
  bytes.insert(bytes.end(), behind.begin(), behind.end());
  rewrite(segment, bytes);
  inspect({.gaps_allowed = true});
  REQUIRE_FALSE(found.verdicts[segment].sound());
  CHECK(found.found_in[segment].front().what ==
        "offsets 180 to 182 are missing between two batches");
  rewrite("sync-point", SyncPoint{Offset{184}}.encode());
  CHECK(inspect({.gaps_allowed = true}).damages == 0);
}

TEST_CASE_METHOD(ClosedLog, "inspect: a missing log-start is told", "[log][inspect]") {
  files.erase(kDir / kLogStartFile);
  CHECK(only_damage(name(0, kLogSuffix)).what == "log-start is missing");
}

TEST_CASE_METHOD(ClosedLog, "inspect: a missing segment is told by the one behind it",
                 "[log][inspect]") {
  const auto gone = bases()[1];
  const auto behind = name(2, kLogSuffix);
  for (const auto suffix : {kLogSuffix, kIndexSuffix, kTimeIndexSuffix})
    files.erase(kDir / file_name(gone, suffix));
  const auto finding = only_damage(behind);
  CHECK(finding.offset == gone);
  CHECK(finding.what.ends_with("are missing in front of the segment"));
}

TEST_CASE_METHOD(ClosedLog, "inspect: a torn tail that was never acknowledged is no damage",
                 "[log][inspect]") {
  const auto segment = name(bases().size() - 1, kLogSuffix);
  auto bytes = files.contents(kDir / segment);
  const auto whole = bytes.size();
  const auto half = batch_of({.base_offset = Offset{180}});
  bytes.insert(bytes.end(), half.begin(), half.begin() + 40);
  rewrite(segment, bytes);
  const auto summary = inspect();
  CHECK(summary.damages == 0);
  REQUIRE(found.found_in.contains(segment));
  const auto finding = found.found_in[segment].front();
  CHECK_FALSE(finding.damage);
  CHECK(finding.position == whole);
  CHECK(finding.bytes == 40);
  CHECK(finding.meaning.starts_with("a torn tail"));
}

TEST_CASE_METHOD(ClosedLog, "inspect: a tail that was acknowledged and is cut off is damage",
                 "[log][inspect]") {
  const auto segment = name(bases().size() - 1, kLogSuffix);
  SECTION("in the middle of a batch") {
    files.cut(kDir / segment, starts(segment).back() + 30);
    inspect();
    CHECK_FALSE(found.verdicts[segment].sound());
  }
  SECTION("between two batches, where the segment alone looks whole") {
    files.cut(kDir / segment, starts(segment).back());
    inspect();
    CHECK(found.verdicts[segment].sound());
  }
  CHECK_FALSE(found.verdicts["sync-point"].sound());
  CHECK(found.found_in["sync-point"].front().what ==
        "records up to offset 180 were acknowledged, and the log ends at 177");
  CHECK_FALSE(found.verdicts["recovery-point"].sound());
}

TEST_CASE_METHOD(ClosedLog, "inspect: a stale index is told, entry and all", "[log][inspect]") {
  const auto index = name(1, kIndexSuffix);
  auto bytes = files.contents(kDir / index);
  SECTION("an entry leads nowhere") {
    OffsetEntry entry = OffsetEntry::load(bytes.data() + 8);
    ++entry.position;
    entry.store(bytes.data() + 8);
    rewrite(index, bytes);
    const auto finding = only_damage(index);
    CHECK(finding.position == 8);
    CHECK(finding.what.starts_with("an entry leads to byte "));
  }
  SECTION("the file is missing") {
    files.erase(kDir / index);
    const auto finding = only_damage(name(1, kLogSuffix));
    CHECK(finding.what == index + " is missing");
  }
  SECTION("the file was cut") {
    files.cut(kDir / index, bytes.size() - 3);
    CHECK(only_damage(index).what == "the last entry is cut off");
  }
  SECTION("a time is not that of its batch") {
    const auto times = name(1, kTimeIndexSuffix);
    auto contents = files.contents(kDir / times);
    TimeEntry entry = TimeEntry::load(contents.data());
    --entry.timestamp;
    entry.store(contents.data());
    rewrite(times, contents);
    CHECK(only_damage(times).meaning == "no record is lost; lookups by time may miss records");
  }
  SECTION("only indexes are looked at when that is asked") {
    const auto summary = inspect({.indexes_only = true});
    CHECK(summary.damages == 0);
    CHECK(found.batches == 0);
    CHECK(found.entries > 20);
  }
}

TEST_CASE_METHOD(ClosedLog, "inspect: a producer snapshot is held against the batches",
                 "[log][inspect]") {
  const auto entries = files.list(kDir).value();
  std::string snapshot;
  for (const auto& entry : entries)
    if (entry.name.ends_with(kSnapshotSuffix)) snapshot = entry.name;
  REQUIRE_FALSE(snapshot.empty());
  SECTION("one that says what the batches do not say") {
    ProducerState state;
    state.apply(view_of(batch_of({.records = 3,
                                  .producer = BatchBuilder::Producer{ProducerId{7},
                                                                     ProducerEpoch{0}, Sequence{9}},
                                  .base_offset = Offset{170}})),
                kNow);
    rewrite(snapshot, state.encode());
    CHECK(only_damage(snapshot).what == "what it says of producer 7 is not what the batches say");
  }
  SECTION("one whose checksum is wrong") {
    files.flip_bit(kDir / snapshot, 20, 1);
    CHECK(only_damage(snapshot).what.starts_with("tag, checksum or contents"));
  }
  SECTION("one of a longer log") {
    const auto longer = file_name(Offset{500}, kSnapshotSuffix);
    rewrite(longer, files.contents(kDir / snapshot));
    CHECK(only_damage(longer).what == "is of a longer log than this one, which ends at offset 180");
  }
}

TEST_CASE_METHOD(ClosedLog, "inspect: leader epochs are held against the batches",
                 "[log][inspect]") {
  LeaderEpochs epochs;
  epochs.assign(LeaderEpoch{1}, Offset{0});
  epochs.assign(LeaderEpoch{2}, Offset{90});
  rewrite("leader-epoch-checkpoint", epochs.encode());
  CHECK(only_damage("leader-epoch-checkpoint").offset == Offset{90});
}

TEST_CASE_METHOD(ClosedLog, "inspect: a small file with a flipped bit is damaged",
                 "[log][inspect]") {
  const std::string file = GENERATE("leader-epoch-checkpoint", "recovery-point", "sync-point");
  files.flip_bit(kDir / file, 9, 0);
  CHECK(only_damage(file).what == "tag, checksum or contents are not those of such a file");
}

TEST_CASE_METHOD(ClosedLog, "inspect: a file alone is judged with those beside it",
                 "[log][inspect]") {
  const auto segment = name(1, kLogSuffix);
  const auto at = starts(segment)[2];
  files.flip_bit(kDir / segment, at + 70, 3);
  for (const auto& entry : files.list(kDir).value()) {
    if (!file_kind(entry.name)) continue;
    CAPTURE(entry.name);
    FoundList one;
    const auto summary = inspect_file(files, kDir / entry.name, {}, one);
    REQUIRE(summary.has_value());
    CHECK(one.files == std::vector<std::string>{entry.name});
    CHECK(summary->damages == (entry.name == segment ? 1 : 0));
  }
  CHECK(inspect_file(files, kDir / "nothing.log", {}, found).has_error());
  CHECK(inspect_file(files, kDir / file_name(Offset{5}, kLogSuffix), {}, found).error() ==
        boost::system::errc::no_such_file_or_directory);
}

TEST_CASE_METHOD(ClosedLog, "inspect: what the last crash left is no damage", "[log][inspect]") {
  open();
  for (int i = 60; i < 70; ++i) append({.records = 3, .salt = ++salt});
  REQUIRE(log->write());  // not synced, no checkpoint, no index entries in the files
  files.kill_process();
  const auto summary = inspect();
  CHECK(summary.damages == 0);
  CHECK(found.batches == 70);
}

TEST_CASE_METHOD(ClosedLog, "inspect: nothing is written, made, locked or removed",
                 "[log][inspect]") {
  const auto before = [&] {
    std::map<std::string, std::vector<std::byte>> all;
    for (const auto& entry : files.list(kDir).value())
      all[entry.name] = files.contents(kDir / entry.name);
    return all;
  };
  const auto segment = name(1, kLogSuffix);
  files.flip_bit(kDir / segment, 70, 3);
  files.put(kDir / (segment + ".deleted"), {});
  files.put(kDir / "recovery-point.tmp", {});
  const auto contents = before();
  inspect({.records = true});
  CHECK(before() == contents);
  for (const auto call :
       {FileCall::write, FileCall::sync, FileCall::truncate, FileCall::create_directories,
        FileCall::rename, FileCall::remove, FileCall::remove_all, FileCall::sync_directory,
        FileCall::lock_directory}) {
    CAPTURE(call);
    const auto calls = files.calls(call);
    inspect({.records = true});
    CHECK(files.calls(call) == calls);
  }
}

TEST_CASE_METHOD(ClosedLog, "inspect: any call of the disk may fail", "[log][inspect]") {
  for (std::uint64_t nth = 1;; ++nth) {
    files.fail_call(nth);
    FoundList one;
    const auto summary = inspect_folder(files, kDir, {}, one);
    files.fail_nothing();
    if (summary && summary->damages == 0 && one.batches == 60) break;
    REQUIRE(nth < 10'000);
  }
  CHECK(inspect().damages == 0);
}

TEST_CASE_METHOD(ClosedLog, "inspect: retention at work meanwhile is no damage", "[log][inspect]") {
  // Takes the first two segments away when the first is opened.
  class Retention final : public InspectSink {
   public:
    explicit Retention(ClosedLog& owner) : owner_{owner} {}
    void begin(const std::filesystem::path& file, FileKind, std::uint64_t) override {
      if (!std::exchange(first_, false)) return;
      const auto bases = owner_.bases();
      owner_.files.put(kDir / kLogStartFile, LogStart{bases[2], false}.encode());
      for (const auto suffix : {kLogSuffix, kIndexSuffix, kTimeIndexSuffix}) {
        owner_.files.erase(kDir / file_name(bases[0], suffix));
        owner_.files.erase(kDir / file_name(bases[1], suffix));
      }
      static_cast<void>(file);
    }
    void batch(const InspectedBatch&) override {}
    void record(const protocol::BatchView&, const protocol::RecordView&) override {}
    void entry(Offset, const OffsetEntry&) override {}
    void entry(Offset, const TimeEntry&) override {}
    void producer(ProducerId, const ProducerEntry&) override {}
    void epoch(const LeaderEpochs::Entry&) override {}
    void point(const RecoveryPoint&) override {}
    void point(const LogStart&) override {}
    void point(const SyncPoint&) override {}
    void point(const CleanerPoint&) override {}
    void point(const SwapList&) override {}
    void found(const Finding& finding) override {
      CAPTURE(finding);
      CHECK_FALSE(finding.damage);
    }
    void end(const FileVerdict&) override {}

   private:
    ClosedLog& owner_;
    bool first_ = true;
  };
  Retention sink{*this};
  const auto summary = inspect_folder(files, kDir, {}, sink);
  REQUIRE(summary.has_value());
  CHECK(summary->damages == 0);
}

}  // namespace
}  // namespace millrace::log
