#include <algorithm>
#include <catch2/catch.hpp>
#include <deque>

#include "tests/broker/group/clients.hpp"

/// Honest clients of both protocols in one group, on a coordinator whose world is unkind: answers
/// are lost, processes die, static members move, topics come and grow, writes fail, the broker
/// restarts from what happens to be in its log. Checked against what must hold whatever happens.
namespace millrace::broker {
namespace {

using protocol::ErrorCode;
using std::chrono::milliseconds;
using Client = GroupMemberClient;

/// Breaks what the checker sees, to prove that it looks.
enum class Mutant { none, lost_reply, second_reply, second_owner, old_epoch, lost_record, deaf };

const std::string kGroup = "g";

class ConsumerModel {
 public:
  ConsumerModel(std::uint64_t seed, Mutant mutant) : rng_{seed}, mutant_{mutant} {
    settings_.consumer.times.assignment_interval = milliseconds{rng_.below(2) * 1'000};
    settings_.consumer.times.session_timeout = milliseconds{10'000};
    settings_.initial_rebalance_delay = milliseconds{rng_.below(2) * 500};
    classic_ = rng_.chance(1, 2) ? Speech::eager : Speech::cooperative;
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
  /// How often the group settled with members of both protocols.
  [[nodiscard]] int mixed() const { return mixed_; }

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
    take(core_->tick(now(), topics_));
    expect(core_->next_deadline() > now().now, "a tick leaves nothing due");
  }
  Client& any() { return clients_[rng_.below(clients_.size())]; }

  void step() {
    const auto dice = rng_.below(1'000);
    if (dice < 10 && clients_.size() < 6) {
      start();
    } else if (dice < 700 && !clients_.empty()) {
      send(any());
    } else if (dice < 703 && !clients_.empty()) {
      any().die();
    } else if (dice < 709 && !clients_.empty()) {
      any().leave();
    } else if (dice < 715 && !clients_.empty()) {
      subscribe(any());
    } else if (dice < 717) {
      change_topics();
    } else if (dice < 990) {
      commit_one();
    } else if (dice < 996) {
      fail_all();
    } else if (dice == 999) {
      lose_power();
    }
    std::erase_if(clients_, [&](const Client& c) { return !c.is_alive() && rng_.chance(1, 50); });
  }

  void start() {
    std::optional<std::string> instance;
    if (rng_.chance(1, 3)) {
      instance = "i" + std::to_string(rng_.below(3));
      // An operator does not start an instance twice.
      for (const auto& other : clients_) {
        if (other.is_alive() && other.instance() == instance) return;
      }
    }
    const Speech speech = rng_.chance(1, 2) ? Speech::consumer : classic_;
    clients_.emplace_back("m" + std::to_string(++started_), speech, instance);
    subscribe(clients_.back());
  }

  void subscribe(Client& client) {
    std::vector<std::string> topics;
    std::optional<std::string> regex;
    if (rng_.chance(1, 5)) {
      regex = rng_.chance(1, 2) ? "[tu].*" : "t.*";
    } else {
      if (rng_.chance(4, 5)) topics.emplace_back("t");
      if (topics.empty() || rng_.chance(1, 2)) topics.emplace_back("u");
    }
    client.subscribe(topics, regex);
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

  // Requests -----------------------------------------------------------------------------------

  void send(Client& client) {
    auto request = client.next(kGroup, topics_, rng_);
    if (!request) return;
    const ReplyToken token = ++last_token_;
    requests_[token] = client.name();
    std::visit([&](const auto& each) { take(ask(each, token)); }, *request);
  }
  GroupOutput ask(const protocol::ConsumerGroupHeartbeatRequest& request, ReplyToken token) {
    return core_->consumer_heartbeat(request, {"c", "/h", 1}, token, now(), topics_, rng_);
  }
  GroupOutput ask(const protocol::JoinGroupRequest& request, ReplyToken token) {
    return core_->join(request, {"c", "/h", 9}, token, now(), topics_, rng_);
  }
  GroupOutput ask(const protocol::SyncGroupRequest& request, ReplyToken token) {
    return core_->sync(request, token, now(), topics_);
  }
  GroupOutput ask(const protocol::HeartbeatRequest& request, ReplyToken token) {
    return core_->heartbeat(request, token, now(), topics_);
  }
  GroupOutput ask(const protocol::LeaveGroupRequest& request, ReplyToken token) {
    return core_->leave(request, {"c", "/h", 5}, token, now(), topics_);
  }

  void answered(ReplyToken token, GroupReply::Response response) {
    const auto request = requests_.find(token);
    if (request == requests_.end()) return expect(false, "no request is answered twice");
    const auto client = std::ranges::find(clients_, request->second, &Client::name);
    requests_.erase(request);
    if (client == clients_.end() || !client->is_alive()) return;
    if (!quiet_ && rng_.chance(1, 20)) return client->answer_lost();
    break_answer(response);
    const PartitionSets before = client->owned();
    const std::string wrong = client->hear(response, topics_);
    expect(wrong.empty(), wrong);
    if (client->owned() == before) return;
    ++moves_;
    check_owners();
  }
  void break_answer(GroupReply::Response& response) {
    auto* const heard = std::get_if<protocol::ConsumerGroupHeartbeatResponse>(&response);
    if (heard == nullptr || heard->error_code != ErrorCode::none) return;
    if (mutant_ == Mutant::old_epoch && rng_.chance(1, 500)) heard->member_epoch = 0;
    if (mutant_ != Mutant::second_owner || !heard->assignment || rng_.chance(9, 10)) return;
    PartitionSets all = sets_of(heard->assignment->topic_partitions);
    for (const auto& other : clients_) all = united(all, other.owned());
    heard->assignment->topic_partitions =
        listed<decltype(heard->assignment->topic_partitions)>(all);
  }

  /// Of those that the group knows as members; who was removed has been told by time.
  void check_owners() {
    // Among classic members it is the leader who sees to that.
    if (is_classic()) return;
    std::map<std::pair<TopicId, std::int32_t>, std::string> owners;
    for (const auto& client : clients_) {
      if (!client.is_alive() || !state_.has_member(client.id())) continue;
      for (const auto& [topic, partitions] : client.owned()) {
        for (const auto partition : partitions) {
          const auto [at, fresh] = owners.try_emplace({topic, partition}, client.name());
          expect(fresh, "no partition is read by two members");
        }
      }
    }
  }

  // The log ------------------------------------------------------------------------------------

  void take(GroupOutput out) {
    const bool mutate = rng_.chance(1, 300);
    if (out.ticket) writes_.emplace_back(*out.ticket, std::move(out.records));
    if (mutate && mutant_ == Mutant::lost_reply && !out.replies.empty()) out.replies.pop_back();
    if (mutate && mutant_ == Mutant::second_reply && !out.replies.empty()) {
      out.replies.push_back(out.replies.back());
    }
    for (auto& reply : out.replies) answered(reply.token, std::move(reply.response));
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
    for (auto lost = writes_.size(); lost > 0; --lost) {
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
    for (const auto& [token, name] : std::exchange(requests_, {})) {
      const auto client = std::ranges::find(clients_, name, &Client::name);
      if (client != clients_.end()) client->answer_lost();
    }
    core_ = std::make_unique<GroupCoordinator>(settings_);
    GroupCoordinator compacted{settings_};
    for (const auto& record : log_) replay(*core_, record);
    for (const auto& [key, value] : latest_) replay(compacted, {key, value});
    take(core_->finish_loading(now()));
    compacted.finish_loading(now());
    expect(
        core_->describe_consumer(kGroup, topics_) == compacted.describe_consumer(kGroup, topics_),
        "a compacted log gives the same group");
    check_view();
  }
  void replay(GroupCoordinator& core, const GroupRecord& record) {
    const auto value = record.value ? std::optional<Bytes>{*record.value} : std::nullopt;
    expect(core.replay(record.key, value, now().wall).has_value(), "a record is readable");
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
      const auto* const change = std::get_if<ConsumerGroupRecord>(&decoded);
      if (change == nullptr) continue;
      state_.apply(change->change);
      const auto* const epoch = std::get_if<EpochChange>(&change->change);
      if (epoch != nullptr && !epoch->value) epoch_ = 0;  // a later group of this name
    }
    check_state();
  }

  /// What holds of the committed state after every batch.
  void check_state() {
    expect(state_.target_epoch() <= state_.epoch(), "the target does not run ahead of the group");
    expect(state_.epoch() >= epoch_, "the group's epoch never goes back");
    epoch_ = state_.epoch();
    std::map<std::pair<TopicId, std::int32_t>, std::string> owners;
    for (const auto& [id, member] : state_.members()) {
      const auto& progress = state_.progress(id);
      expect(progress.epoch <= state_.target_epoch(), "no member runs ahead of the target");
      expect(common(progress.assigned, progress.revoking).empty(), "assigned or given up");
      for (const auto& [topic, partitions] : united(progress.assigned, progress.revoking)) {
        for (const auto partition : partitions) {
          const auto [at, fresh] = owners.try_emplace({topic, partition}, id);
          expect(fresh, "no partition is with two members");
        }
      }
    }
  }
  [[nodiscard]] bool is_classic() const { return !core_->list({}, {"classic"}).empty(); }
  void check_view() {
    const auto group = core_->describe_consumer(kGroup, topics_);
    if (state_.empty() || is_classic()) {
      return expect(group.error_code != ErrorCode::none, "no such group is shown");
    }
    expect(group.group_state == state_.phase() && group.group_epoch == state_.epoch() &&
               group.members.size() == state_.members().size(),
           "what is shown is what is committed");
  }

  /// The world is kind for a while: the live members reach their target, and all is read.
  void settle() {
    quiet_ = true;
    for (int round = 0; round < 80 && wrong_.empty(); ++round) {
      pass(milliseconds{500});
      for (auto& client : clients_) {
        if (!(mutant_ == Mutant::deaf && &client == &clients_.back())) send(client);
      }
      while (!writes_.empty()) commit_one();
    }
    quiet_ = false;
    std::erase_if(clients_, [](const Client& c) { return !c.is_alive(); });
    check_view();
    if (clients_.empty() || !wrong_.empty()) return;
    ++settled_;
    const auto classics = std::ranges::count_if(clients_, &Client::is_classic);
    mixed_ += classics > 0 && classics < std::ssize(clients_);
    expect(is_classic() == (classics == std::ssize(clients_)), "the members decide the protocol");
    expect(core_->list({"Stable"}, {}).size() == 1, "a group of live members settles");
    if (!is_classic()) {
      expect(state_.members().size() == clients_.size(), "its members are the live ones");
      for (const auto& client : clients_) {
        expect(client.owned() == state_.target(client.id()), "everybody has its target");
      }
    }
    check_all_is_read();
  }

  void check_all_is_read() {
    std::set<std::string> wanted;
    PartitionSets all;
    std::size_t readers = 0;
    for (const auto& client : clients_) {
      all = united(all, client.owned());
      for (const auto& [id, partitions] : client.owned()) readers += partitions.size();
      wanted.insert(client.topics().begin(), client.topics().end());
      topics_.for_each_public_topic([&](std::string_view name) {
        const auto& regex = client.regex();
        if (regex && (name[0] == 't' || regex->starts_with("[tu]"))) wanted.emplace(name);
      });
    }
    PartitionSets expected;
    for (const auto& name : wanted) {
      const auto shape = topics_.shape_of(name);
      for (std::int32_t i = 0; shape && i < shape->partitions; ++i) add(expected, shape->id, i);
    }
    expect(all == expected, "every partition that somebody wants is read");
    std::size_t partitions_read = 0;
    for (const auto& [id, partitions] : all) partitions_read += partitions.size();
    expect(readers == partitions_read, "and by one member");
  }

  GroupSettings settings_;
  SeededRng rng_;
  Mutant mutant_;
  Speech classic_ = Speech::eager;
  FakeTopics topics_;
  std::unique_ptr<GroupCoordinator> core_;
  milliseconds elapsed_{1};
  std::vector<Client> clients_;
  int started_ = 0;
  std::map<ReplyToken, std::string> requests_;  // who waits
  ReplyToken last_token_ = 0;
  bool quiet_ = false;
  std::deque<std::pair<Ticket, std::vector<GroupRecord>>> writes_;  // on their way
  std::vector<GroupRecord> log_;
  std::map<std::vector<std::byte>, std::vector<std::byte>> latest_;
  ConsumerGroupState state_;  // what `log_` says
  std::int32_t epoch_ = 0;
  int moves_ = 0;
  int settled_ = 0;
  int mixed_ = 0;
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
  CHECK(model.mixed() > 1);
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
