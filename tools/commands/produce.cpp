#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "tools/commands/commands.hpp"
#include "tools/commands/produce_run.hpp"
#include "tools/options.hpp"

namespace millrace::tools {
namespace {

struct Given {
  std::string topic;
  std::string format = "%v\\n";
  std::optional<std::string> key;
  std::optional<std::int32_t> partition;
  protocol::Codec codec = protocol::Codec::none;
  clients::Acks acks = clients::Acks::all;
  std::vector<std::string> headers;
  bool tombstones = false;
};

clients::Outcome<ProducePlan> plan_of(const Context& context, const Given& given) {
  auto format = InputFormat::parse(given.format);
  if (!format) return format.error();
  ProducePlan plan{.topic = given.topic,
                   .format = std::move(*format),
                   .key = given.key,
                   .tombstones = given.tombstones};
  if (given.partition) plan.partition = PartitionIndex{*given.partition};
  for (const auto& text : given.headers) {
    const auto equals = text.find('=');
    if (equals == std::string::npos)
      return usage_error(fmt::format("'{}' is not a header of the form name=value", text));
    plan.headers.push_back({.key = text.substr(0, equals), .value = text.substr(equals + 1)});
  }
  plan.options.acks = given.acks;
  plan.options.idempotent = given.acks == clients::Acks::all;
  plan.options.codec = given.codec;
  // A broker that restarts is back within a minute, and whoever waits longer says so.
  constexpr std::chrono::minutes kForRestart{1};
  plan.options.delivery_timeout =
      context.globals.timeout_given ? context.globals.timeout : kForRestart;
  // The producer's last look for a leader ends by this, and its end waits for that.
  plan.options.request_timeout =
      std::min(plan.options.request_timeout, plan.options.delivery_timeout);
  plan.options.batch_bytes = std::size_t{256} << 10;
  return plan;
}

ExitCode run(const Context& context, const Given& given) {
  const auto plan = plan_of(context, given);
  if (!plan) return context.fail(plan.error());
  const auto work = [&](clients::Client& client, net::AsioScheduler& scheduler) {
    return produce(context, client, scheduler, *plan);
  };
  return with_cluster(
      context, work,
      {.request_timeout = plan->options.request_timeout, .allow_auto_topic_creation = true});
}

}  // namespace

void add_produce(CLI::App& root, Action& action) {
  auto* const verb = root.add_subcommand("produce", "Send records read from stdin, one per line");
  const auto given = std::make_shared<Given>();
  verb->add_option("TOPIC,-t,--topic", given->topic, "Where to")->required();
  verb->add_option(
          "-f,--format", given->format,
          "How records are read: %k key, %v value, %h headers, %p partition, %T timestamp, "
          "with text between, as in '%k\\t%v\\n'")
      ->type_name("FORMAT");
  verb->add_option("-k,--key", given->key, "The key of every record");
  verb->add_option("-p,--partition", given->partition, "The partition (by the key when left out)")
      ->check(whole_number_from(0))
      ->type_name("N");
  using protocol::Codec;
  verb->add_option("-z,--compression,--compression-codec", given->codec,
                   "none, gzip, snappy, lz4 or zstd")
      ->transform(one_of({{"none", std::to_underlying(Codec::none)},
                          {"gzip", std::to_underlying(Codec::gzip)},
                          {"snappy", std::to_underlying(Codec::snappy)},
                          {"lz4", std::to_underlying(Codec::lz4)},
                          {"zstd", std::to_underlying(Codec::zstd)}}))
      ->type_name("CODEC");
  add_many(*verb, "-H,--header", given->headers, "A header of every record; again for more")
      ->type_name("NAME=VALUE");
  using clients::Acks;
  verb->add_option("--acks,--request-required-acks", given->acks,
                   "Who must have a record: all in-sync replicas (all), the leader (1), nobody (0)")
      ->transform(one_of({{"all", std::to_underlying(Acks::all)},
                          {"-1", std::to_underlying(Acks::all)},
                          {"1", std::to_underlying(Acks::leader)},
                          {"0", std::to_underlying(Acks::none)}}))
      ->type_name("ACKS");
  verb->add_flag("-Z,--tombstone", given->tombstones, "An empty value is sent as null");
  verb->callback([&action, given] {
    action = [given](const Context& context) { return run(context, *given); };
  });
}

}  // namespace millrace::tools
