#include "tests/replication/consensus/world.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "replication/consensus/codec.hpp"

namespace millrace::replication::consensus::sim {
namespace {

constexpr std::uint64_t kOutOf = 1'000;

}  // namespace

void Counts::add(const Counts& other) {
  events += other.events;
  committed += other.committed;
  acknowledged += other.acknowledged;
  elections += other.elections;
  crashes += other.crashes;
  cuts += other.cuts;
  changes += other.changes;
  transfers += other.transfers;
  installs += other.installs;
  wipes += other.wipes;
  hangs += other.hangs;
  handed_over += other.handed_over;
  tried += other.tried;
  reads += other.reads;
  lost_parts += other.lost_parts;
}

World::World(std::uint64_t seed, bool trace)
    : rng_{seed}, jitter_{seed + 1}, plan_{plan_of(seed, rng_)}, tracing_{trace} {
  Snapshot first{{Index{1}, Term{1}}, {}};
  for (std::size_t i = 0; i < plan_.voters + plan_.spares; ++i) {
    nodes_.emplace_back();
    nodes_.back().host =
        std::make_unique<Host>(std::string(1, static_cast<char>('a' + i)), fresh(i));
    hosts_.push_back(nodes_.back().host.get());
    if (i < plan_.voters) first.configuration.voters.push_back(hosts_.back()->self());
  }
  std::ranges::sort(first.configuration.voters);
  checker_.begin(first);
  for (std::size_t i = 0; i < plan_.voters; ++i) hosts_[i]->disk().format(first);
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    nodes_[i].starts = true;
    schedule({.kind = Kind::start, .host = i}, {});
  }
  schedule({.kind = Kind::propose}, plan_.propose_every);
  schedule({.kind = Kind::fault}, plan_.fault_every);
  schedule({.kind = Kind::change}, plan_.change_every);
}

Member World::fresh(std::size_t at) {
  Member member{NodeId{static_cast<std::int32_t>(at + 1)}, {}};
  member.directory.bytes[0] = static_cast<std::uint8_t>('a' + at);
  ++directories_;
  member.directory.bytes[1] = static_cast<std::uint8_t>(directories_ >> 8);
  member.directory.bytes[2] = static_cast<std::uint8_t>(directories_);
  return member;
}

std::chrono::nanoseconds World::up_to(std::chrono::nanoseconds longest) {
  return std::chrono::nanoseconds{rng_.below(static_cast<std::uint64_t>(longest.count()) + 1)};
}

void World::say(const std::string& text) {
  if (!tracing_) return;
  const std::chrono::duration<double, std::milli> at = now_ - Instant{};
  trace_ += fmt::format("  {:10.3f} {}\n", at.count(), text);
}

std::optional<std::size_t> World::host_of(const Member& member) const {
  for (std::size_t i = 0; i < hosts_.size(); ++i)
    if (hosts_[i]->self() == member) return i;
  return std::nullopt;
}

/// One that believes so; the newest if there are two.
std::optional<std::size_t> World::leader() const {
  std::optional<std::size_t> found;
  for (std::size_t i = 0; i < hosts_.size(); ++i) {
    if (!hosts_[i]->runs() || hosts_[i]->core().role() != Role::leader) continue;
    if (!found || hosts_[i]->core().term() > hosts_[*found]->core().term()) found = i;
  }
  return found;
}

// --- time ----------------------------------------------------------------------------------------

void World::schedule(Event event, std::chrono::nanoseconds in) {
  event.at = now_ + in;
  event.number = ++events_made_;
  events_.push(std::move(event));
}

void World::run_until(Instant end) {
  while (!events_.empty() && events_.top().at <= end) {
    const Event event = events_.top();
    events_.pop();
    now_ = event.at;
    ++counts_.events;
    happen(event);
  }
  now_ = std::max(now_, end);
}

void World::happen(const Event& event) {
  Node& node = nodes_[event.host];
  Host& host = *node.host;
  const bool about_host = event.kind != Kind::propose && event.kind != Kind::fault &&
                          event.kind != Kind::change && event.kind != Kind::start;
  if (about_host) {
    // What a dead process waited for is nobody's; a message reaches whoever is there.
    if (!host.runs() || (event.life != host.life() && event.kind != Kind::deliver)) return;
    const bool of_disk = event.kind == Kind::synced || event.kind == Kind::snapshot_durable;
    const Instant until =
        of_disk ? std::max(node.paused_until, node.disk_hangs_until) : node.paused_until;
    if (now_ < until) {
      Event later = event;
      later.at = until;
      events_.push(std::move(later));
      return;
    }
  }
  switch (event.kind) {
    case Kind::deliver:
      if (tracing_ && event.message) {
        std::ostringstream out;
        out << "got  " << *event.message;
        say(out.str());
      }
      host.core().step(*event.message, now_);
      break;
    case Kind::tick:
      node.tick_at = Instant::max();
      host.core().tick(now_);
      break;
    case Kind::synced:
      host.disk().sync(event.ticket);
      host.core().persisted(event.ticket, now_);
      break;
    case Kind::fetched: {
      if (node.fetching != event.fetch->snapshot) return;
      node.fetching.reset();
      const auto source = host_of(event.fetch->from);
      // The source may be down or have a newer one; the leader will offer again.
      if (!source || !hosts_[*source]->runs() || (!calm_ && rng_.chance(plan_.fetch_fails, kOutOf)))
        return;
      const auto& images = hosts_[*source]->disk().durable().images;
      const auto image = images.find(event.fetch->snapshot);
      if (image == images.end()) return;
      ++counts_.installs;
      host.install(image->second, now_);
      break;
    }
    case Kind::snapshot:
      if (const auto image = host.image()) {
        schedule({.kind = Kind::snapshot_durable,
                  .host = event.host,
                  .life = host.life(),
                  .image = std::make_shared<const Image>(*image)},
                 up_to(plan_.snapshot_max));
      } else {
        node.snapshots = false;
      }
      return;
    case Kind::snapshot_durable:
      node.snapshots = false;
      host.snapshot_durable(*event.image, plan_.trailing, host.core().offered(now_));
      break;
    case Kind::start:
      if (host.runs()) return;
      node.starts = false;
      node.snapshots = false;
      node.tick_at = Instant::max();
      host.start(plan_.settings, jitter_, now_);
      checker_.started(host);
      say(host.name() + " starts");
      break;
    case Kind::propose:
      propose();
      return;
    case Kind::fault:
      fault();
      return;
    case Kind::change:
      change();
      return;
  }
  after(event.host);
}

