#include "tools/completion.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>

namespace millrace::tools {
namespace {

void add_options(const CLI::App& app, std::vector<std::string>& words) {
  for (const auto* option : app.get_options())
    for (const auto& name : option->get_lnames()) words.push_back("--" + name);
}

void walk(const CLI::App& root, const CLI::App& app, const std::string& path,
          CompletionWords& words) {
  auto& mine = words[path];
  for (const auto* sub : app.get_subcommands({})) mine.push_back(sub->get_name());
  add_options(app, mine);
  if (&app != &root) add_options(root, mine);
  std::ranges::sort(mine);
  mine.erase(std::ranges::unique(mine).begin(), mine.end());
  for (const auto* sub : app.get_subcommands({})) {
    walk(root, *sub, path.empty() ? sub->get_name() : path + ' ' + sub->get_name(), words);
  }
}

// The words that are no options make up the command, as far as there is such a command; the value
// of an option in between ends it, which costs a suggestion and nothing else.
constexpr std::string_view kBash = R"(_millrace() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} command='' word i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${{COMP_WORDS[i]}}
    [[ $word == -* ]] && continue
    case "${{command:+$command }}$word" in
{commands}
    esac
  done
  local words=''
  case $command in
{cases}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}}
complete -o default -F _millrace millrace
)";

}  // namespace

CompletionWords words_of(const CLI::App& root) {
  CompletionWords words;
  walk(root, root, "", words);
  return words;
}

std::string completion_script(const CompletionWords& words, std::string_view shell) {
  std::string commands;
  std::string cases;
  for (const auto& [path, following] : words) {
    if (!path.empty()) {
      commands +=
          fmt::format("{}      '{}') command='{}' ;;", commands.empty() ? "" : "\n", path, path);
    }
    cases += fmt::format("{}    '{}') words='{}' ;;", cases.empty() ? "" : "\n", path,
                         fmt::join(following, " "));
  }
  const auto script = fmt::format(kBash, fmt::arg("commands", commands), fmt::arg("cases", cases));
  if (shell == "bash") return script;
  return "autoload -Uz compinit bashcompinit\n(( $+functions[compdef] )) || compinit\n"
         "bashcompinit\n" +
         script;
}

}  // namespace millrace::tools
