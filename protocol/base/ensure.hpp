#pragma once

#include <cstdio>
#include <cstdlib>

namespace millrace::detail {

/// Prints where and what was broken to stderr and aborts.
[[noreturn]] inline void ensure_failed(const char* expression, const char* file,
                                       int line) noexcept {
  std::fprintf(stderr, "%s:%d: broken invariant: %s\n", file, line, expression);
  std::abort();
}

}  // namespace millrace::detail

/// States an invariant of our own code; checked in every build. A false one is a programmer's
/// error, so the process stops before it can write anything wrong. Never for input from outside:
/// that gets a `Result`.
#define ENSURE(condition)       \
  (static_cast<bool>(condition) \
       ? (void)0                \
       : ::millrace::detail::ensure_failed(#condition, __FILE__, __LINE__))
