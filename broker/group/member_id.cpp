#include "broker/group/member_id.hpp"

#include <cstddef>

#include "broker/group/records.hpp"

namespace millrace::broker {

namespace {

constexpr std::size_t kSuffixBytes = 37;  // the dash and the UUID

bool continues_character(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

}  // namespace

std::string make_member_id(std::string_view name, const Uuid& uuid) {
  constexpr std::size_t kNameBytesMax = kRecordTextBytesMax - kSuffixBytes;
  if (name.size() > kNameBytesMax) {
    std::size_t end = kNameBytesMax;
    while (end > 0 && continues_character(name[end])) --end;
    name = name.substr(0, end);
  }
  std::string id{name};
  id += '-';
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (std::size_t i = 0; i < uuid.bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) id += '-';
    id += kDigits[uuid.bytes[i] >> 4];
    id += kDigits[uuid.bytes[i] & 0xf];
  }
  return id;
}

}  // namespace millrace::broker
