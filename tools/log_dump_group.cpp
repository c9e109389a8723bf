#include "tools/log_dump_group.hpp"

#include <boost/json/parse.hpp>

#include "protocol/messages/group_records.hpp"
#include "protocol/wire/codec.hpp"

namespace millrace::tools {
namespace {

using protocol::GroupMetadataKey;
using protocol::GroupMetadataValue;
using protocol::OffsetCommitKey;
using protocol::OffsetCommitValue;

constexpr std::int16_t kLegacyOffsetType = 0;
constexpr std::int16_t kOffsetType = 1;
constexpr std::int16_t kGroupType = 2;

template <class Message>
boost::json::value printed(protocol::Reader& in, std::int16_t version) {
  if (!Message::kVersions.contains(version)) return nullptr;
  const auto message = protocol::MessageCodec<Message>::decode(in, version);
  if (!message) return nullptr;
  boost::system::error_code failure;
  auto text = protocol::Printer<Message>::print(*message, version, {});
  auto value = boost::json::parse(text, failure);
  if (failure) return boost::json::string{text};
  return value;
}

template <class Key, class Value>
GroupRecordText printed_both(protocol::Reader& key, const std::optional<Bytes>& value) {
  GroupRecordText text{.key = printed<Key>(key, 0), .value = nullptr};
  if (!value) return text;
  protocol::Reader in{SharedBytes::copy_of(*value)};
  const auto version = in.integer<std::int16_t>();
  if (in.ok()) text.value = printed<Value>(in, version);
  return text;
}

}  // namespace

GroupRecordText decode_group_record(const std::optional<Bytes>& key,
                                    const std::optional<Bytes>& value) {
  if (!key) return {};
  protocol::Reader in{SharedBytes::copy_of(*key)};
  const auto type = in.integer<std::int16_t>();
  if (!in.ok()) return {};
  if (type == kLegacyOffsetType || type == kOffsetType)
    return printed_both<OffsetCommitKey, OffsetCommitValue>(in, value);
  if (type == kGroupType) return printed_both<GroupMetadataKey, GroupMetadataValue>(in, value);
  return {};
}

}  // namespace millrace::tools
