#include <algorithm>
#include <map>

#include "broker/handlers/handlers.hpp"
#include "broker/handlers/partitions.hpp"
#include "broker/shard.hpp"

namespace millrace::broker {
namespace {

using protocol::ErrorCode;
using Directory = protocol::DescribeLogDirsResponse::DescribeLogDirsResult;
using Entry = Directory::DescribeLogDirsTopic::DescribeLogDirsPartition;
using Entries = std::vector<std::pair<std::string, Entry>>;  // by topic

/// No list of topics means all of them.
bool is_wanted(const protocol::DescribeLogDirsRequest& request, const TopicPartition& name) {
  if (!request.topics) return true;
  return std::ranges::any_of(*request.topics, [&](const auto& topic) {
    return topic.topic == name.topic &&
           std::ranges::find(topic.partitions, name.partition.value) != topic.partitions.end();
  });
}

Entries entries_of(const Shard& shard, const protocol::DescribeLogDirsRequest& request) {
  Entries entries;
  for (const auto& partition : shard.partitions()) {
    const auto& name = partition->name();
    if (!is_wanted(request, name)) continue;
    const auto& log = partition->log();
    Entry entry;
    entry.partition_index = name.partition.value;
    entry.partition_size = static_cast<std::int64_t>(log.size_bytes());
    // How far the log is behind what is committed: never, where the leader is.
    entry.offset_lag =
        std::max<std::int64_t>((partition->high_watermark() - log.log_end()).value, 0);
    entries.emplace_back(name.topic, entry);
  }
  return entries;
}

}  // namespace

net::Awaitable<DescribeLogDirs::Response> DescribeLogDirs::handle(Request request,
                                                                  RequestContext& context) {
  const auto& directory = context.node.log_dir;
  const auto room = directory.room();
  Response response;
  auto& result = response.results.emplace_back();
  result.log_dir = std::filesystem::absolute(directory.path()).string();
  if (!directory.online()) result.error_code = ErrorCode::kafka_storage_error;
  result.total_bytes = static_cast<std::int64_t>(room.total);
  result.usable_bytes = static_cast<std::int64_t>(room.available);

  const auto wanted = std::make_shared<const Request>(std::move(request));
  std::map<std::string, std::vector<Entry>> topics;
  for (const auto& shard : context.node.shards) {
    auto work = [target = shard.get(), wanted](Answer<Entries> answer) mutable {
      answer(entries_of(*target, *wanted));
    };
    auto asked = ask<Entries>(context.shard, *shard, std::move(work));
    const auto entries = co_await std::move(asked);
    for (const auto& [topic, entry] : entries) topics[topic].push_back(entry);
  }
  for (auto& [name, partitions] : topics) {
    std::ranges::sort(partitions, {}, &Entry::partition_index);
    auto& topic = result.topics.emplace_back();
    topic.name = name;
    topic.partitions = std::move(partitions);
  }
  co_return response;
}

}  // namespace millrace::broker
