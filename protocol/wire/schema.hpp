#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <ostream>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace millrace::protocol {

/// Longest string that a message may hold, in bytes, whatever its encoding could say.
inline constexpr std::size_t kStringBytesMax = 0x7fff;

/// Versions `first` to `last`, both included; empty when `last < first`.
struct VersionRange {
  friend constexpr bool operator==(const VersionRange&, const VersionRange&) = default;
  friend std::ostream& operator<<(std::ostream& out, const VersionRange& v) {
    return out << v.first << '-' << v.last;
  }
  [[nodiscard]] constexpr bool contains(std::int16_t version) const {
    return first <= version && version <= last;
  }
  std::int16_t first = 0;
  std::int16_t last = -1;
};

inline constexpr VersionRange kNoVersions{};

constexpr VersionRange from(std::int16_t first) {
  return {first, std::numeric_limits<std::int16_t>::max()};
}
constexpr VersionRange only(std::int16_t version) {
  return {version, version};
}
constexpr VersionRange between(std::int16_t first, std::int16_t last) {
  return {first, last};
}

template <class T>
struct MemberPointer;
template <class C, class T>
struct MemberPointer<T C::*> {
  using Class = C;
  using Type = T;
};

/// What the protocol says of one field. A message lists these once, in wire order; the reader, the
/// writer, the sizer, the printer and the random generator all walk that list.
/// The default of a field is the member initialiser in its struct.
template <auto Member>
struct Field {
  using Class = typename MemberPointer<decltype(Member)>::Class;
  using Type = typename MemberPointer<decltype(Member)>::Type;
  static constexpr auto kMember = Member;

  /// Null may travel in these versions; elsewhere it is an error. Such a field is a
  /// `std::optional`.
  [[nodiscard]] constexpr Field nullable(VersionRange in) const {
    Field copy = *this;
    copy.null_in = in;
    return copy;
  }
  /// In these versions the field is in the tagged section of its struct under this number.
  [[nodiscard]] constexpr Field tagged(int number, VersionRange in) const {
    Field copy = *this;
    copy.tag = number;
    copy.tagged_in = in;
    return copy;
  }
  /// A value may be dropped silently when the version has no room for it.
  [[nodiscard]] constexpr Field ignorable() const {
    Field copy = *this;
    copy.droppable = true;
    return copy;
  }

  /// Whether the field is in line in this version: present, and not in the tagged section.
  [[nodiscard]] constexpr bool is_inline_in(std::int16_t version) const {
    return versions.contains(version) && !tagged_in.contains(version);
  }
  /// Whether the field is in the tagged section of its struct in this version.
  [[nodiscard]] constexpr bool is_tagged_in(std::int16_t version) const {
    return tag >= 0 && versions.contains(version) && tagged_in.contains(version);
  }

  std::string_view name;
  VersionRange versions;
  VersionRange null_in = kNoVersions;
  VersionRange tagged_in = kNoVersions;
  int tag = -1;
  bool droppable = false;
};

template <auto Member>
constexpr Field<Member> field(std::string_view name, VersionRange versions) {
  return {.name = name, .versions = versions};
}

/// A struct that lists its fields.
template <class T>
concept Described = requires { T::fields(); };

template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};

template <class T>
struct IsVector : std::false_type {};
template <class T>
struct IsVector<std::vector<T>> : std::true_type {};

/// Calls `visit` with every field of `T`, in wire order.
template <class T, class Visit>
constexpr void for_each_field(Visit&& visit) {
  static constexpr auto kFields = T::fields();
  std::apply([&](const auto&... f) { (visit(f), ...); }, kFields);
}

/// The value a field has when nothing was said.
template <class F>
const typename F::Type& default_of(const F&) {
  static const typename F::Class kDefaults{};
  return kDefaults.*F::kMember;
}

/// Whether a struct that has tagged fields anywhere in its list needs the second pass over them.
template <class T>
consteval bool has_tagged_fields() {
  bool any = false;
  for_each_field<T>([&](const auto& f) { any = any || f.tag >= 0; });
  return any;
}

/// Whether the tagged fields of a struct are listed by ascending tag, as they must be sent.
template <class T>
consteval bool tags_ascend() {
  int previous = -1;
  bool ascend = true;
  for_each_field<T>([&](const auto& f) {
    if (f.tag < 0) return;
    ascend = ascend && f.tag > previous;
    previous = f.tag;
  });
  return ascend;
}

}  // namespace millrace::protocol
