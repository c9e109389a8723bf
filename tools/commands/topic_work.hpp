#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tools/session.hpp"

/// What the commands about topics do once their arguments are understood. Each prints its result
/// and says its errors; the code is that of the first error.
namespace millrace::tools {

struct TopicArguments {
  std::vector<std::string> names;
  std::optional<std::int32_t> partitions;
  std::optional<std::int16_t> replication_factor;
  std::map<std::string, std::string> configs;
  std::vector<std::string> unset;
  bool if_not_exists = false;
  bool internal = false;
};

net::Awaitable<ExitCode> create_topics(const Context& context, clients::Client& client,
                                       TopicArguments arguments);
net::Awaitable<ExitCode> list_topics(const Context& context, clients::Client& client,
                                     TopicArguments arguments);
net::Awaitable<ExitCode> describe_topics(const Context& context, clients::Client& client,
                                         TopicArguments arguments);
net::Awaitable<ExitCode> delete_topics(const Context& context, clients::Client& client,
                                       TopicArguments arguments);
net::Awaitable<ExitCode> alter_topics(const Context& context, clients::Client& client,
                                      TopicArguments arguments);
net::Awaitable<ExitCode> add_partitions(const Context& context, clients::Client& client,
                                        TopicArguments arguments);

}  // namespace millrace::tools
