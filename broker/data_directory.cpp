#include "broker/data_directory.hpp"

#include <fmt/format.h>

#include <charconv>
#include <map>
#include <vector>

namespace millrace::broker {
namespace {

constexpr std::string_view kIdentityFile = "meta.properties";
constexpr std::string_view kCleanStopFile = "clean-stop";
constexpr std::string_view kPartitionFile = "partition.metadata";
constexpr std::string_view kDeletedEnding = "-delete";
constexpr std::string_view kIdentityVersion = "1";
constexpr std::string_view kFormerMetadata = "__cluster_metadata-0";

/// Lines of `key<separator>value`; whatever else there is, is passed over.
std::map<std::string, std::string> parse_lines(Bytes contents, char separator) {
  std::map<std::string, std::string> values;
  std::string_view rest = as_text(contents);
  while (!rest.empty()) {
    const auto end = std::min(rest.find('\n'), rest.size());
    const auto line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const auto at = line.find(separator);
    if (line.starts_with('#') || at == std::string_view::npos) continue;
    auto value = line.substr(at + 1);
    while (value.starts_with(' ')) value.remove_prefix(1);
    values[std::string{line.substr(0, at)}] = value;
  }
  return values;
}

}  // namespace

std::filesystem::path data_directory(const config::BrokerConfig& config) {
  const auto& directories = config.get_list("log.dirs");
  return directories.empty() ? std::filesystem::path{"data"}
                             : std::filesystem::path{directories.front()};
}

Result<void> create_data_directory(log::Files& files, const std::filesystem::path& directory) {
  const auto parent_of = [](const std::filesystem::path& path) {
    const auto parent = path.parent_path();
    return parent.empty() ? std::filesystem::path{"."} : parent;
  };
  std::vector<std::filesystem::path> to_sync;  // where an entry is new, or may be
  auto path = directory.has_filename() ? directory : directory.parent_path();
  while (true) {
    const auto there = files.exists(path);
    if (!there) return there.error();
    if (*there) break;
    to_sync.push_back(parent_of(path));
    path = to_sync.back();
  }
  if (auto made = files.create_directories(directory); !made) return made;
  if (to_sync.empty()) {
    const auto formatted = files.exists(directory / kIdentityFile);
    if (!formatted) return formatted.error();
    if (!*formatted) to_sync.push_back(parent_of(path));
  }
  for (const auto& changed : to_sync) {
    if (auto synced = files.sync_directory(changed); !synced) return synced;
  }
  return {};
}

std::variant<std::optional<Identity>, StartFailure> identify(log::Files& files,
                                                             const std::filesystem::path& directory,
                                                             BrokerId node) {
  const auto path = directory / kIdentityFile;
  const auto fail = [&](std::string_view what, const ErrorInfo& error) {
    return StartFailure{fmt::format("{}: {}: {}", path.string(), what, error.message())};
  };
  const auto contents = files.read_if_there(path);
  if (!contents) return fail("it could not be read", contents.error());
  if (!*contents) return std::optional<Identity>{};
  const auto values = parse_lines(**contents, '=');
  const auto get = [&](const std::string& key) {
    const auto found = values.find(key);
    return found == values.end() ? std::string{} : found->second;
  };
  if (get("version") != kIdentityVersion || get("cluster.id").empty()) {
    return StartFailure{
        fmt::format("{}: this is not a data directory of this program; choose "
                    "another by --set log.dirs=DIR",
                    path.string())};
  }
  if (get("node.id") != fmt::format("{}", node.value)) {
    return StartFailure{fmt::format(
        "{}: the directory belongs to node.id {}, this broker is node.id {}; set node.id={} or "
        "choose another directory by --set log.dirs=DIR",
        path.string(), get("node.id"), node.value, get("node.id"))};
  }
  const auto former = files.exists(directory / kFormerMetadata);
  if (!former) return fail("the directory could not be read", former.error());
  const auto quorum = files.exists(directory / kQuorumDirectory);
  if (!quorum) return fail("the directory could not be read", quorum.error());
  if (*former && !*quorum) {
    return StartFailure{fmt::format(
        "{}: the directory was written by a version whose metadata was a topic of its own ({}); "
        "this version keeps it in {} and cannot take it over: start the version that wrote it, or "
        "choose another directory by --set log.dirs=DIR",
        directory.string(), kFormerMetadata, kQuorumDirectory)};
  }
  const auto id = Uuid::parse(get("directory.id"));
  if (!id || !*quorum) {
    return StartFailure{fmt::format(
        "{}: {}; what this node promised to the metadata quorum is lost: move the data directory "
        "away and start with an empty one, which joins by the address of another node (--join "
        "HOST:PORT)",
        directory.string(),
        *quorum ? "meta.properties has no directory.id" : "its folder quorum is missing")};
  }
  return std::optional{Identity{get("cluster.id"), *id}};
}

Result<void> write_identity(log::Files& files, const std::filesystem::path& directory,
                            BrokerId node, const Identity& identity) {
  const std::string text = fmt::format(
      "# Whose data this is. Written once, do not edit.\n"
      "version={}\ncluster.id={}\nnode.id={}\ndirectory.id={}\n",
      kIdentityVersion, identity.cluster_id, node.value, identity.directory.to_string());
  return files.write_atomically(directory / kIdentityFile, as_bytes(text));
}

Result<std::optional<std::int64_t>> take_clean_stop(log::Files& files,
                                                    const std::filesystem::path& directory) {
  const auto path = directory / kCleanStopFile;
  const auto there = files.exists(path);
  if (!there) return there.error();
  if (!*there) return std::nullopt;
  const auto contents = files.read_all(path);
  if (!contents) return contents.error();
  if (const auto removed = files.remove(path); !removed) return removed.error();
  if (const auto synced = files.sync_directory(directory); !synced) return synced.error();
  const auto text = parse_lines(*contents, '=')["broker.epoch"];
  std::int64_t epoch = -1;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), epoch);
  const bool whole = read.ec == std::errc{} && read.ptr == text.data() + text.size() && epoch >= 0;
  if (!whole) return std::nullopt;
  return epoch;
}

