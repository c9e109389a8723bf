#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/offset_range.hpp"
#include "tools/session.hpp"

/// What the commands about groups do once their arguments are understood.
namespace millrace::tools {

net::Awaitable<ExitCode> list_groups(const Context& context, clients::Client& client,
                                     std::vector<std::string> ids);
net::Awaitable<ExitCode> describe_groups(const Context& context, clients::Client& client,
                                         std::vector<std::string> ids);
net::Awaitable<ExitCode> show_group_lag(const Context& context, clients::Client& client,
                                        std::vector<std::string> ids);
net::Awaitable<ExitCode> show_group_history(const Context& context, clients::Client& client,
                                            std::vector<std::string> ids);
net::Awaitable<ExitCode> delete_groups(const Context& context, clients::Client& client,
                                       std::vector<std::string> ids);

/// Which offsets of a group are meant, and where they are to go.
struct GroupOffsetArguments {
  std::string group;
  std::vector<std::string> topics;       ///< empty: those that it has committed something for
  std::vector<std::int32_t> partitions;  ///< of each topic; empty: all
  OffsetPoint to;                        ///< for `seek_group`
  bool execute = false;                  ///< likewise; without it, it is only said what would be
};

net::Awaitable<ExitCode> seek_group(const Context& context, clients::Client& client,
                                    GroupOffsetArguments arguments);
net::Awaitable<ExitCode> delete_group_offsets(const Context& context, clients::Client& client,
                                              GroupOffsetArguments arguments);

}  // namespace millrace::tools
