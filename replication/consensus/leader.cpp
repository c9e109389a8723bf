#include <algorithm>
#include <utility>

#include "protocol/base/ensure.hpp"
#include "replication/consensus/consensus.hpp"

namespace millrace::replication::consensus {

void Consensus::become_leader(Instant now) {
  role_ = Role::leader;
  leader_ = self_;
  votes_.clear();
  round_ = 1;  // an answer with 0 is to a leader of the past
  heartbeat_due_ = now + settings_.heartbeat_interval;
  quorum_due_ = now + settings_.election_timeout;
  watched_ = persisted_;
  // What earlier terms left is committed by what is committed in this one, so something must be.
  first_own_ = log_.last().index.next();
  append_own({{state_.term, NoOp{}}});
}

void Consensus::lead(Instant now) {
  if (successor_ && now >= transfer_due_) successor_.reset();
  if (now >= heartbeat_due_) {
    heartbeat_due_ = now + settings_.heartbeat_interval;
    for (auto& [member, progress] : followers_) progress.may_retry();
    // It serves those reads, too, that would wait for the end of a round whose messages were lost.
    if (!reads_.empty()) round_ = reads_.back().round;
    heartbeat();
  }
  check_disk(now);
  if (role_ == Role::leader && now >= quorum_due_) check_quorum(now);
}

void Consensus::heartbeat() {
  for (const auto& [member, progress] : followers_)
    send(member, Heartbeat{std::min(commit_, progress.match()), round_});
}

void Consensus::check_quorum(Instant now) {
  // Since the last look, however late this one is: answers may be waiting behind it.
  const Instant since =
      std::exchange(quorum_due_, now + settings_.election_timeout) - settings_.election_timeout;
  const auto heard = count_voters([&](const Progress& each) { return each.heard() >= since; });
  if (heard < log_.configuration().majority()) become_follower(state_.term, std::nullopt, now);
}

bool Consensus::is_alive(const Progress& progress, Instant now) const {
  return progress.heard() && now <= *progress.heard() + settings_.election_timeout;
}

/// Heartbeats do not wait for the disk, so without this a leader whose disk hangs would lead for
/// ever and apply nothing.
void Consensus::check_disk(Instant now) {
  if (watched_ <= persisted_) {
    watched_ = Ticket{open_.value - 1};
    watched_since_ = now;
  } else if (now >= watched_since_ + settings_.disk_patience) {
    auto others = count_voters([&](const Progress& each) { return is_alive(each, now); });
    if (is_voter()) --others;
    if (others >= log_.configuration().majority()) hand_over_at_once(now);
  }
}

// --- replication ---------------------------------------------------------------------------------

Result<Position> Consensus::propose(std::span<const Payload> payloads) {
  ENSURE(!payloads.empty());
  if (role_ != Role::leader) return Errc::not_leader;
  if (successor_) return Errc::handing_over;
  std::vector<Entry> entries;
  entries.reserve(payloads.size());
  for (const auto& payload : payloads) entries.push_back({state_.term, payload});
  return append_own(std::move(entries));
}

Position Consensus::append_own(std::vector<Entry> entries) {
  append(log_.last().index.next(), std::move(entries));
  follow_configuration();
  for (auto& [member, progress] : followers_) send_appends(member, progress, false);
  return log_.last();
}

/// As much as may be under way; `even_empty`: if nothing is new, it still tells the commit and asks
/// whether the logs agree.
void Consensus::send_appends(const Member& to, Progress& progress, bool even_empty) {
  while (progress.may_send(settings_.window)) {
    const Index prev = progress.next().prev();
    if (prev < log_.start().index) {
      progress.offer(log_.snapshot().at);
      offer(to, progress);
      return;
    }
    Append append{{prev, *log_.term_at(prev)}, {}, commit_};
    if (prev < log_.last().index) append.entries = entries_from(progress.next());
    if (append.entries.empty() && !even_empty) return;
    even_empty = false;
    progress.sent(prev.plus(append.entries.size()));
    send(to, std::move(append));
  }
}

/// The same one as long as entries can follow it: to fetch it may take longer than from one
/// snapshot to the next.
void Consensus::offer(const Member& to, Progress& progress) {
  if (progress.offered().index < log_.start().index) progress.offer(log_.snapshot().at);
  send(to, SnapshotOffer{progress.offered()});
}

std::optional<Index> Consensus::offered(Instant now) const {
  std::optional<Index> oldest;
  for (const auto& [member, progress] : followers_) {
    const Index index = progress.offered().index;
    if (progress.state() != Progress::State::snapshot || !is_alive(progress, now)) continue;
    if (index >= log_.start().index && (!oldest || index < *oldest)) oldest = index;
  }
  return oldest;
}

Progress* Consensus::heard_from(const Member& member, Instant now) {
  if (role_ != Role::leader) return nullptr;
  const auto found = followers_.find(member);
  if (found == followers_.end()) return nullptr;
  found->second.hear(now);
  return &found->second;
}

void Consensus::on(const Message& message, const Accepted& answer, Instant now) {
  Progress* progress = heard_from(message.from, now);
  if (progress == nullptr || answer.match > log_.last().index) return;
  if (progress->accepted(answer.match, log_.start().index)) advance_commit(now);
  // That may have ended our leadership.
  progress = heard_from(message.from, now);
  if (progress == nullptr) return;
  send_appends(message.from, *progress, false);
  hand_over_if_ready();
}

void Consensus::on(const Message& message, const Rejected& answer, Instant now) {
  Progress* progress = heard_from(message.from, now);
  if (progress == nullptr) return;
  const Index common = log_.last_at_most(answer.hint).index;
  if (progress->rejected(answer.prev, common)) send_appends(message.from, *progress, true);
}

void Consensus::on(const Message& message, const HeartbeatAnswer& answer, Instant now) {
  Progress* progress = heard_from(message.from, now);
  if (progress == nullptr) return;
  progress->answered(answer.round);
  // Not for each: those of reads may be many.
  if (progress->retry()) {
    if (progress->state() == Progress::State::snapshot) {
      offer(message.from, *progress);
    } else if (progress->match() < log_.last().index) {
      send_appends(message.from, *progress, true);
    }
  }
  serve_reads();
}

void Consensus::advance_commit(Instant now) {
  const auto& configuration = log_.configuration();
  std::vector<Index> matches;
  for (const auto& voter : configuration.voters)
    matches.push_back(voter == self_ ? durable_ : followers_.at(voter).match());
  std::ranges::sort(matches, std::greater{});
  const Index held = matches[configuration.majority() - 1];
  // An entry of an earlier term may be on a majority and still be replaced.
  if (held <= commit_ || log_.term_at(held) != state_.term) return;
  commit_to(held);
  for (auto& [member, progress] : followers_) send_appends(member, progress, true);
  if (configuration_committed()) follow_configuration();
  hand_over_if_removed(now);
}

// --- reads ---------------------------------------------------------------------------------------

Result<void> Consensus::read_index(ReadToken token) {
  if (role_ != Role::leader) return Errc::not_leader;
  if (commit_ < first_own_) return Errc::not_ready;
  // A round that is under way may have been answered before.
  reads_.push_back({token, commit_, round_ + 1});
  serve_reads();
  return boost::system::in_place_value;
}

/// One round of heartbeats at a time: it serves all that waited when it began, however many.
void Consensus::serve_reads() {
  while (!reads_.empty()) {
    const Read read = reads_.front();
    if (read.round > round_) {
      round_ = read.round;
      heartbeat();
    }
    const auto confirmed =
        count_voters([&](const Progress& progress) { return progress.round() >= read.round; });
    if (confirmed < log_.configuration().majority()) return;
    output_.reads.push_back({read.token, read.index});
    reads_.pop_front();
  }
}

// --- leadership given away -----------------------------------------------------------------------

Result<void> Consensus::transfer(std::optional<Member> target, Instant now) {
  if (role_ != Role::leader) return Errc::not_leader;
  if (successor_) return Errc::handing_over;
  if (!target) target = best_successor(now);
  if (!target) return Errc::unreachable;
  if (target == self_ || !log_.configuration().is_voter(*target)) return Errc::unknown_member;
  const Progress& progress = followers_.at(*target);
  if (!is_alive(progress, now)) return Errc::unreachable;
  // It would not be there in time.
  if (progress.state() == Progress::State::snapshot) return Errc::not_caught_up;
  successor_ = target;
  told_successor_ = false;
  transfer_due_ = now + settings_.election_timeout;
  hand_over_if_ready();
  return boost::system::in_place_value;
}

std::optional<Member> Consensus::best_successor(Instant now) const {
  std::optional<Member> best;
  for (const auto& [member, progress] : followers_) {
    if (!log_.configuration().is_voter(member) || !is_alive(progress, now)) continue;
    if (!best || progress.match() > followers_.at(*best).match()) best = member;
  }
  return best;
}

void Consensus::hand_over_if_ready() {
  if (!successor_ || told_successor_) return;
  if (followers_.at(*successor_).match() < log_.last().index) return;
  told_successor_ = true;
  send(*successor_, TimeoutNow{});
}

void Consensus::hand_over_if_removed(Instant now) {
  if (!is_voter() && configuration_committed()) hand_over_at_once(now);
}

void Consensus::hand_over_at_once(Instant now) {
  if (const auto successor = best_successor(now)) send(*successor, TimeoutNow{});
  become_follower(state_.term, std::nullopt, now);
}

}  // namespace millrace::replication::consensus
