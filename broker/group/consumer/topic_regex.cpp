#include "broker/group/consumer/topic_regex.hpp"

#include <re2/re2.h>

#include "protocol/base/ensure.hpp"

namespace millrace::broker {

namespace {

/// What a compiled expression may take; RE2 refuses one that needs more.
constexpr std::int64_t kMemoryBytesMax = std::int64_t{1} << 20;

/// Instructions of a compiled expression. RE2 matches larger ones by walking all of them for each
/// letter, and an expression from outside is held against every topic there is.
constexpr int kProgramMax = 1'000;

re2::RE2::Options options() {
  re2::RE2::Options options{re2::RE2::Quiet};
  options.set_max_mem(kMemoryBytesMax);
  return options;
}

re2::StringPiece piece(std::string_view text) {
  return {text.data(), text.size()};
}

}  // namespace

TopicRegex::TopicRegex(std::string_view expression)
    : compiled_{std::make_unique<re2::RE2>(piece(expression), options())},
      problem_{compiled_->error()} {
  if (problem_.empty() && compiled_->ProgramSize() > kProgramMax)
    problem_ = "it is too large: a simpler one, or fewer repetitions, will do";
}
TopicRegex::~TopicRegex() = default;
TopicRegex::TopicRegex(TopicRegex&&) noexcept = default;
TopicRegex& TopicRegex::operator=(TopicRegex&&) noexcept = default;

bool TopicRegex::ok() const {
  return problem_.empty();
}

const std::string& TopicRegex::problem() const {
  return problem_;
}

bool TopicRegex::matches(std::string_view topic) const {
  ENSURE(ok());
  return re2::RE2::FullMatch(piece(topic), *compiled_);
}

}  // namespace millrace::broker
