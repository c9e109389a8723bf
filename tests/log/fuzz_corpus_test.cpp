#include <filesystem>
#include <fstream>

#include "tests/fuzz/log_folder.hpp"
#include "tests/fuzz/sound_log.hpp"
#include "tests/log/log_fixture.hpp"

// Writes the first inputs of the fuzz targets, by the writers that the broker has.
namespace millrace::log {
namespace {

void save(const std::string& target, const std::string& name, const std::vector<std::byte>& bytes) {
  const auto folder = std::filesystem::path{MILLRACE_SOURCE_DIR} / "tests/fuzz/corpus" / target;
  std::filesystem::create_directories(folder);
  std::ofstream file{folder / name, std::ios::binary | std::ios::trunc};
  file << as_text(bytes);
  REQUIRE(file.good());
}

std::vector<std::byte> with_first(unsigned first, std::vector<std::byte> bytes) {
  bytes.insert(bytes.begin(), static_cast<std::byte>(first));
  return bytes;
}

/// Segments at offsets 0, 4 and 8, which are the names that `kFuzzFiles` has.
struct ThreeSegments : LogFixture {
  ThreeSegments() : LogFixture{config_for_four()} {
    for (int i = 0; i < 10; ++i) {
      append({.first_timestamp = Timestamp{time += 10},
              .value_bytes = 10,
              .producer = i < 6 ? std::optional{BatchBuilder::Producer{
                                      ProducerId{1}, ProducerEpoch{0}, Sequence{i}}}
                                : std::nullopt,
              .salt = static_cast<std::uint64_t>(i)});
      REQUIRE(log->sync_now());
      if (i == 5) checkpoint();
    }
  }
  static LogConfig config_for_four() {
    LogConfig config = small_config();
    config.segment_bytes = 4 * 79;
    config.index_interval_bytes = 100;
    return config;
  }
  fuzz::FileMap all() {
    fuzz::FileMap map;
    for (const auto& entry : files.list(kDir).value())
      map[entry.name] = files.contents(kDir / entry.name);
    return map;
  }
};

TEST_CASE("fuzz corpus: writes the inputs that valid writers make", "[.][regenerate]") {
  ThreeSegments crashed;
  const auto running = crashed.all();
  REQUIRE(running.contains("00000000000000000008.log"));
  REQUIRE(crashed.log->close());
  const auto closed = crashed.all();
  auto torn = running;
  torn["00000000000000000008.log"].resize(100);
  auto holed = closed;
  holed.erase("00000000000000000004.log");
  const std::map<std::string, fuzz::FileMap> folders{
      {"running", running}, {"closed", closed}, {"torn", torn}, {"holed", holed}};
  for (const auto& [name, map] : folders) {
    auto input = fuzz::input_of(map);
    save("log_dump_fuzz", name, input);
    save("segment_fuzz", name, with_first(0, input));
    // With the bit that has checksums put right, so that what the fuzzer changes gets past them.
    for (std::size_t at = 0; at + 3 <= input.size();
         at += 3U + load_be<std::uint16_t>(input.data() + at + 1))
      input[at] |= std::byte{0x80};
    save("log_dump_fuzz", name + "-sealed", input);
    save("segment_fuzz", name + "-sealed", with_first(1, input));
  }

  const fuzz::SoundLog sound;
  for (const auto& [name, contents] : sound.files) {
    if (name.ends_with(kIndexSuffix) && !contents.empty())
      save("index_fuzz", name, with_first(3, contents));
    if (name.ends_with(kTimeIndexSuffix) && !contents.empty())
      save("time_index_fuzz", name, with_first(3, contents));
    if (name.ends_with(kSnapshotSuffix)) save("snapshot_fuzz", "empty", contents);
  }
  save("index_fuzz", "empty", with_first(0x83, {}));
  save("time_index_fuzz", "empty", with_first(0x83, {}));
  for (const auto& [name, contents] : closed) {
    if (name.ends_with(kSnapshotSuffix)) save("snapshot_fuzz", name, contents);
    if (!name.starts_with("0")) save("checkpoint_fuzz", name, contents);
  }
  save("checkpoint_fuzz", std::string{kCleanerPointFile},
       CleanerPoint{Offset{3}, Offset{3}}.encode());
  save("checkpoint_fuzz", std::string{kSwapListFile},
       SwapList{{{Offset{0}, 100}}, {Offset{0}, Offset{4}}}.encode());
  save("checkpoint_fuzz", std::string{kLogStartFile}, LogStart{Offset{3}, true}.encode());

  AbortedTransactions aborted;
  aborted.add({ProducerId{5}, Offset{3}, Offset{9}});
  aborted.add({ProducerId{6}, Offset{2}, Offset{70}});
  save("checkpoint_fuzz", std::string{kAbortedFile}, aborted.encode(Offset{80}));

  ProducerState state;
  state.apply(view_of(batch_of(
                  {.producer = BatchBuilder::Producer{ProducerId{5}, ProducerEpoch{2}, Sequence{0}},
                   .transactional = true})),
              kNow);
  save("snapshot_fuzz", "transaction", state.encode());

  using protocol::Codec;
  for (const auto codec : {Codec::none, Codec::gzip, Codec::snappy, Codec::lz4, Codec::zstd}) {
    const auto number = static_cast<int>(codec);
    save("record_fuzz", "codec-" + std::to_string(number),
         batch_of({.records = 3, .value_bytes = 12, .codec = codec}));
  }
}

}  // namespace
}  // namespace millrace::log