// --- what the shell does -------------------------------------------------------------------------

void World::after(std::size_t at) {
  Node& node = nodes_[at];
  Host& host = *node.host;
  const Index before = host.machine().applied;
  const Output output = host.carry_out();
  checker_.output(host, output);
  checker_.look(host, hosts_);
  const auto& core = host.core();
  if (node.role != core.role()) {
    node.role = core.role();
    if (node.role == Role::leader) ++counts_.elections;
    if (tracing_) {
      std::ostringstream out;
      out << host.name() << " is " << core.role() << " in term " << core.term() << ", log to "
          << core.log().last() << ", commit " << core.commit();
      say(out.str());
    }
  }
  for (const auto& message : output.messages) send(at, message);
  if (output.write) {
    auto in = up_to(calm_ ? microseconds{1'000} : plan_.sync_max);
    if (!calm_ && rng_.chance(plan_.sync_slow, kOutOf)) in += milliseconds{500};
    schedule(
        {.kind = Kind::synced, .host = at, .life = host.life(), .ticket = output.write->ticket},
        in);
  }
  if (output.fetch && node.fetching != output.fetch->snapshot) {
    node.fetching = output.fetch->snapshot;
    schedule({.kind = Kind::fetched, .host = at, .life = host.life(), .fetch = output.fetch},
             up_to(plan_.fetch_max));
  }
  for (const auto& read : output.reads) answered(read);
  if (host.machine().applied != before) applied(at);
  const Instant due = core.next_deadline();
  if (due < node.tick_at) {
    node.tick_at = std::max(due, now_);
    schedule({.kind = Kind::tick, .host = at, .life = host.life()}, node.tick_at - now_);
  }
  digest_ = digest_ * 31 + static_cast<std::uint64_t>((now_ - Instant{}).count()) + at;
}

void World::applied(std::size_t at) {
  Host& host = *hosts_[at];
  const Index end = host.machine().applied;
  // Told to whoever proposed it here: exactly this must be what was committed.
  while (!proposals_.empty()) {
    const auto first = proposals_.lower_bound({at, Position{}});
    if (first == proposals_.end() || first->first.first != at || first->first.second.index > end)
      break;
    const Position position = first->first.second;
    const Entry* entry = host.disk().now().entry(position.index);
    if (entry != nullptr && entry->term == position.term) {
      ++counts_.acknowledged;
      if (digest_of(*entry) != first->second)
        throw Violation{host.name() + " acknowledges another proposal"};
      if (checker_.committed_at(position.index) != first->second)
        throw Violation{host.name() + " acknowledges what is not committed"};
    }
    proposals_.erase(first);
  }
  const auto snapshot = host.core().log().snapshot().at.index;
  if (nodes_[at].snapshots || end - snapshot < static_cast<std::int64_t>(plan_.snapshot_every))
    return;
  nodes_[at].snapshots = true;
  schedule({.kind = Kind::snapshot, .host = at, .life = host.life()}, up_to(milliseconds{20}));
}

void World::answered(const ReadAnswer& answer) {
  const auto asked = reads_.find(answer.token);
  if (asked == reads_.end()) throw Violation{"a read is answered that nobody asked"};
  if (answer.index && *answer.index < asked->second.floor)
    throw Violation{fmt::format("a read sees up to {}, {} was committed before it was asked",
                                answer.index->value, asked->second.floor.value)};
  if (answer.index) ++counts_.reads;
  reads_.erase(asked);
}

void World::send(std::size_t from, const Message& message) {
  const auto to = static_cast<std::size_t>(message.to.node.value - 1);
  if (cuts_.contains({from, to})) return;
  auto sent = std::make_shared<Message>(message);
  if (plan_.encoded) {
    auto decoded = decode_message(encode(message));
    if (!decoded || *decoded != message) {
      std::ostringstream out;
      out << "a message is not what it was encoded from: " << message;
      throw Violation{out.str()};
    }
    *sent = *std::move(decoded);
  }
  if (calm_) {
    schedule({.kind = Kind::deliver, .host = to, .message = sent}, up_to(milliseconds{2}));
    return;
  }
  if (rng_.chance(plan_.lost, kOutOf)) return;
  const int copies = rng_.chance(plan_.repeated, kOutOf) ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    auto in = up_to(plan_.delay_max);
    if (rng_.chance(plan_.delayed_long, kOutOf)) in += up_to(milliseconds{2'000});
    schedule({.kind = Kind::deliver, .host = to, .message = sent}, in);
  }
}

}  // namespace millrace::replication::consensus::sim
