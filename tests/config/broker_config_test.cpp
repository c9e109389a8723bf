#include "config/broker_config.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

namespace millrace::config {

namespace {

LoadedConfig load_file(std::string text) {
  Inputs inputs;
  inputs.file_text = std::move(text);
  return BrokerConfig::load(inputs);
}

/// The problems of one severity, printed.
std::vector<std::string> messages(const LoadedConfig& loaded, Severity severity) {
  std::vector<std::string> found;
  for (const Problem& problem : loaded.problems)
    if (problem.severity == severity)
      found.push_back(Catch::StringMaker<Problem>::convert(problem));
  return found;
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("broker config: the defaults need nothing and have no problems", "[config][broker]") {
  const LoadedConfig loaded = BrokerConfig::load({});
  CHECK(loaded.problems.empty());
  const BrokerConfig& config = loaded.config;
  CHECK(config.node_id() == BrokerId{1});
  CHECK(config.get_list("process.roles") == Lines{"broker", "controller"});
  CHECK(config.listeners() == std::vector<Endpoint>{{"PLAINTEXT", "", 9092}});
  CHECK(config.advertised_listeners().empty());
  CHECK(config.get_list("log.dirs") == Lines{"./data"});
  CHECK_FALSE(config.get_bool("auto.create.topics.enable"));
  CHECK(config.get_double("log.cleaner.min.cleanable.ratio") == 0.5);
  CHECK(config.get_string("log.flush.mode") == "sync");
  CHECK(config.get_int("offsets.topic.replication.factor") == 3);
  CHECK(config.is_null("broker.rack"));
  CHECK(config.source("num.partitions") == Source::default_value);
  CHECK(config.origin("num.partitions").empty());
}

TEST_CASE("broker config: each layer wins over the one below", "[config][broker]") {
  Inputs inputs;
  inputs.file_text = "num.partitions=2\nnode.id=2\nbroker.rack=a\n";
  inputs.environment = {{"KAFKA_NUM_PARTITIONS", "3"}, {"KAFKA_NODE_ID", "3"}};
  inputs.sets = {"num.partitions=4"};
  const auto [config, problems] = BrokerConfig::load(inputs);
  CHECK(problems.empty());
  CHECK(config.get_int("num.partitions") == 4);
  CHECK(config.origin("num.partitions") == "--set num.partitions");
  CHECK(config.get_int("node.id") == 3);
  CHECK(config.origin("node.id") == "KAFKA_NODE_ID");
  CHECK(config.get_string("broker.rack") == "a");
  CHECK(config.origin("broker.rack") == "server.properties:3");
  CHECK(config.source("broker.rack") == Source::static_broker);
}

TEST_CASE("broker config: sizes and times arrive in bytes and milliseconds", "[config][broker]") {
  const auto config = BrokerConfig::with(
      {{"tail.cache.bytes", "512MiB"}, {"log.retention.check.interval.ms", "1h30m"}});
  CHECK(config.get_long("tail.cache.bytes") == 536'870'912);
  CHECK(config.text("tail.cache.bytes") == "536870912");
  CHECK(config.get_long("log.retention.check.interval.ms") == 5'400'000);
}

TEST_CASE("broker config: hours and minutes stand in for milliseconds until those are set",
          "[config][broker]") {
  const auto ms = [](std::string text) {
    return load_file(std::move(text)).config.get_long("log.retention.ms");
  };
  CHECK(ms("") == 604'800'000);
  CHECK(ms("log.retention.hours=1") == 3'600'000);
  CHECK(ms("log.retention.hours=1\nlog.retention.minutes=2") == 120'000);
  CHECK(ms("log.retention.ms=5\nlog.retention.hours=1") == 5);
  CHECK(ms("log.retention.hours=-1") == -1);
  CHECK(ms("log.retention.hours=2147483647") == 7'730'941'129'200'000);
  const BrokerConfig config;
  CHECK(config.text("log.retention.ms") == std::nullopt);
  CHECK(config.effective_text("log.retention.ms") == "604800000");
  CHECK_FALSE(config.is_null("log.retention.ms"));
  CHECK(config.get_long("log.roll.ms") == 604'800'000);
  CHECK(config.get_long("log.flush.interval.ms") == 9'223'372'036'854'775'807);
}

TEST_CASE("broker config: a stand-in that does not count is told", "[config][broker]") {
  const auto loaded = load_file("log.retention.ms=5\nlog.retention.hours=1\n");
  CHECK(messages(loaded, Severity::warning) ==
        Lines{"server.properties:2: warning: log.retention.hours does not count, because "
              "log.retention.ms is set (remove one of the two)"});
  CHECK(loaded.ok());
}

TEST_CASE("broker config: all problems come at once, each with its place", "[config][broker]") {
  Inputs inputs;
  inputs.file_text = "num.partitoins=3\nnum.partitions=none\nlog.dirs=/a,/a\n";
  inputs.environment = {{"KAFKA_NUM_PARTITION", "1"}};
  inputs.sets = {"shards=-1", "oops"};
  const auto loaded = BrokerConfig::load(inputs);
  CHECK_FALSE(loaded.ok());
  CHECK(messages(loaded, Severity::error) ==
        Lines{"--set oops: error: --set takes key=value",
              "server.properties:1: error: num.partitoins is not a setting that is known (did you "
              "mean num.partitions?)",
              "server.properties:2: error: num.partitions cannot be 'none': it takes a whole "
              "number from 1 to 2147483647",
              "server.properties:3: error: log.dirs cannot be '/a,/a': it takes a "
              "comma-separated list without repetition",
              "KAFKA_NUM_PARTITION: error: num.partition is not a setting that is known (did you "
              "mean num.partitions?)",
              "--set shards: error: shards cannot be '-1': it takes a whole number from 0 to "
              "1024"});
  CHECK(loaded.config.get_int("num.partitions") == 1);  // wrong values are left out
}

TEST_CASE("broker config: the value of an unknown key is never shown", "[config][broker]") {
  const auto loaded = load_file("ssl.key.passwort=hunter2\n");
  REQUIRE(loaded.problems.size() == 1);
  const auto shown = Catch::StringMaker<Problem>::convert(loaded.problems.front());
  CHECK(shown.find("hunter2") == std::string::npos);
  CHECK(shown.find("ssl.key.password") != std::string::npos);
}

TEST_CASE("broker config: a known setting without effect gets one notice with the reason",
          "[config][broker]") {
  Inputs inputs;
  inputs.file_text =
      "num.io.threads=16\nzookeeper.connect=z:2181\nrsm.config.x=1\n"
      "listener.name.plaintext.ssl.protocol=TLSv1.3\n"
      "listener.name.plaintext.max.connections=5\nnum.network.threads=many\n";
  inputs.sets = {"num.io.threads=8"};
  const auto loaded = BrokerConfig::load(inputs);
  CHECK(loaded.ok());
  CHECK(messages(loaded, Severity::notice) ==
        Lines{"server.properties:1: notice: num.io.threads has no effect: threads are counted by "
              "`shards` and `disk.threads` instead",
              "server.properties:2: notice: zookeeper.connect has no effect: ZooKeeper is not used",
              "server.properties:3: notice: rsm.config.x has no effect: it belongs to a Java "
              "plug-in, which cannot run here",
              "server.properties:4: notice: listener.name.plaintext.ssl.protocol has no effect: "
              "TLS is not served by this version",
              "server.properties:5: notice: listener.name.plaintext.max.connections has no "
              "effect: listeners cannot differ in their settings in this version"});
  CHECK(messages(loaded, Severity::warning).size() == 1);  // the value `many`
}

TEST_CASE("broker config: a topic's setting in the file names the broker's", "[config][broker]") {
  const auto loaded = load_file("retention.ms=1\nremote.storage.enable=true\n");
  CHECK(messages(loaded, Severity::error) ==
        Lines{"server.properties:1: error: retention.ms is a setting of topics, not of the broker "
              "(set it on a topic; the default for all topics is log.retention.ms)",
              "server.properties:2: error: remote.storage.enable is a setting of topics, not of "
              "the broker (set it on a topic)"});
}

TEST_CASE("broker config: older names are taken where the newer are not set", "[config][broker]") {
  const auto config = BrokerConfig::with({{"broker.id", "7"}, {"log.dir", "/old"}});
  CHECK(config.node_id() == BrokerId{7});
  CHECK(config.origin("node.id") == "--set broker.id");
  CHECK(config.get_list("log.dirs") == Lines{"/old"});
  CHECK(load_file("broker.id=7\nnode.id=7\n").problems.empty());
  CHECK_FALSE(load_file("broker.id=7\nnode.id=8\n").ok());
  CHECK(load_file("broker.id=-1\n").config.node_id() == BrokerId{1});
  const auto both = load_file("log.dir=/old\nlog.dirs=/new\n");
  CHECK(both.config.get_list("log.dirs") == Lines{"/new"});
  CHECK(messages(both, Severity::warning).size() == 1);
  CHECK(load_file("log.dir=/old\n").problems.empty());
}

TEST_CASE("broker config: Kafka's own sample for one node starts here", "[config][broker]") {
  const auto loaded = load_file(
      "process.roles=broker,controller\nnode.id=1\n"
      "controller.quorum.bootstrap.servers=localhost:9093\n"
      "listeners=PLAINTEXT://:9092,CONTROLLER://:9093\n"
      "inter.broker.listener.name=PLAINTEXT\n"
      "advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093\n"
      "controller.listener.names=CONTROLLER\n"
      "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL\n"
      "num.network.threads=3\nnum.io.threads=8\nsocket.send.buffer.bytes=102400\n"
      "log.dirs=/tmp/kraft-combined-logs\nnum.partitions=1\n"
      "offsets.topic.replication.factor=1\nlog.retention.hours=168\n"
      "log.segment.bytes=1073741824\nlog.retention.check.interval.ms=300000\n");
  CHECK(messages(loaded, Severity::error).empty());
  CHECK(messages(loaded, Severity::warning).empty());
  CHECK(loaded.config.listeners() == std::vector<Endpoint>{{"PLAINTEXT", "", 9092}});
  CHECK(loaded.config.controller_listeners() == std::vector<Endpoint>{{"CONTROLLER", "", 9093}});
  CHECK(loaded.config.advertised_listeners().front() == Endpoint{"PLAINTEXT", "localhost", 9092});
}

TEST_CASE("broker config: values that do not fit together are errors", "[config][broker]") {
  const auto error = [](std::string text) {
    const auto found = messages(load_file(std::move(text)), Severity::error);
    return found.empty() ? std::string{"fine"} : found.front();
  };
  CHECK(error("group.min.session.timeout.ms=2\ngroup.max.session.timeout.ms=1") ==
        "server.properties:1: error: group.min.session.timeout.ms is 2, more than "
        "group.max.session.timeout.ms with 1");
  CHECK(error("process.roles=").find("process.roles is empty") != std::string::npos);
  CHECK(error("log.dirs=").find("names no directory") != std::string::npos);
  CHECK(error("default.replication.factor=0") != "fine");
  CHECK(load_file("message.max.bytes=200MiB").problems.size() == 1);
  CHECK(load_file("min.insync.replicas=2").problems.size() == 1);
  CHECK(load_file("min.insync.replicas=2\ndefault.replication.factor=3").problems.empty());
  CHECK(messages(load_file("authorizer.class.name=x.Y"), Severity::warning).size() == 1);
}

TEST_CASE("broker config: `with` gives a value that later loads do not touch", "[config][broker]") {
  const auto changed = BrokerConfig::with({{"num.partitions", "9"}});
  const auto copy = changed;
  CHECK(BrokerConfig{}.get_int("num.partitions") == 1);
  CHECK(copy.get_int("num.partitions") == 9);
}

}  // namespace millrace::config
