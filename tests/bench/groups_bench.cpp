// What does a rebalance cost the coordinator, and how long does it take? 100 members join one group
// of 1,000 partitions, then one dies; in the classic protocol and in the consumer protocol.
//
// Time is simulated: an answer takes 1 ms to its client and a write 2 ms to be durable, clients
// beat every 3 s (classic) or as they are told (consumer), and a session ends after 10 s (classic)
// or 45 s (consumer): most of the time after a death is that. What is measured is the work: all
// calls of the coordinator's core, decoding of its own records included. The limit is 50 ms for
// each line.
//
// Estimate: an assignor touches 1,000 partitions and 100 members for each, 1e5 steps of 2 ns, and
// two targets are made while all join; each member has about six records, 2 us each with their
// replay: 0.4 ms + 1.2 ms, and as much again for sets of partitions. After a death one target and
// one record for each: 0.5 ms. In the classic protocol one record has it all: below 1 ms.

#include <chrono>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/broker/group/clients.hpp"

namespace {

using namespace millrace;
using namespace millrace::broker;
using std::chrono::milliseconds;

constexpr int kMembers = 100;
constexpr std::int32_t kPartitions = 1'000;
constexpr milliseconds kAnswer{1};
constexpr milliseconds kWrite{2};
constexpr milliseconds kClassicBeat{3'000};
constexpr milliseconds kGivenUp{600'000};

class TimedRebalance {
  template <class Work>
  auto timed(Work&& work) {
    const auto start = std::chrono::steady_clock::now();
    auto result = work();
    work_ += std::chrono::steady_clock::now() - start;
    return result;
  }

 public:
  explicit TimedRebalance(Speech speech) : speech_{speech}, core_{settings_} {
    topics_.create("t", kPartitions);
    take(timed([&] { return core_.finish_loading(now()); }));
    for (int i = 0; i < kMembers; ++i) {
      clients_.emplace_back("member-" + std::to_string(i), speech_, std::nullopt);
      clients_.back().subscribe({"t"}, {});
      at(milliseconds{i}, [this, i] { send(static_cast<std::size_t>(i)); });
    }
  }

  /// Runs until all partitions are read, and prints what it took.
  void measure(const char* what, std::size_t readers) {
    const auto from = elapsed_;
    work_ = {};
    records_ = 0;
    while (!is_stable(readers) && elapsed_ - from < kGivenUp) turn();
    const std::chrono::duration<double, std::milli> work = work_;
    std::printf("%-9s %-14s stable after %6.1f s, %6.1f ms of work, %6zu records\n",
                speech_ == Speech::consumer ? "consumer" : "classic", what,
                static_cast<double>((elapsed_ - from).count()) / 1'000, work.count(), records_);
  }
  void kill_one() { clients_.back().die(); }

 private:
  [[nodiscard]] Moment now() const {
    return {Instant{} + elapsed_, Timestamp{1'000'000} + elapsed_};
  }
  void at(milliseconds delay, std::function<void()> what) {
    agenda_.emplace(elapsed_ + delay, std::move(what));
  }
  /// The next thing that happens.
  void turn() {
    const auto due = std::chrono::ceil<milliseconds>(core_.next_deadline() - Instant{});
    if (agenda_.empty() || due < agenda_.begin()->first) {
      elapsed_ = std::max(elapsed_, due);
      return take(timed([&] { return core_.tick(now(), topics_); }));
    }
    auto next = agenda_.extract(agenda_.begin());
    elapsed_ = next.key();
    next.mapped()();
  }

  void send(std::size_t index) {
    auto request = clients_[index].next("g", topics_, rng_);
    if (!request) return;
    const ReplyToken token = ++last_token_;
    waiting_[token] = index;
    take(timed([&] { return std::visit([&](auto& r) { return ask(r, token); }, *request); }));
  }
  GroupOutput ask(const protocol::ConsumerGroupHeartbeatRequest& request, ReplyToken token) {
    return core_.consumer_heartbeat(request, {"c", "/h", 1}, token, now(), topics_, rng_);
  }
  GroupOutput ask(const protocol::JoinGroupRequest& request, ReplyToken token) {
    return core_.join(request, {"c", "/h", 9}, token, now(), topics_, rng_);
  }
  GroupOutput ask(const protocol::SyncGroupRequest& request, ReplyToken token) {
    return core_.sync(request, token, now(), topics_);
  }
  GroupOutput ask(const protocol::HeartbeatRequest& request, ReplyToken token) {
    return core_.heartbeat(request, token, now(), topics_);
  }
  GroupOutput ask(const protocol::LeaveGroupRequest& request, ReplyToken token) {
    return core_.leave(request, {"c", "/h", 5}, token, now(), topics_);
  }

  void take(GroupOutput out) {
    records_ += out.records.size();
    if (out.ticket) {
      at(kWrite, [this, ticket = *out.ticket] {
        take(timed([&] { return core_.committed(ticket, now()); }));
      });
    }
    for (auto& reply : out.replies) {
      const std::size_t index = waiting_.extract(reply.token).mapped();
      at(kAnswer, [this, index, response = std::move(reply.response)] { hear(index, response); });
    }
  }
  void hear(std::size_t index, const GroupReply::Response& response) {
    auto& client = clients_[index];
    const PartitionSets before = client.owned();
    if (const auto wrong = client.hear(response, topics_); !wrong.empty()) {
      std::printf("%s\n", wrong.c_str());
    }
    // What changed is reported at once; joining and syncing follow each other without a pause.
    auto pause = milliseconds{0};
    if (const auto* heard = std::get_if<protocol::ConsumerGroupHeartbeatResponse>(&response)) {
      if (client.owned() == before) pause = milliseconds{heard->heartbeat_interval_ms};
    } else if (!client.is_joining()) {
      pause = kClassicBeat;
    }
    at(pause, [this, index] { send(index); });
  }

  [[nodiscard]] bool is_stable(std::size_t readers) const {
    std::size_t reading = 0;
    std::size_t count = 0;
    for (const auto& client : clients_) {
      if (!client.is_alive()) continue;
      for (const auto& [topic, partitions] : client.owned()) count += partitions.size();
      reading += client.owned().empty() ? 0 : 1;
    }
    return reading == readers && count == static_cast<std::size_t>(kPartitions) &&
           !core_.list({"Stable"}, {}).empty();
  }

  Speech speech_;
  GroupSettings settings_;
  GroupCoordinator core_;
  FakeTopics topics_;
  SeededRng rng_{1};
  milliseconds elapsed_{0};
  std::multimap<milliseconds, std::function<void()>> agenda_;
  std::vector<GroupMemberClient> clients_;
  std::map<ReplyToken, std::size_t> waiting_;
  ReplyToken last_token_ = 0;
  std::chrono::steady_clock::duration work_{};
  std::size_t records_ = 0;
};

}  // namespace

int main() {
  for (const Speech speech : {Speech::eager, Speech::consumer}) {
    TimedRebalance rebalance{speech};
    rebalance.measure("100 join", kMembers);
    rebalance.kill_one();
    rebalance.measure("one dies", kMembers - 1);
  }
}
