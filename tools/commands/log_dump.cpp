#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "log/errc.hpp"
#include "log/inspect.hpp"
#include "log/posix_files.hpp"
#include "tools/commands/commands.hpp"
#include "tools/log_dump_print.hpp"
#include "tools/options.hpp"

namespace millrace::tools {
namespace {

struct Given {
  std::vector<std::string> paths;
  bool records = false;
  bool verify = false;
  bool indexes_only = false;
  bool compacted = false;
  std::int64_t offset = 0;
  std::optional<std::uint64_t> count;
  std::size_t bytes_max = 256;
};

void add(log::InspectSummary& sum, const log::InspectSummary& one) {
  sum.files += one.files;
  sum.damaged_files += one.damaged_files;
  sum.damages += one.damages;
}

/// A folder of a partition, or one that holds such folders.
Result<log::InspectSummary> inspect_directory(log::Files& files, const std::filesystem::path& path,
                                              const log::InspectOptions& options,
                                              log::InspectSink& sink) {
  auto sum = log::inspect_folder(files, path, options, sink);
  if (!sum || sum->files > 0) return sum;
  const auto folders = log::log_folders(files, path);
  if (!folders) return folders.error();
  for (const auto& folder : *folders) {
    if (!sink.wants_more()) break;
    const auto one = log::inspect_folder(files, folder, options, sink);
    // Deleted since it was listed.
    if (!one && one.error() == boost::system::errc::no_such_file_or_directory) continue;
    if (!one) return one.error();
    add(*sum, *one);
  }
  return sum;
}

ExitCode dump(const Context& context, const Given& given) {
  if (context.globals.form == OutputForm::yaml)
    return context.fail(
        usage_error("log-dump prints lines for people, or one JSON object per line by -O json"));
  log::PosixFiles files;
  const log::InspectOptions options{.records = given.records || given.verify,
                                    .indexes_only = given.indexes_only,
                                    .gaps_allowed = given.compacted};
  DumpPrinter printer{context.terminal.out,
                      {.json = context.globals.form == OutputForm::json,
                       .contents = !given.verify && !given.indexes_only,
                       .from = Offset{given.offset},
                       .count = given.count,
                       .bytes_max = given.bytes_max}};
  const auto cannot = [&](const std::string& path, const ErrorInfo& error) {
    static_cast<void>(printer.finish());
    context.terminal.error(fmt::format("{} cannot be read: {}", path, error.message()));
    return error == boost::system::errc::no_such_file_or_directory ? ExitCode::not_found
                                                                   : ExitCode::failed;
  };
  log::InspectSummary sum;
  for (const std::string& path : given.paths) {
    std::error_code failure;
    const bool is_folder = std::filesystem::is_directory(path, failure);
    if (!is_folder && !log::file_kind(std::filesystem::path{path}.filename().string())) {
      if (!std::filesystem::exists(path, failure))
        return cannot(path, {ENOENT, boost::system::generic_category()});
      return context.fail(usage_error(fmt::format(
          "what '{}' holds cannot be told from its name: give a file of a partition under its own "
          "name, such as 00000000000000000000.log, or the folder",
          path)));
    }
    const auto one = is_folder ? inspect_directory(files, path, options, printer)
                               : log::inspect_file(files, path, options, printer);
    if (!one) return cannot(path, one.error());
    if (one->files == 0)
      return context.fail(usage_error(fmt::format(
          "there is no log in '{}': give the folder of a partition, such as data/orders-0, or one "
          "that holds such folders",
          path)));
    add(sum, *one);
  }
  printer.summary(sum);
  if (const auto failure = printer.finish(); failure && failure != std::errc::broken_pipe) {
    context.terminal.error(fmt::format("writing the output: {}", failure.message()));
    return ExitCode::failed;
  }
  return sum.damages == 0 ? ExitCode::ok : ExitCode::damaged;
}

}  // namespace

void add_debug(CLI::App& root, Action& action) {
  auto* const noun = root.add_subcommand("debug", "Look inside what the broker keeps");
  noun->require_subcommand(1);
  auto* const verb = noun->add_subcommand(
      "log-dump",
      "Show the files of a partition and say of each whether it is sound; changes nothing, so a "
      "broker may be using them. Ends with 3 when something is damaged");
  const auto given = std::make_shared<Given>();
  verb->add_option("PATH,--files", given->paths,
                   "A file (.log, .index, .timeindex, .snapshot or one of the small ones), the "
                   "folder of a partition, or a data directory; several are fine")
      ->delimiter(',')
      ->required();
  verb->add_flag("--records,--print-data-log,--deep-iteration", given->records,
                 "Show the records too, decompressed, and check that they can be read");
  verb->add_flag("--verify", given->verify,
                 "Check everything, records too, and show findings and verdicts alone");
  verb->add_flag("--verify-index-only,--index-sanity-check", given->indexes_only,
                 "Check .index and .timeindex alone, and show findings and verdicts alone");
  verb->add_flag("--compacted", given->compacted,
                 "Offsets may be missing, as compaction leaves them");
  verb->add_option("--offset", given->offset,
                   "Show batches, records and index entries from this offset on; the rest is "
                   "checked all the same")
      ->check(whole_number_from(0))
      ->type_name("N");
  verb->add_option("-n,--count", given->count, "Show so many batches or entries of each file")
      ->check(whole_number_from(0))
      ->type_name("N");
  verb->add_option("--bytes", given->bytes_max,
                   "Show so many bytes of a key, value or header (256 when left out)")
      ->check(whole_number_from(0))
      ->type_name("N");
  verb->callback([&action, given] {
    action = [given](const Context& context) { return dump(context, *given); };
  });
}

}  // namespace millrace::tools
