#include <unistd.h>

#include <boost/json/parse.hpp>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "log/file_names.hpp"
#include "log/posix_files.hpp"
#include "protocol/messages/group_records.hpp"
#include "protocol/record/builder.hpp"
#include "protocol/wire/codec.hpp"
#include "tests/log/log_fixture.hpp"
#include "tools/cli.hpp"
#include "tools/log_dump_group.hpp"
#include "tools/log_dump_print.hpp"

namespace millrace::tools {
namespace {

using log::kNow;
using protocol::BatchBuilder;

struct Run {
  ExitCode code;
  std::string out;
  std::string err;
};

Run dump(std::vector<std::string> arguments) {
  StringSink out;
  StringSink err;
  Terminal terminal{.out = out, .err = err, .environment = {}};
  arguments.insert(arguments.begin(), {"debug", "log-dump"});
  const auto code = run(std::move(arguments), terminal);
  return {code, out.text(), err.text()};
}

/// A data directory with one partition, written as a broker does and closed.
class Partition {
 public:
  Partition() {
    std::string name = (std::filesystem::temp_directory_path() / "millrace-dump-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    data = name;
    folder = data / "orders-0";
    open();
    BatchBuilder plain{
        {.producer = BatchBuilder::Producer{ProducerId{7}, ProducerEpoch{0}, Sequence{0}}}};
    plain.add(kNow, as_bytes("k"), as_bytes("a \"b\"\n"));
    plain.add(Timestamp{kNow.value + 1}, std::nullopt, std::nullopt);
    append(plain);
    BatchBuilder packed{{.codec = protocol::Codec::lz4}};
    const protocol::HeaderView header{"h", as_bytes("\x01")};
    packed.add(kNow, as_bytes("\xff\xfe"), as_bytes(std::string(300, 'v')), {&header, 1});
    append(packed);
    close();
  }
  ~Partition() { std::filesystem::remove_all(data); }

  void open() {
    log::DamageList damage;
    auto opened = log::PartitionLog::open(files, folder, {}, kNow, damage);
    REQUIRE(opened.has_value());
    log_ = std::move(opened->log);
  }
  void append(BatchBuilder& builder) {
    REQUIRE(log_->append(builder.build().value(), LeaderEpoch{3}, std::nullopt));
    REQUIRE(log_->sync_now());
  }
  void close() { REQUIRE(log_->close()); }
  [[nodiscard]] std::string file(std::string_view name) const { return (folder / name).string(); }
  /// The output without the directory, which is another one each time.
  [[nodiscard]] std::string without_directory(std::string text) const {
    const auto prefix = data.string() + '/';
    for (auto at = text.find(prefix); at != std::string::npos; at = text.find(prefix))
      text.erase(at, prefix.size());
    return text;
  }
  /// Contents and times of all files.
  [[nodiscard]] std::map<std::string, std::string> state() const {
    std::map<std::string, std::string> all;
    for (const auto& entry : std::filesystem::recursive_directory_iterator{data}) {
      std::ostringstream text;
      text << entry.last_write_time().time_since_epoch().count() << ' ';
      if (entry.is_regular_file()) text << std::ifstream{entry.path(), std::ios::binary}.rdbuf();
      all[entry.path().string()] = std::move(text).str();
    }
    return all;
  }
  void flip(std::string_view name, std::streamoff at) const {
    std::fstream stream{folder / name, std::ios::in | std::ios::out | std::ios::binary};
    stream.seekg(at);
    const auto byte = static_cast<char>(stream.get() ^ 0x10);
    stream.seekp(at);
    stream.put(byte);
    REQUIRE(stream.good());
  }

  log::PosixFiles files;
  std::filesystem::path data;
  std::filesystem::path folder;

 private:
  std::unique_ptr<log::PartitionLog> log_;
};

constexpr std::string_view kSegment = "00000000000000000000.log";

TEST_CASE_METHOD(Partition, "log-dump: a folder as text, records and verdicts",
                 "[tools][log_dump]") {
  const auto result = dump({folder.string(), "--records", "--bytes", "8"});
  CHECK(result.code == ExitCode::ok);
  CHECK(result.err.empty());
  std::ifstream golden{MILLRACE_SOURCE_DIR "/tests/tools/golden/log_dump.txt"};
  std::ostringstream expected;
  expected << golden.rdbuf();
  CHECK(without_directory(result.out) == expected.str());
}

TEST_CASE_METHOD(Partition, "log-dump: one JSON object to a line, nulls kept",
                 "[tools][log_dump]") {
  const auto result =
      dump({"--files", file(kSegment), "--print-data-log", "-O", "json", "--bytes", "8"});
  CHECK(result.code == ExitCode::ok);
  std::vector<boost::json::object> lines;
  std::istringstream text{result.out};
  for (std::string line; std::getline(text, line);)
    lines.push_back(boost::json::parse(line).as_object());
  REQUIRE(lines.size() == 8);
  CHECK(lines[0]["type"] == "file");
  CHECK(lines[0]["kind"] == "segment");
  CHECK(lines[1]["type"] == "batch");
  CHECK(lines[1]["producer_id"] == 7);
  CHECK(lines[1]["checksum"] == "ok");
  CHECK(lines[2]["key"] == "k");
  CHECK(lines[2]["value"] == "a \"b\"\n");
  CHECK(lines[3]["key"].is_null());
  CHECK(lines[3]["value"].is_null());
  CHECK(lines[4]["producer_id"].is_null());
  CHECK(lines[4]["codec"] == "lz4");
  CHECK(lines[5]["key_base64"] == "//4=");
  CHECK(lines[5]["value"] == "vvvvvvvv");
  CHECK(lines[5]["value_bytes"] == 300);
  CHECK(lines[5]["headers"] == boost::json::parse(R"([{"key":"h","value":"\u0001"}])"));
  CHECK(lines[6]["type"] == "verdict");
  CHECK(lines[6]["sound"] == true);
  CHECK(lines[7]["type"] == "summary");
}

TEST_CASE_METHOD(Partition, "log-dump: what is shown can be narrowed", "[tools][log_dump]") {
  const auto batches = [](const std::string& text) {
    std::size_t count = 0;
    for (auto at = text.find("  batch "); at != std::string::npos;
         at = text.find("  batch ", at + 1))
      ++count;
    return count;
  };
  CHECK(batches(dump({file(kSegment)}).out) == 2);
  CHECK(batches(dump({file(kSegment), "--offset", "2"}).out) == 1);
  CHECK(batches(dump({file(kSegment), "--offset", "1"}).out) == 2);
  CHECK(batches(dump({file(kSegment), "-n", "1"}).out) == 1);
  CHECK(batches(dump({file(kSegment), "--verify"}).out) == 0);
  const auto one = dump({file(kSegment), "--offset", "1", "--records"});
  CHECK(one.out.find("record offset=0") == std::string::npos);
  CHECK(one.out.find("record offset=1") != std::string::npos);
}

TEST_CASE_METHOD(Partition, "log-dump: damage has an exit code, a place and a meaning",
                 "[tools][log_dump]") {
  flip(kSegment, 70);
  const auto whole = dump({folder.string()});
  CHECK(whole.code == ExitCode::damaged);
  CHECK(whole.err.empty());
  CHECK(whole.out.find("  damage at byte 0 (82 bytes), offset 0: the checksum of a batch is wrong; "
                       "offsets 0 to 1 cannot be read\n    acknowledged records are missing") !=
        std::string::npos);
  CHECK(whole.out.find("checksum=wrong") != std::string::npos);
  CHECK(whole.out.find("  DAMAGED in 1 place, 2 batches\n") != std::string::npos);
  CHECK(whole.out.ends_with("DAMAGED: 1 of 8 files\n"));
  CHECK(dump({data.string(), "--verify"}).code == ExitCode::damaged);
  CHECK(dump({file("sync-point")}).code == ExitCode::ok);
  CHECK(dump({file("00000000000000000000.index")}).code == ExitCode::ok);
  CHECK(dump({folder.string(), "--verify-index-only"}).code == ExitCode::ok);

  const auto json = dump({file(kSegment), "-O", "json"});
  CHECK(json.code == ExitCode::damaged);
  CHECK(json.out.find(R"("type":"damage")") != std::string::npos);
}

TEST_CASE_METHOD(Partition, "log-dump: nothing is changed, and a broker may have the directory",
                 "[tools][log_dump]") {
  open();  // a log at work
  const auto lock = files.lock_directory(data);
  REQUIRE(lock.has_value());
  BatchBuilder more{{}};
  more.add(kNow, std::nullopt, as_bytes("more"));
  append(more);
  const auto before = state();
  const auto result = dump({data.string(), "--records"});
  CHECK(result.code == ExitCode::ok);
  CHECK(result.out.find("record offset=3") != std::string::npos);
  CHECK(state() == before);
  close();
}

TEST_CASE_METHOD(Partition, "log-dump: what is no log is said", "[tools][log_dump]") {
  std::ofstream{data / "notes.txt"} << "hello";
  std::filesystem::create_directory(data / "empty");
  const auto other = dump({(data / "notes.txt").string()});
  CHECK(other.code == ExitCode::usage);
  CHECK(other.err.find("cannot be told from its name") != std::string::npos);
  CHECK(dump({(data / "empty").string()}).code == ExitCode::usage);
  CHECK(dump({(data / "nothing").string()}).code == ExitCode::not_found);
  CHECK(dump({file("00000000000000000009.log")}).code == ExitCode::not_found);
  CHECK(dump({folder.string(), "-O", "yaml"}).code == ExitCode::usage);
  CHECK(dump({}).code == ExitCode::usage);
}

TEST_CASE("log-dump: committed offsets are shown by their fields", "[tools][log_dump]") {
  // Type 1: group "g", topic "t", partition 2; value version 3: offset 5, epoch -1, "", a time.
  const std::string key{"\x00\x01\x00\x01g\x00\x01t\x00\x00\x00\x02", 12};
  const std::string value{
      "\x00\x03\x00\x00\x00\x00\x00\x00\x00\x05\xff\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00\x00"
      "\x09",
      24};
  const auto text = decode_group_record(as_bytes(key), as_bytes(value));
  CHECK(text.key == boost::json::parse(R"({"Group":"g","Topic":"t","Partition":2})"));
  CHECK(text.value.at("Offset") == 5);
  CHECK(decode_group_record(as_bytes(key), std::nullopt).value.is_null());
  CHECK(decode_group_record(as_bytes("\x7f\x7f"), as_bytes(value)).key.is_null());
  CHECK(decode_group_record(std::nullopt, std::nullopt).key.is_null());
}

}  // namespace
}  // namespace millrace::tools
