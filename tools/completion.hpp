#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
}

namespace millrace::tools {

/// What can follow each command, by the command's words ("topic create"; empty for the program).
using CompletionWords = std::map<std::string, std::vector<std::string>>;

/// Sub-commands and long options, global options included.
[[nodiscard]] CompletionWords words_of(const CLI::App& root);

/// A script for `bash` or `zsh` to source; completes words, and files where no word fits.
[[nodiscard]] std::string completion_script(const CompletionWords& words, std::string_view shell);

}  // namespace millrace::tools
