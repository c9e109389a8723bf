#pragma once

#include <string>
#include <string_view>

#include "protocol/base/result.hpp"
#include "replication/consensus/errc.hpp"
#include "replication/consensus/message.hpp"

namespace millrace::replication::consensus {

/// The Protobuf form of `replication/consensus.proto`. What is decoded makes sense in itself: no
/// term or index is negative and no term above 2,000,000,000, entries' terms neither go back nor
/// pass the sender's, configurations are sorted and name no node twice. Else `Errc::malformed`.
[[nodiscard]] std::string encode(const Message& message);
[[nodiscard]] Result<Message> decode_message(std::string_view bytes);

[[nodiscard]] std::string encode(const Entry& entry);
[[nodiscard]] Result<Entry> decode_entry(std::string_view bytes);

[[nodiscard]] std::string encode(const VoterState& state);
[[nodiscard]] Result<VoterState> decode_voter_state(std::string_view bytes);

[[nodiscard]] std::string encode(const Snapshot& snapshot);
[[nodiscard]] Result<Snapshot> decode_snapshot(std::string_view bytes);

}  // namespace millrace::replication::consensus
