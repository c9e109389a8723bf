#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "tests/sim/actor_parts.hpp"
#include "tests/sim/actors.hpp"

namespace millrace::sim {
namespace {

using namespace std::chrono_literals;
using clients::ConsumedRecord;
using clients::Consumer;
using clients::GroupProtocol;

using Partitions = std::vector<TopicPartition>;

GroupProtocol choose_protocol(Rng& rng, GroupKind kind) {
  if (kind == GroupKind::mixed && rng.chance(1, 2)) return GroupProtocol::consumer;
  return kind == GroupKind::consumer ? GroupProtocol::consumer : GroupProtocol::classic;
}

/// A commit under way: written down when it ends, also by the death of its member.
struct Commit {
  Commit(Stage& on, const std::string& by, clients::PartitionOffsets what)
      : stage{on}, member{by}, offsets{std::move(what)}, began{on.history.now()} {}
  Commit(const Commit&) = delete;
  Commit& operator=(const Commit&) = delete;
  ~Commit() {
    for (const auto& [at, offset] : offsets) {
      stage.add(Committed{kGroup, log_name(at), offset, began, acked, member});
    }
  }

  Stage& stage;
  const std::string& member;
  const clients::PartitionOffsets offsets;
  const Moment began;
  bool acked = false;
};

/// One life of a group member: what it does, and what it writes down of that.
class Member {
 public:
  Member(Stage& stage, SimScheduler& here, std::size_t number)
      : stage_{stage},
        here_{here},
        rng_{stage.world.rng()},
        protocol_{choose_protocol(rng_, stage.plan.group_kind)},
        name_{fmt::format("{}{}.{}", protocol_ == GroupProtocol::consumer ? 'c' : 'g', number,
                          ++stage.member_lives)},
        client_{here, rng_, client_options(name_)},
        consumer_{client_, options()},
        asked_{stage.now()} {
    stage_.members.resize(std::max(stage_.members.size(), number + 1));
    stage_.members[number] = name_;
  }
  Member(const Member&) = delete;
  Member& operator=(const Member&) = delete;

  net::Awaitable<void> live();

 private:
  clients::ConsumerOptions options();
  void subscribe();
  net::Awaitable<void> ask();
  net::Awaitable<void> commit(clients::PartitionOffsets offsets);
  net::Awaitable<void> assigned(Partitions partitions);
  net::Awaitable<void> revoked(Partitions partitions);
  net::Awaitable<void> lost(Partitions partitions);
  void lease();
  void disown(const Partitions& partitions);

