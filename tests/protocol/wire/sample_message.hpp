#pragma once

#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "protocol/wire/codec.hpp"

namespace millrace::protocol::testing {

/// A message with one of everything that the codec knows, which no real message has.
struct Sample {
  static constexpr VersionRange kVersions{0, 3};
  static constexpr VersionRange kFlexible = from(2);

  struct Inner {
    friend bool operator==(const Inner&, const Inner&) = default;
    std::int32_t number = 0;
    std::string text;

    static constexpr auto fields() {
      return std::tuple{field<&Inner::number>("Number", from(0)),
                        field<&Inner::text>("Text", from(0))};
    }
  };

  friend bool operator==(const Sample&, const Sample&) = default;
  bool flag = false;
  double ratio = 0.5;
  std::optional<std::string> text = std::string{"default"};
  std::optional<Inner> inner;         // may be null from version 1
  std::optional<Inner> tagged_inner;  // tag 1 from version 2
  std::optional<std::vector<Inner>> list = std::vector<Inner>{};
  std::optional<SharedBytes> data;
  std::int32_t added = 7;           // from version 1, not ignorable
  std::int32_t hint = -1;           // from version 1, ignorable
  std::vector<std::int32_t> moved;  // in line in version 2, tag 0 from version 3

  static constexpr auto fields() {
    return std::tuple{
        field<&Sample::flag>("Flag", from(0)),
        field<&Sample::ratio>("Ratio", from(0)),
        field<&Sample::text>("Text", from(0)).nullable(from(1)),
        field<&Sample::inner>("Inner", from(0)).nullable(from(1)),
        field<&Sample::list>("List", from(0)).nullable(from(0)),
        field<&Sample::data>("Data", from(0)).nullable(from(0)),
        field<&Sample::added>("Added", from(1)),
        field<&Sample::hint>("Hint", from(1)).ignorable(),
        field<&Sample::moved>("Moved", from(2)).tagged(0, from(3)),
        field<&Sample::tagged_inner>("TaggedInner", from(2)).nullable(from(2)).tagged(1, from(2))};
  }
};

}  // namespace millrace::protocol::testing
