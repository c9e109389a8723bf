#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tools/session.hpp"

/// What the commands about transactions do once their arguments are understood.
namespace millrace::tools {

struct TransactionArguments {
  std::vector<std::string> names;  // transactional ids, or topics
  std::int32_t partition = 0;      // of `abort`
  std::int64_t producer = 0;       // likewise
};

net::Awaitable<ExitCode> list_transactions(const Context& context, clients::Client& client,
                                           TransactionArguments arguments);
net::Awaitable<ExitCode> describe_transactions(const Context& context, clients::Client& client,
                                               TransactionArguments arguments);
/// Those that are open at a partition and that nobody will end; of all topics when none is named.
net::Awaitable<ExitCode> show_hanging_transactions(const Context& context, clients::Client& client,
                                                   TransactionArguments arguments);
/// Ends one that hangs. One that its coordinator looks after is left to it.
net::Awaitable<ExitCode> abort_transaction(const Context& context, clients::Client& client,
                                           TransactionArguments arguments);

}  // namespace millrace::tools
