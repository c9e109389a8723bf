#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "replication/consensus/message.hpp"

namespace millrace::replication::consensus::sim {

std::vector<std::string> words_of(const std::string& line);

/// What follows `name=` in one of the words; nothing if there is none.
std::optional<std::string> option(const std::vector<std::string>& words, const std::string& name);
std::int64_t number(const std::vector<std::string>& words, const std::string& name,
                    std::int64_t otherwise);

/// `3/2`.
Position position_of(const std::string& text);

/// A message's body in the form in which it is printed, but entries as `entries=2:x,2:no-op`.
MessageBody body_of(const std::vector<std::string>& words);

}  // namespace millrace::replication::consensus::sim
