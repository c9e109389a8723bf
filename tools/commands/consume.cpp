#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "protocol/base/clock.hpp"
#include "tools/commands/commands.hpp"
#include "tools/commands/consume_run.hpp"
#include "tools/options.hpp"

namespace millrace::tools {
namespace {

struct Given {
  std::vector<std::string> topics;
  std::optional<std::string> offset;
  bool from_beginning = false;
  std::optional<std::uint64_t> records_max;
  bool exit_at_end = false;
  std::string group;
  std::vector<std::int32_t> partitions;
  std::optional<std::string> format;
  bool read_committed = false;
  std::vector<std::string> properties;
};

/// The client properties that make a difference here, by Kafka's names.
clients::Outcome<void> apply_properties(const std::vector<std::string>& texts,
                                        clients::ConsumerOptions& options) {
  const auto properties = parse_pairs(texts);
  if (!properties) return properties.error();
  for (const auto& [name, value] : *properties) {
    if (name == "group.protocol" && value == "classic") {
      options.group_protocol = clients::GroupProtocol::classic;
    } else if (name == "group.protocol" && value == "consumer") {
      options.group_protocol = clients::GroupProtocol::consumer;
    } else if (name == "group.protocol") {
      return usage_error(fmt::format("group.protocol is classic or consumer, and not '{}'", value));
    } else if (name == "group.remote.assignor") {
      options.remote_assignor = value;
    } else if (name == "group.instance.id") {
      options.group_instance_id = value;
    } else if (name == "client.rack") {
      options.rack = value;
    } else {
      return usage_error(
          fmt::format("consume does not know the property '{}'; it takes group.protocol, "
                      "group.remote.assignor, group.instance.id and client.rack",
                      name));
    }
  }
  return {};
}

/// In a group the range says only where to begin without a committed offset.
clients::Outcome<void> fit_to_group(const Given& given, ConsumePlan& plan) {
  using Kind = OffsetPoint::Kind;
  const auto& from = plan.range.from;
  const bool plain = (from.kind == Kind::start || from.kind == Kind::end) && from.number == 0;
  if (!plain || plan.range.to)
    return usage_error(
        fmt::format("with --group, --offset can be start or end, and not '{}': the group's "
                    "committed offsets say where to go on",
                    given.offset.value_or("")));
  if (!given.partitions.empty())
    return usage_error("--partitions cannot be told with --group, which shares them out by itself");
  plan.options.reset =
      from.kind == Kind::start ? clients::OffsetReset::earliest : clients::OffsetReset::latest;
  return {};
}

clients::Outcome<ConsumePlan> plan_of(const Context& context, const Given& given) {
  if (given.from_beginning && given.offset)
    return usage_error("--from-beginning and --offset cannot both be given");
  const auto range = parse_offset_range(given.offset.value_or("start"), SystemClock{}.wall());
  if (!range) return range.error();
  ConsumePlan plan{.topics = given.topics,
                   .partitions = given.partitions,
                   .range = *range,
                   .records_max = given.records_max,
                   .exit_at_end = given.exit_at_end,
                   .group = given.group};
  const auto applied = apply_properties(given.properties, plan.options);
  if (!applied) return applied.error();
  if (given.read_committed) plan.options.isolation = clients::Isolation::read_committed;
  if (!given.group.empty()) {
    const auto fits = fit_to_group(given, plan);
    if (!fits) return fits.error();
  }
  if (context.globals.form_given && given.format)
    return usage_error("--format and --output cannot both be given");
  if (context.globals.form == OutputForm::yaml)
    return usage_error(
        "consume prints records by --format, or one JSON object per line by -O json");
  if (context.globals.form == OutputForm::json) {
    plan.print = append_json;
  } else {
    auto format = PrintFormat::parse(given.format.value_or("%v\\n"));
    if (!format) return format.error();
    plan.print = [format = std::move(*format)](std::string& out, const PrintedRecord& record) {
      format.append(out, record);
    };
  }
  return plan;
}

ExitCode run(const Context& context, const Given& given) {
  const auto plan = plan_of(context, given);
  if (!plan) return context.fail(plan.error());
  return with_cluster(context, [&](clients::Client& client, net::AsioScheduler& scheduler) {
    return consume(context, client, scheduler, *plan);
  });
}

}  // namespace

void add_consume(CLI::App& root, Action& action) {
  auto* const verb = root.add_subcommand("consume", "Print records, as they come");
  const auto given = std::make_shared<Given>();
  verb->add_option("TOPIC,-t,--topic", given->topics, "What to read; several are fine")->required();
  verb->add_option("-o,--offset", given->offset,
                   "Where to begin: start (the default), end, 5, +5 (behind the start), -5 (before "
                   "the end), @TIME; FROM:TO reads a range, without TO. A TIME is 2026-01-31, "
                   "2026-01-31T18:00:00Z, -24h, or seconds or milliseconds since 1970")
      ->type_name("PLACE");
  verb->add_flag("--from-beginning", given->from_beginning, "The same as --offset start");
  verb->add_option("-n,--num,--max-messages", given->records_max, "Stop after so many records")
      ->check(whole_number_from(1))
      ->type_name("N");
  verb->add_flag("-e,--exit", given->exit_at_end,
                 "Stop at the end, as it is when the command begins");
  verb->add_option("-g,--group", given->group,
                   "Share the partitions with the members of this group, go on at its committed "
                   "offsets, and commit what has been printed");
  verb->add_option("-p,--partitions,--partition", given->partitions,
                   "Only these, as in 0,2; all when left out")
      ->delimiter(',')
      ->check(whole_number_from(0))
      ->allow_extra_args(false)
      ->type_name("N,...");
  verb->add_option(
          "-f,--format", given->format,
          "How to print a record: %t topic, %p partition, %o offset, %T timestamp, %k key, "
          "%v value, %h headers, %K %V sizes, %i number, %n line end ('%v\\n' when left "
          "out)")
      ->type_name("FORMAT");
  verb->add_flag("--read-committed", given->read_committed,
                 "Leave out what a transaction took back or has not committed yet");
  add_many(*verb, "-X,--property", given->properties,
           "A property of the consumer: group.protocol=consumer, group.remote.assignor=range, "
           "group.instance.id=NAME, client.rack=NAME")
      ->type_name("KEY=VALUE");
  verb->callback([&action, given] {
    action = [given](const Context& context) { return run(context, *given); };
  });
}

}  // namespace millrace::tools
