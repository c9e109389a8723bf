#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "protocol/base/bytes.hpp"
#include "protocol/base/rng.hpp"
#include "protocol/base/types.hpp"
#include "protocol/wire/schema.hpp"

/// The walker that fills a message with random values that are legal in a version: nulls only where
/// they may travel, and fields that the version lacks left at their defaults. What it makes
/// therefore survives encode and decode unchanged. For tests, fuzzing and simulation; a template
/// that each user compiles, so that the broker does not carry it.
namespace millrace::protocol {

struct GenerateLimits {
  std::size_t elements_max = 3;  // of an array
  std::size_t text_bytes_max = 24;
  std::size_t bytes_max = 48;  // of a byte string or records
};

namespace detail {

/// Integers that matter turn up often: small ones, the ends of the range, -1.
template <class Int>
Int generate_integer(Rng& rng) {
  const std::uint64_t bits = rng.next();
  switch (rng.below(4)) {
    case 0:
      return static_cast<Int>(bits % 16);
    case 1:
      return (bits & 1) != 0 ? std::numeric_limits<Int>::max() : std::numeric_limits<Int>::min();
    case 2:
      return static_cast<Int>(-1);
    default:
      return static_cast<Int>(bits);
  }
}

std::string generate_text(Rng& rng, std::size_t bytes_max);
SharedBytes generate_bytes(Rng& rng, std::size_t bytes_max);

template <class T>
void generate_struct(Rng& rng, T& to, std::int16_t version, const GenerateLimits& limits);

template <class T>
void generate_present(Rng& rng, T& to, std::int16_t version, const GenerateLimits& limits) {
  if constexpr (std::is_same_v<T, std::string>) {
    to = generate_text(rng, limits.text_bytes_max);
  } else if constexpr (std::is_same_v<T, SharedBytes>) {
    to = generate_bytes(rng, limits.bytes_max);
  } else if constexpr (std::is_same_v<T, BytesChain>) {
    to = {};
    for (auto pieces = rng.below(3); pieces > 0; --pieces) {
      to.append(generate_bytes(rng, limits.bytes_max));
    }
  } else if constexpr (IsVector<T>::value) {
    to.resize(rng.below(limits.elements_max + 1));
    for (auto& element : to) generate_present(rng, element, version, limits);
  } else if constexpr (Described<T>) {
    generate_struct(rng, to, version, limits);
  } else if constexpr (std::is_same_v<T, Uuid>) {
    to = rng.chance(1, 4) ? Uuid{} : rng.uuid();
  } else if constexpr (std::is_same_v<T, bool>) {
    to = rng.chance(1, 2);
  } else if constexpr (std::is_enum_v<T>) {
    to = static_cast<T>(generate_integer<std::underlying_type_t<T>>(rng));
  } else if constexpr (std::is_same_v<T, double>) {
    to = static_cast<double>(generate_integer<std::int32_t>(rng)) /
         8;  // equal to itself, unlike NaN
  } else {
    to = generate_integer<T>(rng);
  }
}

template <class T>
void generate_struct(Rng& rng, T& to, std::int16_t version, const GenerateLimits& limits) {
  for_each_field<T>([&](const auto& f) {
    using F = std::decay_t<decltype(f)>;
    auto& value = to.*F::kMember;
    if (!f.versions.contains(version)) return;
    if (f.is_tagged_in(version) && rng.chance(1, 2)) return;  // stays at its default: not sent
    if constexpr (IsOptional<typename F::Type>::value) {
      if (f.null_in.contains(version) && rng.chance(1, 3)) {
        value.reset();
      } else {
        generate_present(rng, value.emplace(typename F::Type::value_type{}), version, limits);
      }
    } else {
      generate_present(rng, value, version, limits);
    }
  });
}

}  // namespace detail

/// A random message that `version` can carry.
template <class Message>
Message generate(Rng& rng, std::int16_t version, const GenerateLimits& limits = {}) {
  Message message;
  detail::generate_struct(rng, message, version, limits);
  return message;
}

}  // namespace millrace::protocol
