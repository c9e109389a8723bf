// Whole commands against a broker of our own, the throw-away one, in a process beside this one.
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <catch2/catch.hpp>
#include <csignal>

#include "tools/cli.hpp"

namespace millrace::tools {
namespace {

namespace json = boost::json;

/// `millrace dev`, from its first line on until this is destroyed.
class DevBroker {
 public:
  DevBroker() {
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    child_ = ::fork();
    REQUIRE(child_ >= 0);
    if (child_ == 0) serve(ends[1]);
    ::close(ends[1]);
    char c = 0;
    while (::read(ends[0], &c, 1) == 1 && c != '\n') address_ += c;
    ::close(ends[0]);
    REQUIRE(address_.starts_with("localhost:"));
  }
  ~DevBroker() { stop(); }
  DevBroker(const DevBroker&) = delete;
  DevBroker& operator=(const DevBroker&) = delete;

  [[nodiscard]] const std::string& address() const { return address_; }

  /// How it ended after being asked to.
  int stop() {
    if (child_ == 0) return 0;
    const auto child = std::exchange(child_, 0);
    ::kill(child, SIGTERM);
    int status = -1;
    ::waitpid(child, &status, 0);
    return status;
  }

  struct Run {
    ExitCode code;
    std::string out;
    std::string err;
  };
  /// One command against it, with `input` on its stdin.
  Run run(std::vector<std::string> arguments, std::string_view input = {}) const {
    StringSink out;
    StringSink err;
    const int in_fd = ::memfd_create("input", MFD_CLOEXEC);
    REQUIRE(::write(in_fd, input.data(), input.size()) == static_cast<ssize_t>(input.size()));
    ::lseek(in_fd, 0, SEEK_SET);
    Terminal terminal{
        .out = out, .err = err, .in_fd = in_fd, .environment = {{"MILLRACE_BROKERS", address_}}};
    const auto code = tools::run(std::move(arguments), terminal);
    ::close(in_fd);
    return {code, out.text(), err.text()};
  }
  /// The same for a command that must succeed; gives what it printed.
  std::string out_of(std::vector<std::string> arguments, std::string_view input = {}) const {
    const auto result = run(std::move(arguments), input);
    CAPTURE(result.err);
    CHECK(result.code == ExitCode::ok);
    return result.out;
  }
  json::value document_of(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"-O", "json"});
    return json::parse(out_of(std::move(arguments)));
  }

 private:
  [[noreturn]] static void serve(int out_fd) {
    FdSink out{out_fd};
    StringSink err;
    Terminal terminal{.out = out, .err = err};
    const auto code = tools::run({"dev", "--set", "auto.create.topics.enable=false"}, terminal);
    ::_exit(std::to_underlying(code));
  }

  pid_t child_ = 0;
  std::string address_;
};

TEST_CASE("topics: made, listed, described, changed, grown and deleted", "[tools][cluster]") {
  const DevBroker broker;
  CHECK(broker.out_of({"topic", "create", "a", "b", "-p", "2", "-c", "retention.ms=7d"}) ==
        "created a with 2 partitions\ncreated b with 2 partitions\n");
  const auto listed = broker.document_of({"topic", "list"}).as_array();
  REQUIRE(listed.size() == 2);
  CHECK(listed[0].at("name") == "a");
  CHECK(listed[0].at("partitions") == 2);
  CHECK(listed[0].at("internal") == false);

  broker.out_of({"topic", "alter", "a", "--unset", "retention.ms", "-c", "segment.bytes=64MiB"});
  broker.out_of({"topic", "add-partitions", "a", "-p", "3"});
  broker.out_of({"produce", "a", "-p", "2"}, "x\ny\n");
  const auto topic = broker.document_of({"topic", "describe", "a"}).as_array().at(0);
  REQUIRE(topic.at("partitions").as_array().size() == 3);
  const auto& last = topic.at("partitions").as_array()[2].as_object();
  CHECK(last.at("partition") == 2);
  CHECK(last.at("leader") == 1);
  CHECK(json::serialize(last.at("in_sync")) == "[1]");
  CHECK(last.at("earliest") == 0);
  CHECK(last.at("latest") == 2);
  // The throw-away broker differs from the defaults in one of them.
  CHECK(json::serialize(topic.at("configs")) ==
        R"([{"name":"flush.mode","value":"async","source":"broker"},)"
        R"({"name":"segment.bytes","value":"67108864","source":"topic"}])");

  broker.out_of({"topic", "delete", "b"});
  CHECK(broker.document_of({"topic", "list"}).as_array().size() == 1);
}

