#include <algorithm>
#include <catch2/catch.hpp>
#include <deque>

#include "broker/group/coordinator.hpp"
#include "tests/broker/group/topics.hpp"

/// Honest clients of the consumer protocol on a coordinator whose world is unkind: answers are
/// lost, processes die, static members move, topics come and grow, writes fail, the broker restarts
/// from what happens to be in its log. Checked against what must hold whatever happens.
namespace millrace::broker {
namespace {

using protocol::ConsumerGroupHeartbeatRequest;
using protocol::ConsumerGroupHeartbeatResponse;
using protocol::ErrorCode;
using std::chrono::milliseconds;

/// Breaks what the checker sees, to prove that it looks.
enum class Mutant { none, lost_reply, second_reply, second_owner, old_epoch, lost_record, deaf };

constexpr std::string_view kGroup = "g";

/// One process with a consumer. It does what it is told, and has at most one request on its way.
struct Client {
  std::string id;
  std::optional<std::string> instance;
  std::vector<std::string> topics;
  std::optional<std::string> regex;
  bool alive = true;
  bool leaving = false;
  std::int32_t epoch = 0;
  PartitionSets owned;    // what it reads from
  bool tells_all = true;  // the next heartbeat is a whole one
  bool subscription_new = false;
  ReplyToken waiting = 0;  // 0: nothing on its way
};

class ConsumerModel {
 public:
  ConsumerModel(std::uint64_t seed, Mutant mutant) : rng_{seed}, mutant_{mutant} {
    settings_.consumer.assignment_interval = milliseconds{rng_.below(2) * 1'000};
    settings_.consumer.session_timeout = milliseconds{10'000};
    settings_.offsets_retention = milliseconds{1LL << 40};
    if (rng_.chance(1, 2)) std::ranges::reverse(settings_.consumer.assignors);
    topics_.create("t", 5);
    topics_.create("u", 3);
    restart();
  }

  /// Empty, or what did not hold.
  std::string run(int steps) {
    for (int i = 0; i < steps && wrong_.empty(); ++i) {
      pass(milliseconds{rng_.below(200)});
      step();
      if (i % 1'000 == 999) settle();
    }
    take(core_->resign(ErrorCode::not_coordinator));
    expect(requests_.empty(), "every request is answered");
    return wrong_;
  }
  [[nodiscard]] int moves() const { return moves_; }
  [[nodiscard]] int settled() const { return settled_; }

 private:
  [[nodiscard]] Moment now() const {
    return {Instant{} + elapsed_, Timestamp{1'000'000} + elapsed_};
  }
  void expect(bool holds, const std::string& what) {
    if (!holds && wrong_.empty()) wrong_ = what;
  }
  void pass(milliseconds time) {
    elapsed_ += time;
    if (core_->next_deadline() > now().now) return;
    take(core_->tick(now()));
    expect(core_->next_deadline() > now().now, "a tick leaves nothing due");
  }

  void step() {
    const auto dice = rng_.below(1'000);
    if (dice < 10 && clients_.size() < 6) {
      start();
    } else if (dice < 700 && !clients_.empty()) {
      heartbeat(clients_[rng_.below(clients_.size())]);
    } else if (dice < 703 && !clients_.empty()) {
      clients_[rng_.below(clients_.size())].alive = false;
    } else if (dice < 709 && !clients_.empty()) {
      Client& client = clients_[rng_.below(clients_.size())];
      client.leaving = client.alive;
    } else if (dice < 715 && !clients_.empty()) {
      subscribe(clients_[rng_.below(clients_.size())]);
    } else if (dice < 717) {
      change_topics();
    } else if (dice < 990) {
      commit_one();
    } else if (dice < 996) {
      fail_all();
    } else if (dice == 999) {
      lose_power();
    }
    std::erase_if(clients_, [&](const Client& c) { return !c.alive && rng_.chance(1, 50); });
  }

  void start() {
    Client client;
    client.id = "m" + std::to_string(++started_);
    if (rng_.chance(1, 3)) {
      client.instance = "i" + std::to_string(rng_.below(3));
      // An operator does not start an instance twice.
      for (const auto& other : clients_) {
        if (other.alive && other.instance == client.instance) return;
      }
    }
    clients_.push_back(client);
    subscribe(clients_.back());
  }

  void subscribe(Client& client) {
    client.topics.clear();
    client.regex.reset();
    if (rng_.chance(1, 5)) {
      client.regex = rng_.chance(1, 2) ? "[tu].*" : "t.*";
    } else {
      if (rng_.chance(4, 5)) client.topics.push_back("t");
      if (client.topics.empty() || rng_.chance(1, 2)) client.topics.push_back("u");
    }
    client.subscription_new = true;
  }

  void change_topics() {
    const auto dice = rng_.below(3);
    const std::string extra = "t" + std::to_string(rng_.below(2));
    if (dice == 0) {
      topics_.create(extra, 1 + static_cast<std::int32_t>(rng_.below(3)));
    } else if (dice == 1) {
      topics_.remove(extra);
    } else {
      topics_.grow("u", 3 + static_cast<std::int32_t>(rng_.below(4)));
    }
  }

  void heartbeat(Client& client) {
    if (client.waiting != 0 || !client.alive) return;
    ConsumerGroupHeartbeatRequest request;
    request.group_id = kGroup;
    request.member_id = client.id;
    request.instance_id = client.instance;
    request.member_epoch = client.epoch;
    const bool all = client.epoch == 0 || client.tells_all;
    if (client.leaving) {
      if (client.epoch == 0) return void(client.alive = false);
      request.member_epoch = client.instance && rng_.chance(2, 3) ? -2 : -1;
      client.owned.clear();
    } else if (all || client.subscription_new) {
      request.subscribed_topic_names = client.topics;
      request.subscribed_topic_regex = client.regex.value_or("");
    }
    if (all) request.rebalance_timeout_ms = 4'000;
    if (all || rng_.chance(1, 2)) {
      using List = decltype(request.topic_partitions)::value_type;
      request.topic_partitions = listed<List>(client.owned);
    }
    client.subscription_new = false;
    client.tells_all = false;
    client.waiting = ++last_token_;
    requests_[last_token_] = client.id;
    take(core_->consumer_heartbeat(request, {"c", "/h", 1}, last_token_, now(), topics_, rng_));
  }

  Client* find(const std::string& id) {
    const auto found = std::ranges::find(clients_, id, &Client::id);
    return found == clients_.end() ? nullptr : &*found;
  }

  void answered(ReplyToken token, ConsumerGroupHeartbeatResponse response) {
    const auto request = requests_.find(token);
    if (request == requests_.end()) return expect(false, "no request is answered twice");
    Client* const client = find(request->second);
    requests_.erase(request);
    if (client == nullptr || client->waiting != token) return;
    client->waiting = 0;
    if (!quiet_ && rng_.chance(1, 20)) return void(client->tells_all = true);  // the answer is lost
    switch (response.error_code) {
      case ErrorCode::none:
        break;
      case ErrorCode::fenced_member_epoch:
      case ErrorCode::unknown_member_id:
      case ErrorCode::group_id_not_found:
        client->epoch = 0;
        client->owned.clear();
        if (client->leaving) client->alive = false;
        return;
      case ErrorCode::fenced_instance_id:
        client->alive = false;
        return;
      case ErrorCode::unreleased_instance_id:
      case ErrorCode::coordinator_not_available:
      case ErrorCode::not_coordinator:
        client->tells_all = true;
        return;
      default:
        return expect(false, "no honest client is told " +
                                 std::string{protocol::to_string(response.error_code)});
    }
    if (client->leaving) return void(client->alive = false);
    if (mutant_ == Mutant::old_epoch && rng_.chance(1, 500)) response.member_epoch = 0;
    expect(response.member_epoch >= client->epoch && response.member_epoch > 0,
           "a member's epoch never goes back");
    client->epoch = response.member_epoch;
    if (!response.assignment) return;
    auto assigned = sets_of(response.assignment->topic_partitions);
    if (mutant_ == Mutant::second_owner && rng_.chance(1, 100)) {
      for (const auto& other : clients_) assigned = united(assigned, other.owned);
    }
    if (assigned != client->owned) ++moves_;
    client->owned = std::move(assigned);
    check_owners();
  }

  /// Of those that the group knows as members; who was removed has been told by time.
  void check_owners() {
    std::map<std::pair<TopicId, std::int32_t>, std::string> owners;
    for (const auto& client : clients_) {
      if (!client.alive || !state_.has_member(client.id)) continue;
      for (const auto& [topic, partitions] : client.owned) {
        for (const auto partition : partitions) {
          const auto [at, fresh] = owners.try_emplace({topic, partition}, client.id);
          expect(fresh, "no partition is read by two members");
        }
      }
    }
  }

  // The log ------------------------------------------------------------------------------------

  void take(GroupOutput out) {
    const bool mutate = rng_.chance(1, 300);
    if (out.ticket) writes_.push_back({*out.ticket, std::move(out.records)});
    if (mutate && mutant_ == Mutant::lost_reply && !out.replies.empty()) out.replies.pop_back();
    if (mutate && mutant_ == Mutant::second_reply && !out.replies.empty()) {
      out.replies.push_back(out.replies.back());
    }
    for (auto& reply : out.replies) {
      answered(reply.token, std::get<ConsumerGroupHeartbeatResponse>(std::move(reply.response)));
    }
  }

  void commit_one() {
    if (writes_.empty()) return;
    const auto [ticket, records] = std::move(writes_.front());
    writes_.pop_front();
    append(records);
    take(core_->committed(ticket, now()));
  }
  /// As a log does: none after the first that is lost.
  void fail_all() {
    while (!writes_.empty()) {
      const Ticket ticket = writes_.front().first;
      writes_.pop_front();
      take(core_->failed(ticket, ErrorCode::not_enough_replicas, now()));
    }
  }
  /// The broker forgets; of what was on its way the log has some, from the front.
  void lose_power() {
    while (!writes_.empty() && rng_.chance(2, 3)) {
      append(writes_.front().second);
      writes_.pop_front();
    }
    restart();
  }
  void restart() {
    writes_.clear();
    requests_.clear();
    for (auto& client : clients_) client.tells_all |= std::exchange(client.waiting, 0) != 0;
    core_ = std::make_unique<GroupCoordinator>(settings_);
    auto compacted = std::make_unique<GroupCoordinator>(settings_);
    for (const auto& record : log_) replay(*core_, record);
    for (const auto& [key, value] : latest_) replay(*compacted, {key, value});
    take(core_->finish_loading(now()));
    compacted->finish_loading(now());
    expect(
        core_->describe_consumer(kGroup, topics_) == compacted->describe_consumer(kGroup, topics_),
        "a compacted log gives the same group");
    check_view();
  }
  void replay(GroupCoordinator& core, const GroupRecord& record) {
    const auto value = record.value ? std::optional<Bytes>{*record.value} : std::nullopt;
    expect(core.replay(record.key, value).has_value(), "a record is readable");
  }

  void append(const std::vector<GroupRecord>& records) {
    for (const auto& record : records) {
      if (mutant_ == Mutant::lost_record && rng_.chance(1, 200)) continue;
      log_.push_back(record);
      if (record.value) {
        latest_[record.key] = *record.value;
      } else {
        latest_.erase(record.key);
      }
      const auto value = record.value ? std::optional<Bytes>{*record.value} : std::nullopt;
      const auto decoded = decode_record(record.key, value).value();
      if (const auto* change = std::get_if<ConsumerGroupRecord>(&decoded)) {
        state_.apply(change->change);
      }
    }
    check_state();
  }

  /// What holds of the committed state after every batch.
  void check_state() {
    expect(state_.target_epoch() <= state_.epoch(), "the target does not run ahead of the group");
    expect(state_.empty() || state_.epoch() >= epoch_, "the group's epoch never goes back");
    epoch_ = state_.epoch();
    std::map<std::pair<TopicId, std::int32_t>, std::string> owners;
    for (const auto& [id, member] : state_.members()) {
      const auto& progress = state_.progress(id);
      expect(progress.epoch <= state_.target_epoch(), "no member runs ahead of the target");
      expect(common(progress.assigned, progress.revoking).empty(),
             "assigned or given up, not both");
      for (const auto& [topic, partitions] : united(progress.assigned, progress.revoking)) {
        for (const auto partition : partitions) {
          const auto [at, fresh] = owners.try_emplace({topic, partition}, id);
          expect(fresh, "no partition is with two members");
        }
      }
    }
  }
  void check_view() {
    const auto group = core_->describe_consumer(kGroup, topics_);
    if (state_.empty()) return expect(group.error_code != ErrorCode::none, "no group is shown");
    expect(group.group_state == state_.phase() && group.group_epoch == state_.epoch() &&
               group.members.size() == state_.members().size(),
           "what is shown is what is committed");
  }

  /// The world is kind for a while: the live members reach their target, and all is read.
  void settle() {
    quiet_ = true;
    for (int round = 0; round < 60 && wrong_.empty(); ++round) {
      pass(milliseconds{500});
      for (auto& client : clients_) {
        if (!(mutant_ == Mutant::deaf && &client == &clients_.back())) heartbeat(client);
      }
      while (!writes_.empty()) commit_one();
    }
    quiet_ = false;
    std::erase_if(clients_, [](const Client& c) { return !c.alive; });
    check_view();
    if (clients_.empty() || !wrong_.empty()) return;
    ++settled_;
    expect(state_.phase() == "Stable", "a group of live members settles");
    expect(state_.members().size() == clients_.size(), "its members are the live ones");
    std::set<std::string> wanted;
    PartitionSets all;
    for (const auto& client : clients_) {
      expect(client.owned == state_.target(client.id), "everybody has its target");
      all = united(all, client.owned);
      wanted.insert(client.topics.begin(), client.topics.end());
      topics_.for_each_public_topic([&](std::string_view name) {
        const bool matches = client.regex && (name[0] == 't' || client.regex->starts_with("[tu]"));
        if (matches) wanted.emplace(name);
      });
    }
    PartitionSets expected;
    for (const auto& name : wanted) {
      const auto shape = topics_.shape_of(name);
      if (!shape) continue;
      for (std::int32_t i = 0; i < shape->partitions; ++i) add(expected, shape->id, i);
    }
    expect(all == expected, "every partition that somebody wants is read");
  }

  GroupSettings settings_;
  SeededRng rng_;
  Mutant mutant_;
  FakeTopics topics_;
  std::unique_ptr<GroupCoordinator> core_;
  milliseconds elapsed_{1};
  std::vector<Client> clients_;
  int started_ = 0;
  std::map<ReplyToken, std::string> requests_;
  ReplyToken last_token_ = 0;
  bool quiet_ = false;
  std::deque<std::pair<Ticket, std::vector<GroupRecord>>> writes_;  // on their way
  std::vector<GroupRecord> log_;
  std::map<std::vector<std::byte>, std::vector<std::byte>> latest_;
  ConsumerGroupState state_;  // what `log_` says
  std::int32_t epoch_ = 0;
  int moves_ = 0;
  int settled_ = 0;
  std::string wrong_;
};

TEST_CASE("consumer group model: what must hold holds in an unkind world",
          "[broker][group][consumer][model]") {
  const auto seed = GENERATE(range(1, 9));
  CAPTURE(seed);
  ConsumerModel model{static_cast<std::uint64_t>(seed), Mutant::none};
  CHECK(model.run(12'500) == "");
  CHECK(model.moves() > 100);  // else nothing was tried
  CHECK(model.settled() > 5);
}

TEST_CASE("consumer group model: the checker notices what is broken",
          "[broker][group][consumer][model]") {
  const auto mutant = GENERATE(Mutant::lost_reply, Mutant::second_reply, Mutant::second_owner,
                               Mutant::old_epoch, Mutant::lost_record, Mutant::deaf);
  CAPTURE(static_cast<int>(mutant));
  ConsumerModel model{1, mutant};
  CHECK(model.run(50'000) != "");
}

}  // namespace
}  // namespace millrace::broker
