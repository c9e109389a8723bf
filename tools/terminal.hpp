#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace millrace::tools {

/// Where text goes. Used from one thread.
class Sink {
 public:
  virtual ~Sink() = default;
  /// All of `text`, at once; blocks while the reader is slow. `std::errc::broken_pipe`: the reader
  /// went away, which is its right.
  [[nodiscard]] virtual std::error_code write(std::string_view text) = 0;
};

/// A file descriptor of the process, which stays open for longer than this.
class FdSink final : public Sink {
 public:
  explicit FdSink(int fd) : fd_{fd} {}
  [[nodiscard]] std::error_code write(std::string_view text) override;

 private:
  int fd_;
};

/// Keeps what was written; for tests.
class StringSink final : public Sink {
 public:
  [[nodiscard]] std::error_code write(std::string_view text) override {
    text_ += text;
    return {};
  }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

/// What a command sees of the process around it: passed in, so that tests run whole commands.
struct Terminal {
  Sink& out;  ///< results, and nothing else
  Sink& err;  ///< everything said to people
  int in_fd = 0;
  bool colour = false;    ///< errors may be coloured
  bool progress = false;  ///< a line that is written over again is welcome on `err`
  std::vector<std::pair<std::string, std::string>> environment;

  [[nodiscard]] std::optional<std::string> variable(std::string_view name) const;
  /// `error: <text>` as a line on `err`.
  void error(std::string_view text) const;
  void notice(std::string_view text) const;
  /// A line on `out`. False when it could not be written, which `err` has been told then, unless
  /// the reader went away.
  [[nodiscard]] bool print(std::string_view text) const;
};

/// The process's own: colour and progress only on a terminal, colour never with NO_COLOR.
/// `out` and `err` outlive it.
[[nodiscard]] Terminal process_terminal(Sink& out, Sink& err);

}  // namespace millrace::tools
