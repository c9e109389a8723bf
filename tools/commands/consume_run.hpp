#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "clients/consumer.hpp"
#include "tools/offset_range.hpp"
#include "tools/print_format.hpp"
#include "tools/session.hpp"

namespace millrace::tools {

struct ConsumePlan {
  std::vector<std::string> topics;
  std::vector<std::int32_t> partitions;  ///< empty: all
  OffsetRange range;
  std::optional<std::uint64_t> records_max;
  bool exit_at_end = false;  ///< stop where the partitions ended when it began
  std::string group;         ///< empty: nobody's offsets are used
  clients::ConsumerOptions options;
  std::function<void(std::string& out, const PrintedRecord& record)> print;
};

/// Prints records until the plan says that it is enough, the reader goes away or SIGINT or SIGTERM
/// comes. In a group, offsets are committed for what has been printed, and nothing else.
net::Awaitable<ExitCode> consume(const Context& context, clients::Client& client,
                                 net::AsioScheduler& scheduler, const ConsumePlan& plan);

}  // namespace millrace::tools
