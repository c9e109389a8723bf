#include "tests/replication/consensus/parse.hpp"

#include <sstream>
#include <stdexcept>

namespace millrace::replication::consensus::sim {

std::vector<std::string> words_of(const std::string& line) {
  std::istringstream in{line};
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

std::optional<std::string> option(const std::vector<std::string>& words, const std::string& name) {
  for (const auto& word : words)
    if (word.starts_with(name + "=")) return word.substr(name.size() + 1);
  return std::nullopt;
}

std::int64_t number(const std::vector<std::string>& words, const std::string& name,
                    std::int64_t otherwise) {
  const auto text = option(words, name);
  return text ? std::stoll(*text) : otherwise;
}

Position position_of(const std::string& text) {
  const auto slash = text.find('/');
  return {Index{std::stoll(text.substr(0, slash))}, Term{std::stoi(text.substr(slash + 1))}};
}

namespace {

Position position(const std::vector<std::string>& words, const std::string& name) {
  return position_of(option(words, name).value());
}

std::vector<Entry> entries_of(const std::string& text) {
  std::vector<Entry> entries;
  std::istringstream in{text};
  for (std::string each; std::getline(in, each, ',');) {
    const auto colon = each.find(':');
    const Term term{std::stoi(each.substr(0, colon))};
    const auto content = each.substr(colon + 1);
    if (content == "no-op") {
      entries.push_back({term, NoOp{}});
    } else {
      entries.push_back({term, Payload{content}});
    }
  }
  return entries;
}

}  // namespace

MessageBody body_of(const std::vector<std::string>& words) {
  const std::string& kind = words.at(0);
  const bool pre = kind.starts_with("pre-");
  if (kind == "vote?" || kind == "pre-vote?")
    return VoteRequest{pre, words.back() == "handed-over", position(words, "last")};
  if (kind == "vote" || kind == "pre-vote") return VoteAnswer{pre, words.at(1) == "yes"};
  if (kind == "append")
    return Append{position(words, "prev"), entries_of(option(words, "entries").value_or("")),
                  Index{number(words, "commit", 0)}};
  if (kind == "accepted") return Accepted{Index{number(words, "match", 0)}};
  if (kind == "rejected") return Rejected{Index{number(words, "prev", 0)}, position(words, "hint")};
  const auto round = static_cast<std::uint64_t>(number(words, "round", 0));
  if (kind == "heartbeat") return Heartbeat{Index{number(words, "commit", 0)}, round};
  if (kind == "heard") return HeartbeatAnswer{round};
  if (kind == "snapshot") return SnapshotOffer{position_of(words.at(1))};
  if (kind == "timeout-now") return TimeoutNow{};
  throw std::runtime_error("unknown message: " + kind);
}

}  // namespace millrace::replication::consensus::sim
