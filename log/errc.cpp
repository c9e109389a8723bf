#include "log/errc.hpp"

#include <cerrno>
#include <string>

namespace millrace::log {
namespace {

struct Text {
  std::string_view name;
  std::string_view sentence;
};

Text text_of(Errc errc) {
  switch (errc) {
    case Errc::offset_out_of_range:
      return {"offset_out_of_range", "the offset is not in the log"};
    case Errc::read_only:
      return {"read_only", "the log is damaged and takes no appends"};
    case Errc::failed:
      return {"failed", "a write or sync of the log failed before"};
    case Errc::closed:
      return {"closed", "the log is closed"};
    case Errc::batch_malformed:
      return {"batch_malformed", "the bytes are not whole and sound record batches"};
    case Errc::offsets_not_ahead:
      return {"offsets_not_ahead", "the batch begins before the end of the log"};
    case Errc::batch_too_large:
      return {"batch_too_large", "the batch is larger than a segment"};
    case Errc::corrupt_file:
      return {"corrupt_file", "a file of the log does not verify"};
    case Errc::directory_in_use:
      return {"directory_in_use", "another process uses the data directory"};
    case Errc::superseded:
      return {"superseded", "the log was truncated in the meantime"};
    case Errc::no_space:
      return {"no_space", "there is no space left for a write of the log"};
  }
  return {"unknown", "unknown error"};
}

class Category final : public boost::system::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "millrace.log"; }
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

bool is_no_space(const boost::system::error_code& error) {
  if (error == make_error_code(Errc::no_space)) return true;
  return error.category() == boost::system::generic_category() &&
         (error.value() == ENOSPC || error.value() == EDQUOT);
}

const boost::system::error_category& errc_category() noexcept {
  static const Category category;
  return category;
}

}  // namespace millrace::log