TEST_CASE("brokers: data directories are shown with room, partitions and sizes",
          "[tools][cluster]") {
  const DevBroker broker;
  broker.out_of({"topic", "create", "a", "-p", "2"});
  broker.out_of({"produce", "a", "-p", "1"}, "x\ny\n");
  const auto directories = broker.document_of({"broker", "logdirs"}).as_array();
  REQUIRE(directories.size() == 1);
  const auto& directory = directories[0].as_object();
  CHECK(directory.at("broker") == 1);
  CHECK(directory.at("online") == true);
  CHECK(directory.at("path").as_string().starts_with("/"));
  CHECK(directory.at("usable_bytes").as_int64() > 0);
  CHECK(directory.at("total_bytes").as_int64() > directory.at("usable_bytes").as_int64());
  const auto& partitions = directory.at("partitions").as_array();
  REQUIRE(partitions.size() == 2);
  CHECK(partitions[0].at("topic") == "a");
  CHECK(partitions[0].at("bytes") == 0);
  CHECK(partitions[1].at("partition") == 1);
  CHECK(partitions[1].at("bytes").as_int64() > 61);
  CHECK(partitions[1].at("offset_lag") == 0);
}

TEST_CASE("topics: what is there or is not there is told by the exit code", "[tools][cluster]") {
  const DevBroker broker;
  broker.out_of({"topic", "create", "a"});
  CHECK(broker.run({"topic", "create", "a"}).code == ExitCode::failed);
  CHECK(broker.document_of({"topic", "create", "a", "--if-not-exists"}).at(0).at("created") ==
        false);
  const auto line = GENERATE(values<std::vector<std::string>>({
      {"topic", "describe", "none"},
      {"topic", "delete", "none"},
      {"consume", "none", "-e"},
      {"consume", "a", "-p", "9"},
      {"group", "describe", "none"},
      {"group", "lag", "none"},
      {"group", "delete", "none"},
      {"group", "history", "none"},
      {"produce", "none"},
  }));
  CAPTURE(line);
  const auto result = broker.run(line, "x\n");
  CAPTURE(result.err);
  CHECK(result.code == ExitCode::not_found);
  CHECK(result.err.starts_with("error: "));
  // One that works and one that does not: both are heard of.
  const auto both = broker.run({"topic", "describe", "none", "a", "-O", "json"});
  CHECK(both.code == ExitCode::not_found);
  CHECK(json::parse(both.out).as_array().size() == 1);
}