  Stage& stage_;
  SimScheduler& here_;
  Rng& rng_;
  GroupProtocol protocol_;
  std::string name_;
  clients::Client client_;
  Consumer consumer_;
  Instant asked_;                     // when the last poll that has ended began
  std::map<LogName, int> stretches_;  // of reading
};

clients::ConsumerOptions Member::options() {
  return {.fetch_wait_max = 50ms,
          .partition_fetch_bytes_max = stage_.plan.partition_fetch_bytes_max,
          .poll_records_max = 1 + rng_.below(20),
          .group_protocol = protocol_,
          .remote_assignor = rng_.chance(1, 3) ? "range" : "",
          .session_timeout = kMemberSession,
          .heartbeat_interval = kMemberHeartbeat,
          .poll_interval_max = kMemberPollInterval,
          .auto_commit = false,
          .on_assigned = [this](Partitions given) { return assigned(std::move(given)); },
          .on_revoked = [this](Partitions taken) { return revoked(std::move(taken)); },
          .on_lost = [this](Partitions gone) { return lost(std::move(gone)); }};
}

void Member::subscribe() {
  std::vector<std::string> topics{kTopic};
  if (stage_.plan.second_topic) {
    const auto choice = stage_.settling ? 0 : rng_.below(3);
    if (choice == 2) topics.clear();
    if (choice != 1) topics.emplace_back(kSecondTopic);
  }
  const bool by_pattern = protocol_ == GroupProtocol::consumer && rng_.chance(1, 3);
  const auto subscribed =
      by_pattern ? consumer_.subscribe_pattern(fmt::format("{}", fmt::join(topics, "|")), kGroup)
                 : consumer_.subscribe(topics, kGroup);
  if (!subscribed) stage_.add(Failed{"wrong answer", "subscribe was refused"});
}

net::Awaitable<void> Member::live() {
  subscribe();
  bool settles = false;
  for (auto polls = 10 + rng_.below(80); !stage_.closing && (polls > 0 || stage_.settling);) {
    co_await ask();
    if (rng_.chance(1, 4)) co_await commit(consumer_.positions());
    if (rng_.chance(1, 15)) co_await see_commits(stage_, consumer_, 1s);
    if (stage_.settling) {
      if (!std::exchange(settles, true)) subscribe();
      continue;
    }
    --polls;
    if (stage_.plan.second_topic && rng_.chance(1, 25)) subscribe();
    if (rng_.chance(1, 40)) {
      co_await net::sleep_until(here_, stage_.in(std::chrono::milliseconds{rng_.below(4'500)}));
    }
  }
  co_await consumer_.stop(stage_.in(1s));
  stage_.owned.erase(name_);
  co_await client_.stop();
}

net::Awaitable<void> Member::ask() {
  const Instant began = stage_.now();
  const auto records = co_await consumer_.poll(stage_.in(200ms));
  asked_ = began;
  lease();
  if (records) {
    for (const auto& record : *records) {
      const auto log = log_name(*record.source);
      stage_.add(Read{log, fmt::format("{}/{}", name_, stretches_[log]), kGroup, record.offset,
                      value_of(record)});
    }
    co_return;
  }
  const auto& error = records.error();
  tell(stage_, name_, error);
  if (error.code == clients::Errc::rejected && !error.retriable) {
    stage_.add(Failed{"wrong answer", fmt::format("{} got {}", name_, to_text(error))});
  }
  co_await net::sleep_until(here_, stage_.in(kErrorPause));
}

net::Awaitable<void> Member::commit(clients::PartitionOffsets offsets) {
  if (offsets.empty()) co_return;
  Commit commit{stage_, name_, offsets};
  const auto committed = co_await consumer_.commit(std::move(offsets), stage_.in(1s));
  if (!committed) tell(stage_, name_, committed.error());
  commit.acked = committed.has_value();
}

net::Awaitable<void> Member::assigned(Partitions partitions) {
  lease();
  for (const auto& at : partitions) {
    const auto log = log_name(at);
    ++stretches_[log];
    stage_.owned[name_].insert(log);
    stage_.add(Owned{kGroup, name_, log});
  }
  co_return;
}

net::Awaitable<void> Member::revoked(Partitions partitions) {
  if (rng_.chance(3, 4)) {
    auto offsets = consumer_.positions();
    std::erase_if(offsets, [&](const auto& each) {
      return std::ranges::find(partitions, each.first) == partitions.end();
    });
    co_await commit(std::move(offsets));
  }
  disown(partitions);
}

net::Awaitable<void> Member::lost(Partitions partitions) {
  disown(partitions);
  co_return;
}

void Member::disown(const Partitions& partitions) {
  for (const auto& at : partitions) {
    stage_.owned[name_].erase(log_name(at));
    stage_.add(Disowned{kGroup, name_, log_name(at)});
  }
}

/// What the poll under way, if there is one, may yet find out does not count.
void Member::lease() {
  const auto confirmed = consumer_.confirmed_at();
  if (!confirmed) return;
  const Instant until = std::min(*confirmed + kMemberSession, asked_ + kMemberPollInterval);
  Instant& known = stage_.leases[name_];
  known = std::max(known, until);
  stage_.add(Leased{kGroup, name_, until});
}

}  // namespace

std::vector<LogName> Stage::group_logs() const {
  std::vector<LogName> logs;
  for (const auto& at : partitions()) logs.push_back(log_name(at));
  for (std::int32_t i = 0; plan.second_topic && i < kSecondPartitions; ++i) {
    logs.push_back(log_name({kSecondTopic, PartitionIndex{i}}));
  }
  return logs;
}

bool Stage::group_has_settled() const {
  const auto has = [this](const auto& each, const LogName& log) {
    const auto lease = leases.find(each.first);
    return each.second.contains(log) && lease != leases.end() && lease->second > now();
  };
  return std::ranges::all_of(group_logs(), [&](const LogName& log) {
    return std::ranges::count_if(owned, [&](const auto& each) { return has(each, log); }) == 1;
  });
}

net::Awaitable<void> be_group_member(Stage& stage, SimScheduler& here, std::size_t number) {
  while (!stage.closing) {
    Member member{stage, here, number};
    co_await member.live();
  }
  --stage.others_left;
}

}  // namespace millrace::sim
