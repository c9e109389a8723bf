#pragma once

#include <catch2/catch.hpp>
#include <sstream>

#include "protocol/base/result.hpp"

/// A result in a failed check shows its error; what its value is, the check says itself.
template <class T, class Error>
struct Catch::StringMaker<boost::system::result<T, Error>> {
  static std::string convert(const boost::system::result<T, Error>& result) {
    if (result) return "a value";
    std::ostringstream out;
    out << result.error();
    return out.str();
  }
};
