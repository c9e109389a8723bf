#pragma once

#include <map>
#include <string>
#include <vector>

#include "clients/admin.hpp"
#include "tools/session.hpp"

/// What the commands about settings of a running cluster do once their arguments are understood.
namespace millrace::tools {

struct ConfigArguments {
  clients::ConfigResource resource;
  std::map<std::string, std::string> configs;
  std::vector<std::string> unset;
  bool all = false;  ///< show defaults as well
};

net::Awaitable<ExitCode> show_configs(const Context& context, clients::Client& client,
                                      ConfigArguments arguments);
net::Awaitable<ExitCode> set_configs(const Context& context, clients::Client& client,
                                     ConfigArguments arguments);

/// Where a value comes from, in a word: "topic", "group", "cluster", "broker", "default", "other".
[[nodiscard]] std::string_view source_name(clients::ConfigSource source);

}  // namespace millrace::tools
