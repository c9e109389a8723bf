#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "clients/errc.hpp"

namespace CLI {
class App;
class Option;
class Validator;
}  // namespace CLI

/// Options that several commands take, and what their values mean.
namespace millrace::tools {

/// An option that may be given many times with one value each, so that it never swallows the
/// positional arguments behind it.
CLI::Option* add_many(CLI::App& app, const std::string& names, std::vector<std::string>& into,
                      const std::string& description);

/// A check for an option: a whole number from `least` on.
[[nodiscard]] std::function<std::string(const std::string&)> whole_number_from(std::int64_t least);

/// A check for an option of an enumeration: one of these words, upper or lower case alike, which it
/// puts down as the number that is read into the option's variable.
using Choices = std::map<std::string, std::int64_t>;
[[nodiscard]] CLI::Validator one_of(Choices choices);

/// "500ms", "30s", "1h30m", "7d"; a bare number is milliseconds.
[[nodiscard]] std::optional<std::chrono::milliseconds> parse_time(std::string_view text);

/// `key=value` pairs, the last one of a key wins.
[[nodiscard]] clients::Outcome<std::map<std::string, std::string>> parse_pairs(
    const std::vector<std::string>& texts);

/// The same for settings of a topic: checked, and written as brokers of any make read them (`7d`
/// becomes `604800000`). A name that this program does not know goes to the broker as it is.
[[nodiscard]] clients::Outcome<std::map<std::string, std::string>> parse_topic_configs(
    const std::vector<std::string>& texts);

/// The same for settings of a group, and of whatever else, whose values are left as they are.
[[nodiscard]] clients::Outcome<std::map<std::string, std::string>> parse_group_configs(
    const std::vector<std::string>& texts);

/// The whole of a file that the command line names.
[[nodiscard]] clients::Outcome<std::string> read_file(const std::string& path);

/// What is wrong with the command line beyond its grammar; exit code `usage`.
[[nodiscard]] clients::ClientError usage_error(std::string message);

}  // namespace millrace::tools
