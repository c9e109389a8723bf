#pragma once

#include <array>
#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <ostream>
#include <string>

namespace millrace {

/// A number with a meaning. Converts to and from nothing, so that a partition index cannot be
/// passed where a broker id is meant. `value` is the bare number, for codecs and printing.
template <class Tag, class Rep>
struct Id {
  constexpr Id() = default;
  constexpr explicit Id(Rep v) : value{v} {}
  friend constexpr auto operator<=>(const Id&, const Id&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Id& id) { return out << +id.value; }
  Rep value{};
};

using BrokerId = Id<struct BrokerIdTag, std::int32_t>;
using PartitionIndex = Id<struct PartitionIndexTag, std::int32_t>;
using LeaderEpoch = Id<struct LeaderEpochTag, std::int32_t>;
using ProducerId = Id<struct ProducerIdTag, std::int64_t>;
using ProducerEpoch = Id<struct ProducerEpochTag, std::int16_t>;
using CorrelationId = Id<struct CorrelationIdTag, std::int32_t>;

/// Distance between two offsets, in records.
using OffsetDelta = Id<struct OffsetDeltaTag, std::int64_t>;

/// A point in a partition: point minus point is a distance, point plus point does not compile.
struct Offset {
  constexpr Offset() = default;
  constexpr explicit Offset(std::int64_t v) : value{v} {}
  friend constexpr auto operator<=>(const Offset&, const Offset&) = default;
  friend constexpr Offset operator+(Offset o, OffsetDelta d) { return Offset{o.value + d.value}; }
  friend constexpr OffsetDelta operator-(Offset a, Offset b) {
    return OffsetDelta{a.value - b.value};
  }
  friend std::ostream& operator<<(std::ostream& out, Offset o) { return out << o.value; }
  /// The offset right behind this one.
  [[nodiscard]] constexpr Offset next() const { return Offset{value + 1}; }
  std::int64_t value{};
};

/// Sequence number of a producer's record in a partition: 0 to 2^31-1, then 0 again.
struct Sequence {
  constexpr Sequence() = default;
  constexpr explicit Sequence(std::int32_t v) : value{v} {}
  friend constexpr auto operator<=>(const Sequence&, const Sequence&) = default;
  friend std::ostream& operator<<(std::ostream& out, Sequence s) { return out << s.value; }
  /// This sequence advanced by `count` records, wrapping behind 2^31-1.
  [[nodiscard]] constexpr Sequence plus(std::int32_t count) const {
    constexpr std::int64_t kModulus = std::int64_t{1} << 31;
    return Sequence{static_cast<std::int32_t>((std::int64_t{value} + count) % kModulus)};
  }
  std::int32_t value{};
};

/// Wall-clock time in milliseconds since 1970, as records carry it.
struct Timestamp {
  constexpr Timestamp() = default;
  constexpr explicit Timestamp(std::int64_t ms) : value{ms} {}
  friend constexpr auto operator<=>(const Timestamp&, const Timestamp&) = default;
  friend std::ostream& operator<<(std::ostream& out, Timestamp t) { return out << t.value; }
  friend constexpr Timestamp operator+(Timestamp t, std::chrono::milliseconds d) {
    return Timestamp{t.value + d.count()};
  }
  friend constexpr std::chrono::milliseconds operator-(Timestamp a, Timestamp b) {
    return std::chrono::milliseconds{a.value - b.value};
  }
  std::int64_t value{};
};

/// 16 bytes in network order; all zero means "none" on the wire.
struct Uuid {
  friend constexpr auto operator<=>(const Uuid&, const Uuid&) = default;
  [[nodiscard]] constexpr bool is_zero() const { return *this == Uuid{}; }
  /// Kafka's spelling: URL-safe base64 without padding, 22 characters.
  [[nodiscard]] std::string to_string() const;
  /// Inverse of `to_string`; nothing when `text` is not such a spelling.
  [[nodiscard]] static std::optional<Uuid> parse(std::string_view text);
  friend std::ostream& operator<<(std::ostream& out, const Uuid& id) {
    return out << id.to_string();
  }
  std::array<std::uint8_t, 16> bytes{};
};

using TopicId = Uuid;

struct TopicPartition {
  friend auto operator<=>(const TopicPartition&, const TopicPartition&) = default;
  friend std::ostream& operator<<(std::ostream& out, const TopicPartition& tp) {
    return out << tp.topic << '-' << tp.partition;
  }
  std::string topic;
  PartitionIndex partition;
};

}  // namespace millrace

template <class Tag, class Rep>
struct std::hash<millrace::Id<Tag, Rep>> {
  std::size_t operator()(const millrace::Id<Tag, Rep>& id) const noexcept {
    return std::hash<Rep>{}(id.value);
  }
};

template <>
struct std::hash<millrace::Uuid> {
  std::size_t operator()(const millrace::Uuid& id) const noexcept;
};

template <>
struct std::hash<millrace::TopicPartition> {
  std::size_t operator()(const millrace::TopicPartition& tp) const noexcept {
    return std::hash<std::string>{}(tp.topic) * 31 + static_cast<std::size_t>(tp.partition.value);
  }
};
