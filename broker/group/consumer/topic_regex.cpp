#include "broker/group/consumer/topic_regex.hpp"

#include <re2/re2.h>

#include "protocol/base/ensure.hpp"

namespace millrace::broker {

namespace {

/// What a compiled expression may take; RE2 refuses one that needs more.
constexpr std::int64_t kMemoryBytesMax = std::int64_t{1} << 20;

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
    : compiled_{std::make_unique<re2::RE2>(piece(expression), options())} {}
TopicRegex::~TopicRegex() = default;
TopicRegex::TopicRegex(TopicRegex&&) noexcept = default;
TopicRegex& TopicRegex::operator=(TopicRegex&&) noexcept = default;

bool TopicRegex::ok() const {
  return compiled_->ok();
}

const std::string& TopicRegex::problem() const {
  return compiled_->error();
}

bool TopicRegex::matches(std::string_view topic) const {
  ENSURE(ok());
  return re2::RE2::FullMatch(piece(topic), *compiled_);
}

}  // namespace millrace::broker
