#include "replication/consensus/errc.hpp"

#include <string>

namespace millrace::replication::consensus {
namespace {

struct Text {
  std::string_view name;
  std::string_view sentence;
};

Text text_of(Errc errc) {
  switch (errc) {
    case Errc::not_leader:
      return {"not_leader", "this node does not lead the quorum"};
    case Errc::not_ready:
      return {"not_ready", "the leader has committed nothing in its term yet"};
    case Errc::handing_over:
      return {"handing_over", "the leader is handing over to another"};
    case Errc::change_in_flight:
      return {"change_in_flight", "the last change of members is not committed yet"};
    case Errc::unknown_member:
      return {"unknown_member", "no such member, or not in the role that this takes"};
    case Errc::already_member:
      return {"already_member", "the node is a member already, maybe with another directory"};
    case Errc::not_caught_up:
      return {"not_caught_up", "the member has not caught up with the leader"};
    case Errc::last_voter:
      return {"last_voter", "the last voter cannot be removed"};
    case Errc::unreachable:
      return {"unreachable", "too few of the voters that it takes were heard lately"};
    case Errc::malformed:
      return {"malformed", "the bytes are not what they should be"};
  }
  return {"unknown", "unknown error"};
}

class Category final : public boost::system::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "millrace.consensus"; }
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
  static const Category kCategory;
  return kCategory;
}

}  // namespace millrace::replication::consensus
