#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "config/broker_config.hpp"
#include "log/files.hpp"
#include "log/partition_log.hpp"

/// What lies in the data directory beside the partitions:
///
///     meta.properties        whose directory this is: cluster.id, node.id, directory.id
///     .lock                  held while a broker uses it
///     clean-stop             the epoch of the broker that stopped here in order
///     quorum/                this node's part of the metadata quorum; replication/quorum/
///     journal/               recent small appends of all partitions; log/journal/format.hpp
///     <topic>-<partition>/   a partition; partition.metadata in it names the topic's id
///     <anything>-delete/     on its way out; removed at the next start
namespace millrace::broker {

inline constexpr std::string_view kQuorumDirectory = "quorum";
inline constexpr std::string_view kJournalDirectory = "journal";

/// Why a broker did not start, in a sentence for whoever started it.
struct StartFailure {
  std::string message;
};

struct Identity {
  std::string cluster_id;
  Uuid directory;  // made with it, so that a wiped directory is known to be another one
};

/// Where the configuration says that data is kept.
std::filesystem::path data_directory(const config::BrokerConfig& config);

/// Makes sure that the directory is there and stays: what was created for it, above it too, is
/// durable when this returns. One that a start left behind without an identity counts as new,
/// because that start may have died before the directory was durable.
Result<void> create_data_directory(log::Files& files, const std::filesystem::path& directory);

/// Reads whose directory this is; nothing when it is new. That of another node is refused, and one
/// that lost its part of the quorum.
std::variant<std::optional<Identity>, StartFailure> identify(log::Files& files,
                                                             const std::filesystem::path& directory,
                                                             BrokerId node);

/// Makes a new directory this node's, durably: the last step, when all else is in its place.
Result<void> write_identity(log::Files& files, const std::filesystem::path& directory,
                            BrokerId node, const Identity& identity);

/// The epoch of the broker that used the directory last, if it left in order and closed everything.
/// The mark is gone when this returns, durably: the next process may not leave like that.
Result<std::optional<std::int64_t>> take_clean_stop(log::Files& files,
                                                    const std::filesystem::path& directory);
Result<void> mark_clean_stop(log::Files& files, const std::filesystem::path& directory,
                             std::int64_t epoch);

/// Removes what a crash left of deleted partitions.
Result<void> sweep_deleted(log::Files& files, const std::filesystem::path& directory);

/// Takes a partition's folder out of the way, so that its name is free; durable when it returns.
/// Gives where it is now; `remove_all` it from there.
Result<std::filesystem::path> set_aside(log::Files& files, const std::filesystem::path& directory,
                                        TopicId topic);

/// Opens the log in `directory` for a partition of `topic`. A folder that a deleted topic of the
/// same name left behind is thrown away first. Blocks.
Result<log::OpenedLog> open_partition_log(log::Files& files, const std::filesystem::path& directory,
                                          TopicId topic, const log::LogConfig& config,
                                          Timestamp now, log::DamageSink& sink,
                                          std::span<const log::JournalRun> journal = {});

}  // namespace millrace::broker
