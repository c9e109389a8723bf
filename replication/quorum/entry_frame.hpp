#pragma once

#include <optional>
#include <string>

#include "protocol/base/bytes.hpp"
#include "replication/consensus/types.hpp"

// An entry as it stands in a segment of the quorum's log, big-endian:
//
//    0  tag          4 bytes  MEN1
//    4  CRC          uint32   CRC-32C of everything from byte 8 on
//    8  size         uint32   of what follows
//   12  index        int64
//   20  term before  int32    of the entry right before this one
//   24  durable      int64    up to where the log was durable when this was written
//   32  entry        Protobuf Entry (consensus.proto), with its term
namespace millrace::replication::quorum {

inline constexpr std::size_t kFrameHeaderBytes = 32;

struct EntryFrame {
  consensus::Index index;
  consensus::Term term_before;  // what a start needs of an entry that is no longer kept
  consensus::Index durable;     // tells a torn end from damage
  consensus::Entry entry;
  std::size_t bytes = 0;  // of the whole frame; set by `parse_frame`
};

void append_frame(std::string& to, const EntryFrame& frame);

/// The frame that begins where `bytes` do; nothing if it is not there, whole and sound.
std::optional<EntryFrame> parse_frame(Bytes bytes);

/// The first sound frame that begins at byte `at` or behind it, where `at` is then. Looks at every
/// byte.
std::optional<EntryFrame> next_frame(Bytes bytes, std::size_t& at);

}  // namespace millrace::replication::quorum