TEST_CASE("produce and consume: what goes in comes out, byte for byte", "[tools][cluster]") {
  const DevBroker broker;
  std::string input = "\n\nfirst\n";
  for (int i = 0; i < 20'000; ++i)
    input += fmt::format("line {} {}\n", i, std::string(i % 97, 'x'));
  input += std::string("\0\xFF\r\n", 4);
  for (const auto* codec : {"none", "gzip", "snappy", "lz4", "zstd"}) {
    CAPTURE(codec);
    broker.out_of({"topic", "create", codec, "-p", "1"});
    broker.out_of({"produce", codec, "-z", codec}, input);
    CHECK((broker.out_of({"consume", codec, "--from-beginning", "--exit"}) == input));
  }
}

TEST_CASE("produce: keys, partitions, headers, times and tombstones", "[tools][cluster]") {
  const DevBroker broker;
  broker.out_of({"topic", "create", "a", "-p", "3"});
  broker.out_of({"produce", "a", "-f", "%p,%T,%k,%h,%v\\n", "-H", "all=1"},
                "2,1000,key,own=2,value\n");
  broker.out_of({"produce", "a", "-p", "1", "-k", "gone", "--tombstone"}, "\n");
  CHECK(broker.out_of({"consume", "a", "-e", "-p", "2", "-f", "%t %p %o %T %k %v %h\\n"}) ==
        "a 2 0 1000 key value all=1,own=2\n");
  const auto tombstone =
      json::parse(broker.out_of({"consume", "a", "-e", "-p", "1", "-O", "json"}));
  CHECK(tombstone.at("key") == "gone");
  CHECK(tombstone.at("value").is_null());
}

TEST_CASE("produce: a record that cannot be delivered fails the command and is named",
          "[tools][cluster]") {
  const DevBroker broker;
  broker.out_of({"topic", "create", "a", "-p", "1"});
  const auto large =
      broker.run({"produce", "a"}, "small\n" + std::string(3 << 20, 'x') + "\nlater\n");
  CHECK(large.code == ExitCode::failed);
  CHECK(large.err.find("error: record 2: ") != std::string::npos);
  CHECK(broker.out_of({"consume", "a", "-e"}) == "small\n");
  const auto wrong = broker.run({"produce", "a", "-f", "%p %v\\n"}, "0 x\nzero y\n");
  CHECK(wrong.code == ExitCode::failed);
  CHECK(wrong.err.find("error: record 2: ") != std::string::npos);
}

TEST_CASE("consume: places and ranges", "[tools][cluster]") {
  const DevBroker broker;
  broker.out_of({"topic", "create", "a", "-p", "1"});
  broker.out_of({"produce", "a", "-f", "%T %v\\n"}, "1000 0\n2000 1\n3000 2\n4000 3\n5000 4\n");
  const auto read = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"consume", "a", "-f", "%v,"});
    return broker.out_of(std::move(arguments));
  };
  CHECK(read({"-e"}) == "0,1,2,3,4,");
  CHECK(read({"-o", "3", "-e"}) == "3,4,");
  CHECK(read({"-o", "+1", "-e"}) == "1,2,3,4,");
  CHECK(read({"-o", "-2", "-e"}) == "3,4,");
  CHECK(read({"-o", "1:3"}) == "1,2,");
  CHECK(read({"-o", ":2"}) == "0,1,");
  CHECK(read({"-o", ":end"}) == "0,1,2,3,4,");
  CHECK(read({"-o", "-3:-1"}) == "2,3,");
  CHECK(read({"-o", "@2:@4"}) == "1,2,");
  CHECK(read({"-o", "end", "-e"}).empty());
  CHECK(read({"-o", "99", "-e"}).empty());
  CHECK(read({"-n", "2"}) == "0,1,");
}

TEST_CASE("consume: a group goes on behind what was printed", "[tools][cluster]") {
  const DevBroker broker;
  broker.out_of({"topic", "create", "a", "-p", "1"});
  broker.out_of({"produce", "a"}, "0\n1\n2\n3\n4\n");
  CHECK(broker.out_of({"consume", "a", "-g", "g", "-n", "2"}) == "0\n1\n");
  auto lag = broker.document_of({"group", "lag", "g"}).as_array().at(0);
  CHECK(lag.at("total_lag") == 3);
  CHECK(lag.at("partitions").at(0).at("committed") == 2);
  CHECK(broker.out_of({"consume", "a", "-g", "g", "-e"}) == "2\n3\n4\n");
  lag = broker.document_of({"group", "lag", "g"}).as_array().at(0);
  CHECK(lag.at("total_lag") == 0);
  CHECK(broker.document_of({"group", "list"}).at(0).at("group") == "g");
  CHECK(broker.document_of({"group", "describe", "g"}).at(0).at("state") == "Empty");
  CHECK(broker.out_of({"group", "delete", "g"}) == "deleted g\n");
  CHECK(broker.document_of({"group", "list"}).as_array().empty());
}

