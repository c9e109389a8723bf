#include <algorithm>
#include <limits>

#include "protocol/base/ensure.hpp"
#include "replication/consensus/consensus.hpp"

namespace millrace::replication::consensus {

bool Consensus::has_leader(Instant now) const {
  if (role_ == Role::leader) return true;  // check-quorum sees to it that it has a majority
  return leader_ && now < heard_leader_ + settings_.election_timeout;
}

/// While its own removal may not be committed it may be the only one whose log is long enough to
/// lead the others, without a vote of its own. After a restart that may be every configuration
/// since the snapshot.
bool Consensus::may_lead() const {
  return log_.votes_since(commit_, self_);
}

void Consensus::campaign(bool pre, bool handed_over, Instant now) {
  role_ = pre ? Role::pre_candidate : Role::candidate;
  leader_.reset();
  votes_.clear();
  arm_election(now);
  if (!pre) {
    ENSURE(state_.term.value < std::numeric_limits<std::int32_t>::max());
    write_state({Term{state_.term.value + 1}, self_});
  }
  // A real request waits for the log, too: after a crash that cut it, answers to the longer log
  // must not elect the shorter one.
  const Ticket ticket = pre ? state_ticket_ : open_;
  const VoteRequest request{pre, handed_over, log_.last()};
  for (const auto& voter : log_.configuration().voters)
    if (voter != self_) send_when_durable(voter, request, ticket);
  votes_[self_] = true;
  count_votes(now);
}

void Consensus::count_votes(Instant now) {
  // Our own vote counts once it is durable, like any other.
  if (role_ == Role::candidate && state_ticket_ > persisted_) return;
  const auto& configuration = log_.configuration();
  std::size_t yes = 0;
  std::size_t no = 0;
  for (const auto& [member, granted] : votes_)
    if (configuration.is_voter(member)) ++(granted ? yes : no);
  if (yes >= configuration.majority()) {
    if (role_ == Role::pre_candidate) {
      campaign(false, false, now);
    } else {
      become_leader(now);
    }
  } else if (no > configuration.voters.size() - configuration.majority()) {
    become_follower(state_.term, std::nullopt, now);
  }
}

void Consensus::on(const Message& message, const VoteRequest& request, Instant now) {
  const Position last = log_.last();
  const bool up_to_date =
      std::pair{request.last.term, request.last.index} >= std::pair{last.term, last.index};
  // A pre-vote is no promise. Its answer says our term, for who asks may have missed some.
  const bool free = request.pre || (state_.vote ? state_.vote == message.from : !leader_);
  const bool granted = up_to_date && free;
  if (granted && !request.pre && !state_.vote) {
    write_state({state_.term, message.from});
    arm_election(now);
  }
  send_when_durable(message.from, VoteAnswer{request.pre, granted}, state_ticket_);
}

void Consensus::on(const Message& message, const VoteAnswer& answer, Instant now) {
  if (role_ != (answer.pre ? Role::pre_candidate : Role::candidate)) return;
  votes_[message.from] = answer.granted;
  count_votes(now);
}

void Consensus::on(const Message& /*message*/, const TimeoutNow& /*order*/, Instant now) {
  if (role_ == Role::follower && may_lead()) campaign(false, true, now);
}

}  // namespace millrace::replication::consensus
