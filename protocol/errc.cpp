#include "protocol/errc.hpp"

#include <string>

namespace millrace::protocol {
namespace {

struct Text {
  std::string_view name;
  std::string_view sentence;
};

Text text_of(Errc errc) {
  switch (errc) {
    case Errc::truncated:
      return {"truncated", "the bytes end before the value does"};
    case Errc::bad_length:
      return {"bad_length", "a length or count is negative or larger than what is there"};
    case Errc::null_not_allowed:
      return {"null_not_allowed", "null where a value is required"};
    case Errc::trailing_bytes:
      return {"trailing_bytes", "bytes are left over behind the value"};
    case Errc::bad_varint:
      return {"bad_varint", "a variable-length integer is too long for its type"};
    case Errc::bad_tag_order:
      return {"bad_tag_order", "tagged fields are out of order or repeated"};
    case Errc::unsupported_version:
      return {"unsupported_version", "the version of the API is not supported"};
    case Errc::corrupt_batch:
      return {"corrupt_batch", "a record batch does not verify"};
    case Errc::bad_magic:
      return {"bad_magic", "the format of the record batch is not accepted here"};
    case Errc::unsupported_codec:
      return {"unsupported_codec", "the compression codec is not known"};
    case Errc::decompressed_too_large:
      return {"decompressed_too_large", "the decompressed data is larger than allowed"};
    case Errc::decompression_failed:
      return {"decompression_failed", "the compressed data is damaged"};
    case Errc::compression_failed:
      return {"compression_failed", "the data could not be compressed"};
    case Errc::end_of_stream:
      return {"end_of_stream", "there is nothing more to read"};
  }
  return {"unknown", "unknown error"};
}

class Category final : public boost::system::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "millrace.protocol"; }
  [[nodiscard]] std::string message(int value) const override {
    return std::string{text_of(static_cast<Errc>(value)).sentence};
  }
};

}  // namespace

std::string_view to_string(Errc errc) {
  return text_of(errc).name;
}

std::ostream& operator<<(std::ostream& out, Errc errc) {
  return out << to_string(errc);
}

const boost::system::error_category& errc_category() noexcept {
  static const Category category;
  return category;
}

}  // namespace millrace::protocol
