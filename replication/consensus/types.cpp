#include "replication/consensus/types.hpp"

#include <algorithm>

namespace millrace::replication::consensus {
namespace {

/// What an entry takes besides its payload, roughly.
constexpr std::size_t kEntryOverheadBytes = 16;
constexpr std::size_t kMemberBytes = 24;

void print_list(std::ostream& out, const std::vector<Member>& members) {
  bool first = true;
  for (const auto& member : members) {
    if (!first) out << ',';
    first = false;
    out << member;
  }
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Member& member) {
  return out << member.node << '@' << member.directory.to_string().substr(0, 4);
}

bool Configuration::is_voter(const Member& member) const {
  return std::ranges::binary_search(voters, member);
}

bool Configuration::is_learner(const Member& member) const {
  return std::ranges::binary_search(learners, member);
}

std::size_t Configuration::majority() const {
  return voters.size() / 2 + 1;
}

std::ostream& operator<<(std::ostream& out, const Configuration& configuration) {
  out << '{';
  print_list(out, configuration.voters);
  if (!configuration.learners.empty()) out << " + ";
  print_list(out, configuration.learners);
  return out << '}';
}

const std::string& Payload::bytes() const {
  static const std::string kEmpty;
  return bytes_ ? *bytes_ : kEmpty;
}

std::size_t Entry::size() const {
  if (const auto* payload = std::get_if<Payload>(&body))
    return kEntryOverheadBytes + payload->bytes().size();
  if (const auto* configuration = std::get_if<Configuration>(&body))
    return kEntryOverheadBytes +
           kMemberBytes * (configuration->voters.size() + configuration->learners.size());
  return kEntryOverheadBytes;
}

std::ostream& operator<<(std::ostream& out, const Entry& entry) {
  out << entry.term << ':';
  if (const auto* payload = std::get_if<Payload>(&entry.body)) {
    constexpr std::size_t kShownMax = 16;
    return out << payload->bytes().substr(0, kShownMax);
  }
  if (const auto* configuration = std::get_if<Configuration>(&entry.body))
    return out << *configuration;
  return out << "no-op";
}

std::ostream& operator<<(std::ostream& out, const VoterState& state) {
  out << "term " << state.term;
  if (state.vote) out << " vote " << *state.vote;
  return out;
}

std::ostream& operator<<(std::ostream& out, const Snapshot& snapshot) {
  return out << snapshot.at << ' ' << snapshot.configuration;
}

}  // namespace millrace::replication::consensus