TEST_CASE("groups: how far behind one is, in records and in time", "[tools][cluster]") {
  const DevBroker broker;
  broker.out_of({"topic", "create", "a", "-p", "1"});
  broker.out_of({"produce", "a", "-f", "%T %v\\n"}, "1000 old\n2000 next\n3000 last\n");
  CHECK(broker.out_of({"consume", "a", "-g", "g", "-n", "1"}) == "old\n");
  const auto lag = broker.document_of({"group", "lag", "g"}).as_array().at(0);
  const auto& partition = lag.at("partitions").at(0);
  CHECK(partition.at("lag") == 2);
  CHECK(partition.at("waiting_since_ms") == 2000);
  // Since 1970, so to speak.
  CHECK(partition.at("lag_seconds").to_number<double>() > 1e9);
  CHECK(lag.at("lag_seconds") == partition.at("lag_seconds"));
  broker.out_of({"consume", "a", "-g", "g", "-e"});
  const auto done = broker.document_of({"group", "lag", "g"}).as_array().at(0);
  CHECK(done.at("partitions").at(0).at("waiting_since_ms").is_null());
  CHECK(done.at("lag_seconds") == 0.0);
}

TEST_CASE("groups: offsets are moved by hand, after it was said what would be",
          "[tools][cluster]") {
  const DevBroker broker;
  broker.out_of({"topic", "create", "a", "-p", "1"});
  broker.out_of({"topic", "create", "b", "-p", "2"});
  broker.out_of({"produce", "a", "-p", "0"}, "0\n1\n2\n3\n4\n");
  broker.out_of({"consume", "a", "-g", "g", "-e"});
  const auto committed = [&] {
    return broker.document_of({"group", "lag", "g"}).at(0).at("partitions").at(0).at("committed");
  };
  REQUIRE(committed() == 5);
  // Only said.
  const auto dry = broker.run({"group", "seek", "g", "--to", "+2", "-p", "0", "-O", "json"});
  CHECK(dry.code == ExitCode::ok);
  CHECK(dry.err.find("--execute") != std::string::npos);
  CHECK(json::serialize(json::parse(dry.out)) ==
        R"({"group":"g","executed":false,"partitions":[)"
        R"({"topic":"a","partition":0,"from":5,"to":2}]})");
  CHECK(committed() == 5);
  // Done.
  const auto done =
      broker.document_of({"group", "seek", "g", "--to", "+2", "-p", "0", "--execute"});
  CHECK(done.at("executed") == true);
  CHECK(committed() == 2);
  CHECK(broker.out_of({"consume", "a", "-g", "g", "-e"}) == "2\n3\n4\n");
  // A topic that it has nothing of yet, and places that are not there.
  const auto fresh = broker.document_of({"group", "seek", "g", "--to", "99", "-t", "b", "-y"});
  REQUIRE(fresh.at("partitions").as_array().size() == 2);
  CHECK(fresh.at("partitions").at(1).at("from").is_null());
  CHECK(fresh.at("partitions").at(1).at("to") == 0);
  CHECK(broker.run({"group", "seek", "none", "--to", "start"}).code == ExitCode::not_found);
  CHECK(broker.run({"group", "seek", "g", "--to", "1:2"}).code == ExitCode::usage);

  CHECK(broker.out_of({"group", "delete-offsets", "g", "-t", "b", "-p", "1"}) ==
        "deleted the offset of b-1\n");
  CHECK(broker.document_of({"group", "lag", "g"}).at(0).at("partitions").as_array().size() == 2);
  CHECK(broker.run({"group", "delete-offsets", "g", "-t", "b", "-p", "1"}).code ==
        ExitCode::not_found);
}

