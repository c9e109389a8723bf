#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/layers.hpp"
#include "config/problem.hpp"

namespace millrace::config {

/// All that is to say about the settings a broker would start with; what `config check` prints. The
/// file's problems come first, in its order, then those of the environment, of --set, and of
/// settings that do not fit together.
std::vector<Problem> check_file(std::string text,
                                std::vector<std::pair<std::string, std::string>> environment = {},
                                std::vector<std::string> sets = {},
                                std::string file_name = "server.properties");

/// What `config explain` prints about a name: of the broker, of a topic, or both. For a name that
/// does not exist it says so, with the nearest one. Lines of text, the last one ended too.
std::string explain(std::string_view key);

/// A server.properties with every setting that has an effect, each commented out at its default.
/// `config/server.properties` is this text.
std::string sample_properties();

}  // namespace millrace::config
