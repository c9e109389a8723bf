#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>

#include "protocol/base/bytes.hpp"
#include "protocol/base/types.hpp"
#include "protocol/error_code.hpp"
#include "protocol/messages/api_key.hpp"
#include "protocol/wire/codec.hpp"
#include "protocol/wire/schema.hpp"

namespace millrace::protocol {

/// What one node of a cluster says to another: the messages of the metadata quorum, and what
/// brokers ask of the controller. Not Kafka's: it travels like any request, so that whatever
/// protects those protects this, and carries Protobuf (`replication/peer.proto`). Its versions
/// never change; those of the payload are Protobuf's affair.
struct PeerRequest {
  static constexpr ApiKey kApiKey = ApiKey::peer;
  static constexpr VersionRange kVersions{0, 0};
  static constexpr VersionRange kFlexible = from(0);

  friend bool operator==(const PeerRequest&, const PeerRequest&) = default;
  /// Of the sender; empty for one who does not know it yet, because it wants to join.
  std::string cluster_id;
  std::int32_t from_node = -1;
  Uuid from_directory;
  /// Where the sender is to be reached.
  std::string from_host;
  std::int32_t from_port = 0;
  SharedBytes call;  // a `PeerCall`

  static constexpr auto fields() {
    return std::tuple{field<&PeerRequest::cluster_id>("ClusterId", from(0)),
                      field<&PeerRequest::from_node>("FromNode", from(0)),
                      field<&PeerRequest::from_directory>("FromDirectory", from(0)),
                      field<&PeerRequest::from_host>("FromHost", from(0)),
                      field<&PeerRequest::from_port>("FromPort", from(0)),
                      field<&PeerRequest::call>("Call", from(0))};
  }
};

/// Answer to `PeerRequest`.
struct PeerResponse {
  static constexpr ApiKey kApiKey = ApiKey::peer;
  static constexpr VersionRange kVersions{0, 0};
  static constexpr VersionRange kFlexible = from(0);

  friend bool operator==(const PeerResponse&, const PeerResponse&) = default;
  ErrorCode error_code = ErrorCode::none;
  std::optional<std::string> error_message;
  SharedBytes answer;  // a `PeerAnswer`; empty with an error

  static constexpr auto fields() {
    return std::tuple{
        field<&PeerResponse::error_code>("ErrorCode", from(0)),
        field<&PeerResponse::error_message>("ErrorMessage", from(0)).nullable(from(0)),
        field<&PeerResponse::answer>("Answer", from(0))};
  }
};

}  // namespace millrace::protocol

MILLRACE_DECLARE_CODEC(millrace::protocol::PeerRequest);
MILLRACE_DECLARE_CODEC(millrace::protocol::PeerResponse);
