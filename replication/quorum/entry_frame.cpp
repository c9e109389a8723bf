#include "replication/quorum/entry_frame.hpp"

#include <array>

#include "protocol/checksum/crc32c.hpp"
#include "replication/consensus/codec.hpp"

namespace millrace::replication::quorum {
namespace {

constexpr std::uint32_t kTag = 0x4d454e31;  // MEN1
constexpr std::size_t kCheckedFrom = 8;
constexpr std::size_t kSizedFrom = 12;

}  // namespace

void append_frame(std::string& to, const EntryFrame& frame) {
  const std::string entry = consensus::encode(frame.entry);
  std::array<std::byte, kFrameHeaderBytes> header{};
  store_be(header.data(), kTag);
  store_be(header.data() + 8,
           static_cast<std::uint32_t>(kFrameHeaderBytes - kSizedFrom + entry.size()));
  store_be(header.data() + 12, frame.index.value);
  store_be(header.data() + 20, frame.term_before.value);
  store_be(header.data() + 24, frame.durable.value);
  const auto sum = protocol::crc32c(Bytes{header}.subspan(kCheckedFrom));
  store_be(header.data() + 4, protocol::crc32c(as_bytes(entry), sum));
  to.append(as_text(header));
  to.append(entry);
}

std::optional<EntryFrame> parse_frame(Bytes bytes) {
  if (bytes.size() < kFrameHeaderBytes || load_be<std::uint32_t>(bytes.data()) != kTag)
    return std::nullopt;
  const std::size_t size = load_be<std::uint32_t>(bytes.data() + 8);
  if (size < kFrameHeaderBytes - kSizedFrom || size > bytes.size() - kSizedFrom)
    return std::nullopt;
  const Bytes whole = bytes.first(kSizedFrom + size);
  if (load_be<std::uint32_t>(whole.data() + 4) != protocol::crc32c(whole.subspan(kCheckedFrom)))
    return std::nullopt;
  auto entry = consensus::decode_entry(as_text(whole.subspan(kFrameHeaderBytes)));
  if (!entry) return std::nullopt;
  return EntryFrame{
      .index = consensus::Index{load_be<std::int64_t>(whole.data() + 12)},
      .term_before = consensus::Term{load_be<std::int32_t>(whole.data() + 20)},
      .durable = consensus::Index{load_be<std::int64_t>(whole.data() + 24)},
      .entry = *std::move(entry),
      .bytes = whole.size(),
  };
}

std::optional<EntryFrame> next_frame(Bytes bytes, std::size_t& at) {
  for (; at + kFrameHeaderBytes <= bytes.size(); ++at)
    if (auto frame = parse_frame(bytes.subspan(at))) return frame;
  return std::nullopt;
}

}  // namespace millrace::replication::quorum
