#include "replication/consensus/message.hpp"

namespace millrace::replication::consensus {
namespace {

struct Print {
  std::ostream& out;

  void operator()(const VoteRequest& m) const {
    out << (m.pre ? "pre-vote? last=" : "vote? last=") << m.last;
    if (m.handed_over) out << " handed-over";
  }
  void operator()(const VoteAnswer& m) const {
    out << (m.pre ? "pre-vote " : "vote ") << (m.granted ? "yes" : "no");
  }
  void operator()(const Append& m) const {
    out << "append prev=" << m.prev << " [";
    for (std::size_t i = 0; i < m.entries.size(); ++i) out << (i == 0 ? "" : " ") << m.entries[i];
    out << "] commit=" << m.commit;
  }
  void operator()(const Accepted& m) const { out << "accepted match=" << m.match; }
  void operator()(const Rejected& m) const {
    out << "rejected prev=" << m.prev << " hint=" << m.hint;
  }
  void operator()(const Heartbeat& m) const {
    out << "heartbeat commit=" << m.commit << " round=" << m.round;
  }
  void operator()(const HeartbeatAnswer& m) const { out << "heard round=" << m.round; }
  void operator()(const SnapshotOffer& m) const { out << "snapshot " << m.snapshot; }
  void operator()(const TimeoutNow& /*m*/) const { out << "timeout-now"; }
};

}  // namespace

std::ostream& operator<<(std::ostream& out, const MessageBody& body) {
  std::visit(Print{out}, body);
  return out;
}

std::ostream& operator<<(std::ostream& out, const Message& message) {
  return out << message.from << " > " << message.to << " t" << message.term << ' ' << message.body;
}

}  // namespace millrace::replication::consensus