TEST_CASE("groups: why one rebalanced can be asked, also when it is gone", "[tools][cluster]") {
  const DevBroker broker;
  broker.out_of({"topic", "create", "a", "-p", "2"});
  broker.out_of({"produce", "a", "-p", "0"}, "0\n");
  broker.out_of({"consume", "a", "-g", "g", "-n", "1"});
  broker.out_of({"group", "delete", "g"});
  const auto history = broker.document_of({"group", "history", "g"}).as_array().at(0);
  CHECK(history.at("group") == "g");
  const auto& rebalances = history.at("rebalances").as_array();
  REQUIRE(rebalances.size() == 2);
  const auto& first = rebalances[0];
  CHECK(first.at("state") == "Stable");
  CHECK(first.at("protocol") == "classic");
  CHECK(first.at("causes").at(0).at("cause") == "member_joined");
  CHECK(first.at("causes").at(0).at("host") == "/127.0.0.1");
  CHECK(first.at("members").at(0).at("partitions_after") == 2);
  CHECK(first.at("moved").as_array().size() == 2);
  CHECK(first.at("moved").at(0).at("from").is_null());
  CHECK(rebalances[1].at("causes").at(0).at("cause") == "member_left");
  CHECK(rebalances[1].at("state") == "Empty");
  const auto text = broker.out_of({"group", "history", "g"});
  CHECK(text.find("member joined") != std::string::npos);
  CHECK(broker.run({"group", "history", "none"}).code == ExitCode::not_found);
}

TEST_CASE("groups: one has settings of its own", "[tools][cluster]") {
  const DevBroker broker;
  const auto shown = [&](std::vector<std::string> more = {}) {
    std::vector<std::string> line{"config", "show", "--group", "g"};
    line.insert(line.end(), more.begin(), more.end());
    return broker.document_of(std::move(line)).as_array();
  };
  CHECK(shown().empty());
  CHECK(shown({"--all"}).size() == 3);
  CHECK(broker.out_of({"config", "set", "--group", "g", "consumer.session.timeout.ms=50s"}) ==
        "changed group g\n");
  REQUIRE(shown().size() == 1);
  CHECK(shown()[0].at("value") == "50000");
  CHECK(shown()[0].at("source") == "group");
  const auto refused = broker.run({"config", "set", "-g", "g", "consumer.session.timeout.ms=1s"});
  CHECK(refused.code == ExitCode::failed);
  CHECK(refused.err.find("group.consumer.min.session.timeout.ms") != std::string::npos);
  broker.out_of({"config", "set", "-g", "g", "--unset", "consumer.session.timeout.ms"});
  CHECK(shown().empty());
  CHECK(broker.run({"config", "set", "-g", "g"}).code == ExitCode::usage);
  CHECK(broker.run({"config", "show"}).code == ExitCode::usage);
}

TEST_CASE("consume: a reader that goes away ends it without a complaint", "[tools][cluster]") {
  const DevBroker broker;
  broker.out_of({"topic", "create", "a", "-p", "1"});
  broker.out_of({"produce", "a"}, "0\n1\n");
  class Gone final : public Sink {
   public:
    std::error_code write(std::string_view) override {
      return std::make_error_code(std::errc::broken_pipe);
    }
  };
  Gone out;
  StringSink err;
  Terminal terminal{.out = out, .err = err};
  CHECK(run({"consume", "a", "-g", "g", "-b", broker.address()}, terminal) == ExitCode::ok);
  CHECK(err.text().empty());
  CHECK(broker.document_of({"group", "lag", "g"}).at(0).at("partitions").as_array().empty());
}

TEST_CASE("dev: ends in order when told to, and leaves nothing behind", "[tools][cluster]") {
  DevBroker broker;
  broker.out_of({"topic", "create", "a"});
  CHECK(broker.stop() == 0);
  CHECK(broker.run({"topic", "list"}).code == ExitCode::unreachable);
}

}  // namespace
}  // namespace millrace::tools
