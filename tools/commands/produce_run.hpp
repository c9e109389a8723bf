#pragma once

#include <optional>
#include <string>
#include <vector>

#include "clients/producer.hpp"
#include "tools/input_format.hpp"
#include "tools/session.hpp"

namespace millrace::tools {

struct ProducePlan {
  std::string topic;
  InputFormat format;
  clients::ProducerOptions options;
  std::optional<std::string> key;  ///< for records whose format gives none
  std::optional<PartitionIndex> partition;
  std::vector<clients::RecordHeader> headers;  ///< for every record, in front of its own
  bool tombstones = false;                     ///< an empty value is sent as null
};

/// Sends what the input holds and returns when all of it is delivered. The first record that fails
/// ends the reading: what is behind it must not overtake it.
net::Awaitable<ExitCode> produce(const Context& context, clients::Client& client,
                                 net::AsioScheduler& scheduler, const ProducePlan& plan);

}  // namespace millrace::tools
