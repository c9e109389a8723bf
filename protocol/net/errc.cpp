#include "protocol/net/errc.hpp"

namespace millrace::net {
namespace {

class Category final : public boost::system::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "millrace.net"; }
  [[nodiscard]] std::string message(int value) const override {
    switch (static_cast<Errc>(value)) {
      case Errc::end_of_stream:
        return "the peer closed the connection";
      case Errc::closed:
        return "the connection or listener was closed on this side";
      case Errc::timed_out:
        return "timed out";
      case Errc::unknown_host:
        return "the host name has no address";
      case Errc::file_cut:
        return "a file was cut shorter before all of it was sent";
    }
    return "unknown network error";
  }
};

}  // namespace

const boost::system::error_category& net_category() {
  static const Category category;
  return category;
}

}  // namespace millrace::net
