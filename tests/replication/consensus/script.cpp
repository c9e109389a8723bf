#include "tests/replication/consensus/script.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>

#include "tests/replication/consensus/parse.hpp"

namespace millrace::replication::consensus::sim {
namespace {

constexpr auto kAll = std::numeric_limits<std::size_t>::max();

}  // namespace

std::vector<std::string> Script::step(const std::string& line) {
  lines_.clear();
  quiet_ = false;
  const auto words = words_of(line);
  try {
    if (words.at(0).find('>') != std::string::npos && words.size() > 1) {
      forge(words);
    } else if (!world(words) && !network(words) && !machine(words) && !orders(words)) {
      throw std::runtime_error("unknown step: " + line);
    }
  } catch (const Violation& violation) {
    lines_.push_back(std::string{"BROKEN: "} + violation.what());
  }
  return std::move(lines_);
}

// --- who is there --------------------------------------------------------------------------------

bool Script::world(const Words& words) {
  const std::string& verb = words[0];
  if (verb == "settings") {
    settings_.batch_bytes_max = static_cast<std::size_t>(number(words, "batch", 1 << 20));
    settings_.window = static_cast<std::size_t>(number(words, "window", 16));
  } else if (verb == "cluster") {
    Snapshot first{{Index{1}, Term{1}}, {}};
    for (std::size_t i = 1; i < words.size(); ++i)
      first.configuration.voters.push_back(add_host(words[i]).self());
    std::ranges::sort(first.configuration.voters);
    checker_.begin(first);
    for (const auto& each : hosts_) each->disk().format(first);
    for (const auto& each : hosts_) each->start(settings_, rng_, now_);
  } else if (verb == "blank") {
    add_host(words.at(1)).start(settings_, rng_, now_);
  } else if (verb == "show") {
    for (const auto& each : hosts_)
      if (words.size() == 1 || std::ranges::find(words, each->name()) != words.end())
        lines_.push_back(status(*each));
  } else {
    return false;
  }
  return true;
}

Host& Script::add_host(const std::string& name) {
  hosts_.push_back(std::make_unique<Host>(name, fresh(name)));
  return *hosts_.back();
}

Member Script::directory(const std::string& name, int number) {
  Member member{NodeId{name[0] - 'a' + 1}, {}};
  member.directory.bytes[0] = static_cast<std::uint8_t>(name[0]);
  member.directory.bytes[1] = static_cast<std::uint8_t>(number);
  return member;
}

Member Script::fresh(const std::string& name) {
  return directory(name, ++directories_[name]);
}

Member Script::member(const std::string& name) {
  return name.size() > 1 ? directory(name, name[1] - '0') : host(name).self();
}

Host& Script::host(const std::string& name) {
  for (const auto& each : hosts_)
    if (each->name() == name) return *each;
  throw std::runtime_error("there is no " + name);
}

// --- network -------------------------------------------------------------------------------------

/// `a>b`, `a>` all from a, `>b` all to b, `a` both, nothing: all.
std::vector<Script::Link> Script::links(const std::string& pattern) const {
  const auto arrow = pattern.find('>');
  const auto from = pattern.substr(0, arrow);
  const auto to = arrow == std::string::npos ? from : pattern.substr(arrow + 1);
  std::vector<Link> all;
  for (const auto& a : hosts_) {
    for (const auto& b : hosts_) {
      if (a == b) continue;
      const bool from_fits = from.empty() || from == a->name();
      const bool to_fits = to.empty() || to == b->name();
      if (arrow == std::string::npos ? from_fits || to_fits : from_fits && to_fits)
        all.emplace_back(a->name(), b->name());
    }
  }
  return all;
}

bool Script::network(const Words& words) {
  const std::string& verb = words[0];
  const auto chosen = links(words.size() > 1 ? words[1] : "");
  if (verb == "deliver") {
    const auto count = words.size() > 2 ? std::stoul(words[2]) : kAll;
    for (const auto& link : chosen) deliver(link, count);
  } else if (verb == "drop") {
    for (const auto& link : chosen) queues_[link].clear();
  } else if (verb == "cut") {
    for (const auto& link : chosen) {
      cut_.insert(link);
      queues_[link].clear();
    }
  } else if (verb == "heal") {
    for (const auto& link : chosen) cut_.erase(link);
  } else if (verb == "settle") {
    settle();
  } else {
    return false;
  }
  return true;
}

void Script::send(const Host& from, const Message& message) {
  const auto to = std::ranges::find_if(
      hosts_, [&](const auto& each) { return each->self().node == message.to.node; });
  const bool known = to != hosts_.end();
  const Link link{from.name(), known ? (*to)->name() : "?"};
  const bool lost = !known || cut_.contains(link);
  if (!quiet_) lines_.push_back(text_of(message) + (lost ? " (lost)" : ""));
  if (!lost) queues_[link].push_back(message);
}

void Script::deliver(const Link& link, std::size_t count) {
  // What is sent meanwhile waits for the next time.
  auto& queue = queues_[link];
  count = std::min(count, queue.size());
  for (; count > 0 && !queue.empty(); --count) {
    const Message message = queue.front();
    queue.pop_front();
    Host& to = host(link.second);
    if (!to.runs()) continue;
    to.core().step(message, now_);
    after(to);
  }
}

void Script::forge(const Words& words) {
  forged_ = true;
  const auto arrow = words[0].find('>');
  Host& from = host(words[0].substr(0, arrow));
  Host& to = host(words[0].substr(arrow + 1));
  const Term term{std::stoi(words.at(1).substr(1))};
  to.core().step({from.self(), to.self(), term, body_of({words.begin() + 2, words.end()})}, now_);
  after(to);
}

/// Everything is delivered and synced until nothing is left; tells who changed by it.
void Script::settle() {
  std::map<std::string, std::string> before;
  for (const auto& each : hosts_) before[each->name()] = status(*each);
  quiet_ = true;
  for (bool busy = true; busy;) {
    busy = false;
    for (const auto& each : hosts_) {
      if (!each->runs() || !each->disk().unsynced() || slow_.contains(each->name())) continue;
      sync(*each);
      busy = true;
    }
    for (const auto& link : links("")) {
      if (queues_[link].empty()) continue;
      deliver(link, kAll);
      busy = true;
    }
  }
  for (const auto& each : hosts_)
    if (status(*each) != before[each->name()]) lines_.push_back(status(*each));
}

// --- machines ------------------------------------------------------------------------------------

bool Script::machine(const Words& words) {
  const std::string& verb = words[0];
  if (verb == "wait") {
    now_ += std::chrono::milliseconds{std::stoll(words.at(1))};
    return true;
  }
  if (words.size() < 2) return false;
  if (verb == "slow") {
    slow_.insert(words[1]);
  } else if (verb == "fast") {
    slow_.erase(words[1]);
  } else if (verb == "sync") {
    sync(host(words[1]));
  } else if (verb == "crash") {
    host(words[1]).crash(static_cast<std::size_t>(number(words, "kept", 0)));
    for (const auto& link : links(words[1])) queues_[link].clear();
    fetches_.erase(words[1]);
  } else if (verb == "start") {
    Host& starting = host(words[1]);
    starting.start(settings_, rng_, now_);
    if (!forged_) checker_.started(starting);
    after(starting);
  } else if (verb == "wipe") {
    host(words[1]).wipe(fresh(words[1]));
  } else if (verb == "tick") {
    host(words[1]).core().tick(now_);
    after(host(words[1]));
  } else if (verb == "elect") {
    // Long enough for everybody to have forgotten the last leader.
    now_ += 2 * settings_.election_timeout;
    quiet_ = true;
    host(words[1]).core().tick(now_);
    after(host(words[1]));
    settle();
  } else {
    return false;
  }
  return true;
}

void Script::sync(Host& host) {
  while (const auto ticket = host.disk().unsynced()) {
    host.disk().sync(*ticket);
    host.core().persisted(*ticket, now_);
    after(host);
    if (slow_.contains(host.name())) break;
  }
}

void Script::after(Host& host) {
  const Index applied = host.machine().applied;
  const auto output = host.carry_out();
  if (!forged_) {
    std::vector<Host*> all;
    for (const auto& each : hosts_) all.push_back(each.get());
    checker_.output(host, output);
    checker_.look(host, all);
  }
  for (const auto& message : output.messages) send(host, message);
  if (output.write && output.write->restore && !quiet_)
    lines_.push_back(text_of(host.self()) + " restores " + text_of(*output.write->restore));
  if (output.fetch) {
    fetches_[host.name()] = *output.fetch;
    if (!quiet_) lines_.push_back(host.name() + " fetches " + text_of(output.fetch->snapshot));
  }
  if (output.apply_to && !quiet_) {
    std::string line = host.name() + " applies";
    for (Index i = std::max(applied, host.disk().now().start.index).next(); i <= *output.apply_to;
         i = i.next())
      line += " " + text_of(*host.disk().now().entry(i));
    lines_.push_back(line);
  }
  for (const auto& read : output.reads)
    lines_.push_back(reads_[read.token] + (read.index ? " at " + text_of(*read.index) : " lost"));
  if (host.disk().unsynced() && !slow_.contains(host.name())) sync(host);
}

// --- orders --------------------------------------------------------------------------------------

bool Script::orders(const Words& words) {
  if (words.size() < 2) return false;
  const std::string& verb = words[0];
  Host& on = host(words[1]);
  const auto who = [&](std::size_t at) { return member(words.at(at)); };
  const auto change = [&](Change::Kind kind) {
    outcome(on, on.core().change({kind, who(2)}, now_));
  };
  if (verb == "propose") {
    std::vector<Payload> payloads;
    for (std::size_t i = 2; i < words.size(); ++i) payloads.emplace_back(words[i]);
    outcome(on, on.core().propose(payloads));
  } else if (verb == "add") {
    change(Change::Kind::add_learner);
  } else if (verb == "promote") {
    change(Change::Kind::promote);
  } else if (verb == "remove") {
    change(Change::Kind::remove);
  } else if (verb == "transfer") {
    outcome(on, on.core().transfer(words.size() > 2 ? std::optional{who(2)} : std::nullopt, now_));
  } else if (verb == "read") {
    const ReadToken token = reads_.size() + 1;
    reads_[token] = words.at(2);
    outcome(on, on.core().read_index(token));
  } else if (verb == "suspect") {
    on.core().suspect(who(2), now_);
  } else if (verb == "snapshot") {
    const auto trailing = static_cast<std::size_t>(number(words, "trailing", 0));
    const bool anyway = words.back() == "anyway";
    const auto fetched = anyway ? std::nullopt : on.core().offered(now_);
    if (const auto image = on.image()) on.snapshot_durable(*image, trailing, fetched);
  } else if (verb == "fetch") {
    const auto wanted = fetches_.at(on.name());
    const auto source =
        std::ranges::find_if(hosts_, [&](const auto& each) { return each->self() == wanted.from; });
    const auto& images = (*source)->disk().now().images;
    const auto image = images.find(wanted.snapshot);
    if (image == images.end()) throw std::runtime_error("it has a newer one");
    on.install(image->second, now_);
  } else {
    return false;
  }
  after(on);
  return true;
}

template <class Outcome>
void Script::outcome(const Host& host, const Outcome& outcome) {
  if (!outcome) lines_.push_back(host.name() + " refuses: " + outcome.error().message());
}

// --- what is shown -------------------------------------------------------------------------------

template <class Value>
std::string Script::text_of(const Value& value) const {
  std::ostringstream out;
  out << value;
  return named(out.str());
}

/// A node's first directory needs no mention.
std::string Script::named(std::string text) const {
  for (const auto& [name, count] : directories_) {
    for (int i = 1; i <= count; ++i) {
      std::ostringstream out;
      out << directory(name, i);
      const auto readable = name + (i > 1 ? std::to_string(i) : "");
      for (auto at = text.find(out.str()); at != std::string::npos; at = text.find(out.str()))
        text.replace(at, out.str().size(), readable);
    }
  }
  return text;
}

std::string Script::status(const Host& host) const {
  if (!host.runs()) return host.name() + " is down";
  const Consensus& core = host.core();
  std::ostringstream out;
  out << host.name() << ' ' << core.role() << " t" << core.term();
  if (core.leader() && core.leader() != core.self()) out << " of " << *core.leader();
  out << ", " << host.disk().now().start << " [";
  for (std::size_t i = 0; i < host.disk().now().entries.size(); ++i)
    out << (i == 0 ? "" : " ") << host.disk().now().entries[i];
  out << "] commit=" << core.commit() << ' ' << core.log().configuration();
  return named(out.str());
}

std::string first_difference(const std::string& folder) {
  std::vector<std::filesystem::path> paths;
  for (const auto& each : std::filesystem::directory_iterator{folder})
    if (each.path().extension() == ".txt") paths.push_back(each.path());
  std::ranges::sort(paths);
  for (const auto& path : paths) {
    std::ifstream in{path};
    auto script = std::make_unique<Script>();
    std::deque<std::string> out;
    std::string scenario;
    for (std::string line; std::getline(in, line);) {
      const bool is_output = line.starts_with("  > ");
      const auto place = path.filename().string() + ", " + scenario + ": ";
      if (is_output && (out.empty() || out.front() != line.substr(4)))
        return place + (out.empty() ? "nothing" : out.front()) + " for " + line.substr(4);
      if (is_output) {
        out.pop_front();
        continue;
      }
      if (!out.empty()) return place + out.front() + " is not expected";
      if (line.starts_with("scenario")) {
        script = std::make_unique<Script>();
        scenario = line;
      } else if (!line.empty() && !line.starts_with("#")) {
        for (auto& each : script->step(line)) out.push_back(std::move(each));
      }
    }
    if (!out.empty()) return path.filename().string() + ": " + out.front() + " is not expected";
  }
  return {};
}

}  // namespace millrace::replication::consensus::sim
