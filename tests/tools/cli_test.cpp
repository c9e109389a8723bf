#include "tools/cli.hpp"

#include <fmt/format.h>

#include <boost/json/parse.hpp>
#include <catch2/catch.hpp>

#include "tools/version.hpp"

namespace millrace::tools {
namespace {

struct Run {
  ExitCode code;
  std::string out;
  std::string err;
};

/// A whole command, with an environment and no terminal.
Run run_with(std::vector<std::string> arguments,
             std::vector<std::pair<std::string, std::string>> environment = {}) {
  StringSink out;
  StringSink err;
  Terminal terminal{.out = out, .err = err, .environment = std::move(environment)};
  const auto code = run(std::move(arguments), terminal);
  return {code, out.text(), err.text()};
}

/// Nobody listens on this port of this machine, or connecting to it is refused.
constexpr const char* kNobody = "127.0.0.1:1";

TEST_CASE("cli: help goes to stdout and is no failure", "[tools][cli]") {
  const auto help = run_with({"--help"});
  CHECK(help.code == ExitCode::ok);
  CHECK(help.err.empty());
  CHECK(help.out.find("produce") != std::string::npos);
  const auto verb = run_with({"topic", "create", "--help"});
  CHECK(verb.code == ExitCode::ok);
  CHECK(verb.out.find("Usage: millrace topic create [OPTIONS] NAME") != std::string::npos);
}

TEST_CASE("cli: the version says release and commit, in every form", "[tools][cli]") {
  const auto flag = run_with({"--version"});
  CHECK(flag.code == ExitCode::ok);
  CHECK(flag.out == fmt::format("millrace {} ({})\n", version(), commit()));
  CHECK(run_with({"version"}).out == flag.out);
  const auto document = boost::json::parse(run_with({"version", "-O", "json"}).out);
  CHECK(document.at("version") == boost::json::value(version()));
  CHECK(document.at("commit") == boost::json::value(commit()));
}

TEST_CASE("cli: a wrong command line is usage, said on stderr alone", "[tools][cli]") {
  using Line = std::vector<std::string>;
  const auto line = GENERATE(values<Line>({
      {},
      {"bogus"},
      {"topic"},
      {"topic", "bogus"},
      {"topic", "create"},
      {"topic", "create", "a", "-p", "0"},
      {"topic", "create", "a", "-p", "many"},
      {"topic", "create", "a", "-c", "retention.ms=soon"},
      {"topic", "create", "a", "-c", "no-equals-sign"},
      {"topic", "list", "--bogus"},
      {"topic", "list", "-O", "xml"},
      {"topic", "list", "--timeout", "later"},
      {"topic", "list", "--timeout", "0s"},
      {"topic", "list", "-b", "host:port:port"},
      {"produce"},
      {"produce", "a", "-z", "rar"},
      {"produce", "a", "--acks", "2"},
      {"produce", "a", "-f", "%k%v"},
      {"produce", "a", "-f", "%o"},
      {"produce", "a", "-H", "no-equals-sign"},
      {"consume"},
      {"consume", "a", "-o", "yesterday"},
      {"consume", "a", "-o", "5", "--from-beginning"},
      {"consume", "a", "-f", "%q"},
      {"consume", "a", "-f", "%v", "-O", "json"},
      {"consume", "a", "-O", "yaml"},
      {"consume", "a", "-g", "g", "-o", "5"},
      {"consume", "a", "-g", "g", "-p", "0"},
      {"consume", "a", "-p", "-1"},
      {"consume", "a", "-n", "0"},
      {"config", "check"},
      {"config", "check", "/nonexistent/server.properties"},
      {"start", "--set", "no.such.setting=1"},
      {"start", "/nonexistent/server.properties"},
      {"completion", "fish"},
  }));
  CAPTURE(line);
  const auto result = run_with(line);
  CHECK(result.code == ExitCode::usage);
  CHECK(result.out.empty());
  CHECK_FALSE(result.err.empty());
}

TEST_CASE("cli: a word that is no command is named, with those that are", "[tools][cli]") {
  const auto result = run_with({"topic", "crate"});
  CHECK(result.err ==
        "error: 'crate' is no command; there are create, list, describe, delete, alter, "
        "add-partitions; `millrace topic --help` tells what it takes\n");
  CHECK(run_with({"topic", "create"}).err ==
        "error: NAME is missing; `millrace topic create --help` tells what it takes\n");
}

TEST_CASE("cli: a cluster that is not there has a code of its own", "[tools][cli]") {
  const auto line = GENERATE(values<std::vector<std::string>>({
      {"topic", "list", "-b", kNobody},
      {"-b", kNobody, "topic", "list"},
      {"topic", "--brokers", kNobody, "list"},
      {"topic", "list", "--bootstrap-server", kNobody},
      {"topic", "create", "a", "-b", kNobody, "-p", "3"},
      {"produce", "a", "-b", kNobody},
      {"consume", "a", "-b", kNobody},
      {"group", "lag", "g", "-b", kNobody},
  }));
  CAPTURE(line);
  const auto result = run_with(line);
  CHECK(result.code == ExitCode::unreachable);
  CHECK(result.out.empty());
  CHECK(result.err.find(kNobody) != std::string::npos);
}

TEST_CASE("cli: the cluster comes from the option, else the environment, else this machine",
          "[tools][cli]") {
  StringSink sink;
  Terminal terminal{.out = sink, .err = sink};
  Context context{.terminal = terminal, .globals = {}};
  CHECK(context.brokers() == "localhost:9092");
  terminal.environment = {{"MILLRACE_BROKERS", "a:1"}};
  CHECK(context.brokers() == "a:1");
  context.globals.brokers = "b:2";
  CHECK(context.brokers() == "b:2");
  terminal.environment = {{"MILLRACE_BROKERS", ""}};
  context.globals.brokers.clear();
  CHECK(context.brokers() == "localhost:9092");
}

TEST_CASE("cli: global options may stand anywhere", "[tools][cli]") {
  const auto parsed = parse({"topic", "list", "-b", "h:1", "--timeout", "1m30s", "-O", "JSON"});
  REQUIRE(parsed.code == ExitCode::ok);
  CHECK(parsed.action);
  CHECK(parsed.globals.brokers == "h:1");
  CHECK(parsed.globals.timeout == std::chrono::seconds{90});
  CHECK(parsed.globals.form == OutputForm::json);
  CHECK(parsed.globals.form_given);
}

TEST_CASE("cli: the spellings of other tools are taken", "[tools][cli]") {
  const auto line = GENERATE(values<std::vector<std::string>>({
      {"topic", "create", "--topic", "a", "--partitions", "3", "--replication-factor", "1"},
      {"topic", "create", "a", "b", "-p", "3", "-r", "1", "-c", "retention.ms=7d", "c"},
      {"topic", "describe", "--topic", "a"},
      {"topics", "ls"},
      {"topic", "rm", "a"},
      {"topic", "alter", "a", "-c", "k=v", "--unset", "x"},
      {"topic", "add-partitions", "a", "-p", "6"},
      {"produce", "--topic", "a", "--compression-codec", "zstd", "--request-required-acks", "-1"},
      {"produce", "a", "-z", "ZSTD", "-k", "key", "-p", "0", "-H", "a=1", "-H", "b=2", "-Z"},
      {"consume", "--topic", "a", "--from-beginning", "--max-messages", "5", "--group", "g"},
      {"consume", "a", "b", "-o", "-5", "-n", "5", "-e", "-p", "0,2", "-f", "%v"},
      {"consume", "a", "-o", "@-24h:end", "--read-committed"},
      {"consume", "a", "-g", "g", "-X", "group.protocol=consumer", "-X", "client.rack=r1"},
      {"groups", "describe", "--group", "g"},
      {"start", "--config", "file", "--set", "a=b", "--set", "c=d"},
      {"dev", "--port", "0", "--set", "a=b"},
  }));
  CAPTURE(line);
  const auto parsed = parse(line);
  CAPTURE(parsed.text);
  CHECK(parsed.code == ExitCode::ok);
  CHECK(parsed.action);
}

TEST_CASE("cli: errors are coloured where that was allowed", "[tools][cli]") {
  StringSink err;
  const Terminal plain{.out = err, .err = err};
  plain.error("a");
  CHECK(err.text() == "error: a\n");
  StringSink coloured;
  const Terminal bright{.out = coloured, .err = coloured, .colour = true};
  bright.error("a");
  CHECK(coloured.text() == "\x1b[31merror\x1b[0m: a\n");
}

TEST_CASE("cli: config explain knows settings and says so when it does not", "[tools][cli]") {
  const auto known = run_with({"config", "explain", "log.retention.ms"});
  CHECK(known.code == ExitCode::ok);
  CHECK(known.out.find("log.retention.ms") != std::string::npos);
  CHECK(known.err.empty());
  const auto unknown = run_with({"config", "explain", "log.retension.ms"});
  CHECK(unknown.code == ExitCode::not_found);
  CHECK(unknown.out.empty());
  CHECK(unknown.err.find("log.retention.ms") != std::string::npos);
}

TEST_CASE("cli: config check finds everything at once and gives a document", "[tools][cli]") {
  const std::string sample = MILLRACE_SOURCE_DIR "/config/server.properties";
  CHECK(run_with({"config", "check", sample}).code == ExitCode::ok);
  const auto result = run_with({"config", "check", sample, "--set", "bogus.key=1", "--set",
                                "num.partitions=x", "-O", "json"});
  CHECK(result.code == ExitCode::usage);
  const auto problems = boost::json::parse(result.out).as_array();
  REQUIRE(problems.size() == 2);
  for (const auto& problem : problems) {
    CHECK(problem.at("severity") == "error");
    CHECK(problem.at("where").as_string().starts_with("--set "));
    CHECK_FALSE(problem.at("message").as_string().empty());
  }
}

TEST_CASE("cli: failures map to the codes that scripts know", "[tools][cli]") {
  using clients::Errc;
  using protocol::ErrorCode;
  const auto code = [](Errc errc, ErrorCode broker = ErrorCode::none) {
    return exit_code_of({.code = errc, .broker_code = broker});
  };
  CHECK(code(Errc::unreachable) == ExitCode::unreachable);
  CHECK(code(Errc::timed_out) == ExitCode::unreachable);
  CHECK(code(Errc::unknown_topic) == ExitCode::not_found);
  CHECK(code(Errc::unknown_partition) == ExitCode::not_found);
  CHECK(code(Errc::rejected, ErrorCode::unknown_topic_or_partition) == ExitCode::not_found);
  CHECK(code(Errc::rejected, ErrorCode::group_id_not_found) == ExitCode::not_found);
  CHECK(code(Errc::rejected, ErrorCode::topic_already_exists) == ExitCode::failed);
  CHECK(code(Errc::invalid_argument) == ExitCode::usage);
}

}  // namespace
}  // namespace millrace::tools
