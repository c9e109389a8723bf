#pragma once

#include <string>
#include <vector>

#include "tools/session.hpp"

/// What the commands about groups do once their arguments are understood.
namespace millrace::tools {

net::Awaitable<ExitCode> list_groups(const Context& context, clients::Client& client,
                                     std::vector<std::string> ids);
net::Awaitable<ExitCode> describe_groups(const Context& context, clients::Client& client,
                                         std::vector<std::string> ids);
net::Awaitable<ExitCode> show_group_lag(const Context& context, clients::Client& client,
                                        std::vector<std::string> ids);
net::Awaitable<ExitCode> delete_groups(const Context& context, clients::Client& client,
                                       std::vector<std::string> ids);

}  // namespace millrace::tools
