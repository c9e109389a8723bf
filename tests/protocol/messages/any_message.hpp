#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/bytes.hpp"
#include "protocol/base/result.hpp"
#include "protocol/messages/all.hpp"
#include "protocol/messages/consumer_group_records.hpp"
#include "protocol/messages/consumer_protocol.hpp"
#include "protocol/messages/group_records.hpp"
#include "protocol/messages/transaction_records.hpp"
#include "protocol/wire/codec.hpp"

/// Every message that this build describes behind one plain type, so that a test or a fuzzer can
/// choose one at run time.
namespace millrace::protocol::testing {

/// What became of some bytes.
struct Decoded {
  std::string text;              // the message as printed, nothing cut
  std::vector<std::byte> again;  // what it encodes to
  std::size_t bytes_read = 0;
  bool same_after_round_trip = false;  // `again` decodes to an equal message
};

struct AnyMessage {
  std::string name;  // as Kafka spells it: "FetchRequest"
  VersionRange versions;
  Result<Decoded> (*decode)(SharedBytes bytes, std::int16_t version);
};

template <class Message>
std::vector<std::byte> encode_body(const Message& message, std::int16_t version) {
  Sizer size;
  MessageCodec<Message>::measure(size, message, version);
  Writer out{size.own()};
  MessageCodec<Message>::encode(out, message, version);
  return std::move(out).finish().flatten();
}

template <class Message>
Result<Message> decode_body(SharedBytes bytes, std::int16_t version) {
  Reader in{std::move(bytes)};
  auto message = MessageCodec<Message>::decode(in, version);
  if (message && in.remaining() > 0) return Errc::trailing_bytes;
  return message;
}

template <class Message>
Result<Decoded> decode_any(SharedBytes bytes, std::int16_t version) {
  Reader in{std::move(bytes)};
  const auto message = MessageCodec<Message>::decode(in, version);
  if (!message) return message.error();
  Decoded result;
  result.text = print(*message, version, PrintStyle::whole());
  result.again = encode_body(*message, version);
  result.bytes_read = in.position();
  const auto second = decode_body<Message>(SharedBytes::from(result.again), version);
  result.same_after_round_trip = second && *second == *message;
  return result;
}

/// Calls `visit.template operator()<Message>(name)` for every message.
template <class Visit>
void for_each_message(Visit&& visit) {
  for_each_api([&]<class Request, class Response>(ApiMessages<Request, Response>) {
    const std::string api{to_string(Request::kApiKey)};
    visit.template operator()<Request>(api + "Request");
    visit.template operator()<Response>(api + "Response");
  });
  visit.template operator()<ConsumerProtocolSubscription>("ConsumerProtocolSubscription");
  visit.template operator()<ConsumerProtocolAssignment>("ConsumerProtocolAssignment");
  visit.template operator()<OffsetCommitKey>("OffsetCommitKey");
  visit.template operator()<OffsetCommitValue>("OffsetCommitValue");
  visit.template operator()<GroupMetadataKey>("GroupMetadataKey");
  visit.template operator()<GroupMetadataValue>("GroupMetadataValue");
  visit.template operator()<ConsumerGroupMetadataKey>("ConsumerGroupMetadataKey");
  visit.template operator()<ConsumerGroupMetadataValue>("ConsumerGroupMetadataValue");
  visit.template operator()<ConsumerGroupPartitionMetadataKey>("ConsumerGroupPartitionMetadataKey");
  visit.template operator()<ConsumerGroupPartitionMetadataValue>(
      "ConsumerGroupPartitionMetadataValue");
  visit.template operator()<ConsumerGroupMemberMetadataKey>("ConsumerGroupMemberMetadataKey");
  visit.template operator()<ConsumerGroupMemberMetadataValue>("ConsumerGroupMemberMetadataValue");
  visit.template operator()<ConsumerGroupTargetAssignmentMetadataKey>(
      "ConsumerGroupTargetAssignmentMetadataKey");
  visit.template operator()<ConsumerGroupTargetAssignmentMetadataValue>(
      "ConsumerGroupTargetAssignmentMetadataValue");
  visit.template operator()<ConsumerGroupTargetAssignmentMemberKey>(
      "ConsumerGroupTargetAssignmentMemberKey");
  visit.template operator()<ConsumerGroupTargetAssignmentMemberValue>(
      "ConsumerGroupTargetAssignmentMemberValue");
  visit.template operator()<ConsumerGroupCurrentMemberAssignmentKey>(
      "ConsumerGroupCurrentMemberAssignmentKey");
  visit.template operator()<ConsumerGroupCurrentMemberAssignmentValue>(
      "ConsumerGroupCurrentMemberAssignmentValue");
  visit.template operator()<ConsumerGroupRegularExpressionKey>("ConsumerGroupRegularExpressionKey");
  visit.template operator()<ConsumerGroupRegularExpressionValue>(
      "ConsumerGroupRegularExpressionValue");
  visit.template operator()<TransactionLogKey>("TransactionLogKey");
  visit.template operator()<TransactionLogValue>("TransactionLogValue");
}

inline const std::vector<AnyMessage>& all_messages() {
  static const auto kAll = [] {
    std::vector<AnyMessage> all;
    for_each_message([&]<class Message>(std::string name) {
      all.push_back({std::move(name), Message::kVersions, decode_any<Message>});
    });
    return all;
  }();
  return kAll;
}

}  // namespace millrace::protocol::testing
