#pragma once

#include <map>
#include <vector>

#include "protocol/base/rng.hpp"
#include "protocol/wire/codec.hpp"

namespace millrace::protocol::testing {

/// Writes as a newer peer might: every tagged section also has tags that nobody here knows.
class UnknownTagsWriter {
 public:
  explicit UnknownTagsWriter(Rng& rng) : rng_{rng} {}

  template <class Int>
  void integer(Int value) {
    bytes.resize(bytes.size() + sizeof(Int));
    store_be(bytes.data() + bytes.size() - sizeof(Int), value);
  }
  void unsigned_varint(std::uint32_t value) {
    for (; value >= 0x80; value >>= 7) bytes.push_back(static_cast<std::byte>(value | 0x80));
    bytes.push_back(static_cast<std::byte>(value));
  }
  void uuid(const Uuid& id) { raw(std::as_bytes(std::span{id.bytes})); }
  void raw(Bytes more) { bytes.insert(bytes.end(), more.begin(), more.end()); }
  void piece(const SharedBytes& more) { raw(more.view()); }
  void piece(const FileRange& range) { ENSURE(range.size == 0); }  // messages made here have none

  /// `known` are the tags that the message has, with their payloads.
  void tagged_section(std::map<std::uint32_t, std::vector<std::byte>> known) {
    for (auto extra = rng_.below(3); extra > 0; --extra) {
      std::vector<std::byte> payload(rng_.below(200));
      for (auto& byte : payload) byte = static_cast<std::byte>(rng_.next());
      known.emplace(kFirstUnknown + static_cast<std::uint32_t>(rng_.below(1u << 31)), payload);
    }
    unsigned_varint(static_cast<std::uint32_t>(known.size()));
    for (const auto& [tag, payload] : known) {
      unsigned_varint(tag);
      unsigned_varint(static_cast<std::uint32_t>(payload.size()));
      raw(payload);
    }
  }
  [[nodiscard]] Rng& rng() const { return rng_; }

  std::vector<std::byte> bytes;

 private:
  static constexpr std::uint32_t kFirstUnknown = 16;  // our messages use 0 to 3

  Rng& rng_;
};

/// Found instead of the codec's own, because it is the more special one.
template <class T>
void write_tagged_section(UnknownTagsWriter& out, const T& from, const detail::Context& context) {
  std::map<std::uint32_t, std::vector<std::byte>> known;
  for_each_field<T>([&](const auto& f) {
    using F = std::decay_t<decltype(f)>;
    if (!detail::is_sent_as_tag(f, from.*F::kMember, context)) return;
    UnknownTagsWriter payload{out.rng()};
    detail::write_value(payload, f, from.*F::kMember, context, true);
    known.emplace(static_cast<std::uint32_t>(f.tag), std::move(payload.bytes));
  });
  out.tagged_section(std::move(known));
}

}  // namespace millrace::protocol::testing