Result<void> mark_clean_stop(log::Files& files, const std::filesystem::path& directory,
                             std::int64_t epoch) {
  const std::string text = fmt::format("broker.epoch={}\n", epoch);
  return files.write_atomically(directory / kCleanStopFile, as_bytes(text));
}

Result<void> sweep_deleted(log::Files& files, const std::filesystem::path& directory) {
  const auto entries = files.list(directory);
  if (!entries) return entries.error();
  for (const auto& entry : *entries) {
    if (!entry.is_directory || !entry.name.ends_with(kDeletedEnding)) continue;
    if (auto removed = files.remove_all(directory / entry.name); !removed) return removed;
  }
  return {};
}

Result<std::filesystem::path> set_aside(log::Files& files, const std::filesystem::path& directory,
                                        TopicId topic) {
  auto aside = directory;
  aside += fmt::format(".{}{}", topic.to_string(), kDeletedEnding);
  if (auto renamed = files.rename(directory, aside); !renamed) return renamed.error();
  if (auto synced = files.sync_directory(directory.parent_path()); !synced) return synced.error();
  return aside;
}

Result<log::OpenedLog> open_partition_log(log::Files& files, const std::filesystem::path& directory,
                                          TopicId topic, const log::LogConfig& config,
                                          Timestamp now, log::DamageSink& sink,
                                          std::span<const log::JournalRun> journal) {
  const auto path = directory / kPartitionFile;
  const auto there = files.exists(path);
  if (!there) return there.error();
  bool known = false;
  if (*there) {
    const auto contents = files.read_all(path);
    if (!contents) return contents.error();
    const auto values = parse_lines(*contents, ':');
    const auto found = values.find("topic_id");
    const auto id = found == values.end() ? std::nullopt : Uuid::parse(found->second);
    known = id == topic;
    if (id && !known) {
      const auto aside = set_aside(files, directory, *id);
      if (!aside) return aside.error();
      if (auto removed = files.remove_all(*aside); !removed) return removed.error();
    }
  }
  auto opened = log::PartitionLog::open(files, directory, config, now, sink, journal);
  if (!opened || known) return opened;
  const std::string text = fmt::format("version: 0\ntopic_id: {}\n", topic.to_string());
  if (auto written = files.write_atomically(path, as_bytes(text)); !written) {
    return written.error();
  }
  return opened;
}

}  // namespace millrace::broker
