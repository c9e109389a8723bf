#include "tools/completion.hpp"

#include <CLI/CLI.hpp>

#include "tools/commands/commands.hpp"

namespace millrace::tools {

void add_completion(CLI::App& root, Action& action) {
  auto* const verb = root.add_subcommand("completion", "Print completion for a shell");
  const auto shell = std::make_shared<std::string>();
  verb->add_option("SHELL", *shell, "bash: source <(millrace completion bash); zsh likewise")
      ->required()
      ->check([](const std::string& text) {
        return text == "bash" || text == "zsh" ? "" : "'" + text + "' is not one of bash, zsh";
      });
  verb->footer("For every new shell, put that line into ~/.bashrc or ~/.zshrc.");
  // The tree is gone when the action runs, so the text is made now.
  verb->callback([&action, &root, shell] {
    action = [text = completion_script(words_of(root), *shell)](const Context& context) {
      const auto failure = context.terminal.out.write(text);
      return failure ? ExitCode::failed : ExitCode::ok;
    };
  });
}

}  // namespace millrace::tools
