#include <fmt/format.h>

#include <charconv>

#include "clients/admin.hpp"

namespace millrace::clients {

using protocol::ErrorCode;

namespace {

/// A broker's own settings are that broker's to answer; everything else any broker can.
std::optional<BrokerId> owner_of(const ConfigResource& resource) {
  if (resource.type != ConfigResourceType::broker || resource.name.empty()) return std::nullopt;
  std::int32_t id = 0;
  const auto* const end = resource.name.data() + resource.name.size();
  const auto [rest, error] = std::from_chars(resource.name.data(), end, id);
  if (error != std::errc{} || rest != end) return std::nullopt;
  return BrokerId{id};
}

std::string text(const ConfigResource& resource) {
  switch (resource.type) {
    case ConfigResourceType::topic:
      return "topic " + resource.name;
    case ConfigResourceType::broker:
      return resource.name.empty() ? "the brokers' default" : "broker " + resource.name;
    case ConfigResourceType::group:
      return "group " + resource.name;
  }
  return resource.name;
}

ConfigEntry entry_from(
    const protocol::DescribeConfigsResponse::DescribeConfigsResult::DescribeConfigsResourceResult&
        from) {
  const bool known = from.config_source >= 0 && from.config_source <= 8;
  return {.name = from.name,
          .value = from.value,
          .source = known ? static_cast<ConfigSource>(from.config_source) : ConfigSource::unknown,
          .read_only = from.read_only,
          .sensitive = from.is_sensitive,
          .documentation = from.documentation};
}

}  // namespace

net::Awaitable<Outcome<PerItem<ConfigResource, std::vector<ConfigEntry>>>> Admin::describe_configs(
    std::vector<ConfigResource> resources, Instant deadline, bool with_documentation) {
  std::map<std::optional<BrokerId>, protocol::DescribeConfigsRequest> requests;
  for (const auto& resource : resources) {
    auto& request = requests[owner_of(resource)];
    request.include_documentation = with_documentation;
    request.resources.push_back({.resource_type = std::to_underlying(resource.type),
                                 .resource_name = resource.name,
                                 .configuration_keys = std::nullopt});
  }
  PerItem<ConfigResource, std::vector<ConfigEntry>> results;
  for (auto& [owner, request] : requests) {
    Outcome<protocol::DescribeConfigsResponse> response = protocol::DescribeConfigsResponse{};
    if (owner) {
      response = co_await client_.call_broker(*owner, std::move(request), deadline);
    } else {
      response = co_await client_.call_any(std::move(request), deadline);
    }
    if (!response) co_return response.error();
    for (const auto& result : response->results) {
      const ConfigResource resource{static_cast<ConfigResourceType>(result.resource_type),
                                    result.resource_name};
      if (result.error_code != ErrorCode::none) {
        results.emplace_back(
            resource, rejected(result.error_code, "describing the settings of " + text(resource),
                               result.error_message.value_or("")));
        continue;
      }
      std::vector<ConfigEntry> entries;
      for (const auto& config : result.configs) entries.push_back(entry_from(config));
      results.emplace_back(resource, std::move(entries));
    }
  }
  co_return results;
}

net::Awaitable<Outcome<PerItem<ConfigResource, void>>> Admin::alter_configs(
    std::map<ConfigResource, std::vector<ConfigChange>> changes, Instant deadline,
    bool validate_only) {
  std::map<std::optional<BrokerId>, protocol::IncrementalAlterConfigsRequest> requests;
  for (const auto& [resource, items] : changes) {
    auto& request = requests[owner_of(resource)];
    request.validate_only = validate_only;
    auto& wire = request.resources.emplace_back();
    wire.resource_type = std::to_underlying(resource.type);
    wire.resource_name = resource.name;
    for (const auto& change : items) {
      wire.configs.push_back({.name = change.name,
                              .config_operation = std::to_underlying(change.operation),
                              .value = change.value});
    }
  }
  PerItem<ConfigResource, void> results;
  for (auto& [owner, request] : requests) {
    Outcome<protocol::IncrementalAlterConfigsResponse> response =
        protocol::IncrementalAlterConfigsResponse{};
    if (owner) {
      response = co_await client_.call_broker(*owner, std::move(request), deadline);
    } else {
      response = co_await client_.call_any(std::move(request), deadline);
    }
    if (!response) co_return response.error();
    for (const auto& result : response->responses) {
      const ConfigResource resource{static_cast<ConfigResourceType>(result.resource_type),
                                    result.resource_name};
      Outcome<void> outcome;
      if (result.error_code != ErrorCode::none) {
        outcome = rejected(result.error_code, "changing the settings of " + text(resource),
                           result.error_message.value_or(""));
      }
      results.emplace_back(resource, std::move(outcome));
    }
  }
  co_return results;
}

net::Awaitable<Outcome<ClusterDescription>> Admin::describe_cluster(Instant deadline) {
  std::vector<std::string> none;
  const auto refreshed = co_await client_.refresh_metadata(std::move(none), deadline);
  if (!refreshed) co_return refreshed.error();
  const auto& metadata = client_.metadata();
  ClusterDescription description{.cluster_id = metadata.cluster_id().value_or(""),
                                 .controller = metadata.controller()};
  for (const auto& [id, broker] : metadata.brokers()) description.brokers.push_back(broker);
  co_return description;
}

net::Awaitable<Outcome<std::vector<LogDirectoryInfo>>> Admin::describe_log_directories(
    Instant deadline) {
  const auto cluster = co_await describe_cluster(deadline);
  if (!cluster) co_return cluster.error();
  std::vector<LogDirectoryInfo> directories;
  for (const auto& broker : cluster->brokers) {
    protocol::DescribeLogDirsRequest request;
    const auto response = co_await client_.call_broker(broker.id, std::move(request), deadline);
    if (!response) co_return response.error();
    if (response->error_code != ErrorCode::none) {
      co_return rejected(response->error_code,
                         fmt::format("looking at the directories of broker {}", broker.id.value),
                         "");
    }
    for (const auto& result : response->results) {
      auto& directory = directories.emplace_back(LogDirectoryInfo{
          .broker = broker.id, .path = result.log_dir, .error = result.error_code});
      if (result.total_bytes >= 0) directory.total_bytes = result.total_bytes;
      if (result.usable_bytes >= 0) directory.usable_bytes = result.usable_bytes;
      for (const auto& topic : result.topics) {
        for (const auto& partition : topic.partitions) {
          const TopicPartition at{topic.name, PartitionIndex{partition.partition_index}};
          directory.partitions[at] = {partition.partition_size, partition.offset_lag};
        }
      }
    }
  }
  co_return directories;
}

}  // namespace millrace::clients
