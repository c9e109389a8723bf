#include <algorithm>
#include <catch2/catch.hpp>

#include "broker/group/coordinator.hpp"
#include "tests/broker/group/topics.hpp"

/// Random requests, legal and not, with writes that succeed, fail and are reported in any order,
/// against what must hold whatever happens.
namespace millrace::broker {
namespace {

using protocol::ErrorCode;

/// Breaks what the checker sees, to prove that it looks.
enum class Mutant {
  none,
  lost_reply,
  second_reply,
  lost_commit,
  odd_protocol,
  second_leader,
  old_generation
};

using Key = std::vector<std::byte>;

std::optional<Bytes> view_of(const std::optional<std::vector<std::byte>>& value) {
  return value ? std::optional<Bytes>{*value} : std::nullopt;
}

class ModelRun {
 public:
  ModelRun(std::uint64_t seed, Mutant mutant) : rng_{seed}, mutant_{mutant} {
    settings_.initial_rebalance_delay = std::chrono::milliseconds{1'000};
    settings_.members_max = 5;
    settings_.offsets_retention = std::chrono::milliseconds{60'000};
    settings_.offsets_check_interval = std::chrono::milliseconds{20'000};
    topics_.create("t", 3);
    topics_.create("u", 2);
    core_ = std::make_unique<GroupCoordinator>(settings_);
    take(core_->finish_loading(now()));
  }

  /// Empty, or what did not hold.
  std::string run(int steps) {
    for (int i = 0; i < steps && wrong_.empty(); ++i) {
      elapsed_ += std::chrono::milliseconds{rng_.below(60)};
      if (core_->next_deadline() <= now().now) {
        take(core_->tick(now(), topics_));
        expect(core_->next_deadline() > now().now, "a tick leaves nothing due");
      }
      step();
      forget_absent_groups();
      if (i % 64 == 0) check_offsets(*core_);
      if (i % 5'000 == 4'999) check_restart();
    }
    take(core_->resign(ErrorCode::not_coordinator));
    expect(parked_.empty(), "every request is answered");
    return wrong_;
  }
  [[nodiscard]] int assignments() const { return assignments_; }
  [[nodiscard]] int commits() const { return commits_; }

 private:
  struct Generation {
    std::string protocol;
    std::string leader;
  };
  struct GroupView {
    std::int32_t generation = 0;
    std::map<std::int32_t, Generation> generations;
    std::vector<std::string> members;  // ids that were given out, the last ones
  };
  struct Todo {
    std::string group, member;
    std::int32_t generation;
    std::vector<std::string> members;
  };

  [[nodiscard]] Moment now() const { return {Instant{} + elapsed_, Timestamp{} + elapsed_}; }
  void expect(bool holds, const std::string& what) {
    if (!holds && wrong_.empty()) wrong_ = what;
  }
  ReplyToken token(const std::string& group) {
    parked_[++last_token_] = group;
    return last_token_;
  }

  std::string any_group() { return "g" + std::to_string(rng_.below(3)); }
  std::string any_member(const std::string& group) {
    const auto& known = views_[group].members;
    if (known.empty() || rng_.chance(1, 10)) return "nobody";
    return known[rng_.below(known.size())];
  }
  std::int32_t any_generation(const std::string& group) {
    const auto current = views_[group].generation;
    return rng_.chance(1, 8) ? current - 1 + static_cast<std::int32_t>(rng_.below(3)) : current;
  }
  std::optional<std::string> any_instance() {
    if (!rng_.chance(1, 4)) return std::nullopt;
    return "i" + std::to_string(rng_.below(3));
  }

  void step() {
    const std::string group = any_group();
    const GroupClient client{"c", "/h", static_cast<std::int16_t>(rng_.chance(1, 2) ? 3 : 9)};
    const auto dice = rng_.below(100);
    if (!todo_.empty() && dice < 25) return do_todo();
    if (dice < 40) return join(group, client);
    if (dice < 45) return sync({group, any_member(group), any_generation(group), {}});
    if (dice < 60) {
      take(core_->heartbeat({group, any_generation(group), any_member(group), any_instance()},
                            token(group), now(), topics_));
    } else if (dice < 63) {
      protocol::LeaveGroupRequest request{group, any_member(group), {{any_member(group), {}, {}}}};
      if (rng_.chance(1, 2)) request.members.push_back({"", any_instance(), {}});
      const GroupClient leaver{"c", "/h", static_cast<std::int16_t>(rng_.chance(1, 3) ? 2 : 4)};
      take(core_->leave(request, leaver, token(group), now(), topics_));
    } else if (dice < 80) {
      commit(group, client);
    } else if (dice < 81) {
      take(core_->delete_group(group, token(group), now()));
    } else if (dice == 81 && rng_.chance(1, 10)) {
      take(core_->topic_deleted("u", now()));
    } else {
      report();
    }
  }

  void join(const std::string& group, const GroupClient& client) {
    protocol::JoinGroupRequest request;
    request.group_id = group;
    request.session_timeout_ms = 6'000 + static_cast<std::int32_t>(rng_.below(4'000));
    request.rebalance_timeout_ms = static_cast<std::int32_t>(rng_.below(4'000));
    if (rng_.chance(2, 3)) request.member_id = any_member(group);
    request.group_instance_id = any_instance();
    request.protocol_type = rng_.chance(1, 30) ? "other" : "consumer";
    for (const char* name : {"a", "b", "c"}) {
      const char content = static_cast<char>('0' + rng_.below(2));
      if (rng_.chance(7, 8)) {
        request.protocols.push_back({name, SharedBytes::copy_of(as_bytes({&content, 1}))});
      }
    }
    if (rng_.chance(1, 2)) std::ranges::reverse(request.protocols);
    take(core_->join(request, client, token(group), now(), topics_, rng_));
  }

  void sync(const Todo& todo) {
    protocol::SyncGroupRequest request;
    request.group_id = todo.group;
    request.generation_id = todo.generation;
    request.member_id = todo.member;
    for (const auto& member : todo.members) {
      request.assignments.push_back({member, SharedBytes::copy_of(as_bytes("of " + member))});
    }
    take(core_->sync(request, token(todo.group), now(), topics_));
  }
  void do_todo() {
    const auto at = rng_.below(todo_.size());
    const Todo todo = todo_[at];
    todo_.erase(todo_.begin() + static_cast<std::ptrdiff_t>(at));
    sync(todo);
  }

  void commit(const std::string& group, const GroupClient& client) {
    protocol::OffsetCommitRequest request;
    request.group_id = group;
    request.generation_id_or_member_epoch = rng_.chance(1, 3) ? -1 : any_generation(group);
    if (rng_.chance(2, 3)) request.member_id = any_member(group);
    if (rng_.chance(1, 5)) request.retention_time_ms = 10'000;
    for (auto count = rng_.below(3); count > 0; --count) {
      auto& topic = request.topics.emplace_back();
      topic.name = rng_.chance(1, 2) ? "t" : "u";
      auto& partition = topic.partitions.emplace_back();
      partition.partition_index = static_cast<std::int32_t>(rng_.below(4));
      partition.committed_offset = static_cast<std::int64_t>(rng_.below(1'000));
    }
    take(core_->offset_commit(request, client, token(group), now(), topics_));
  }

  /// One write among those on their way comes to its end.
  void report() {
    std::vector<Ticket> open;
    for (const auto& [ticket, write] : writes_) {
      if (!write.second) open.push_back(ticket);
    }
    if (open.empty()) return;
    const Ticket ticket = open[rng_.below(open.size())];
    const bool good = rng_.chance(7, 8);
    writes_[ticket].second = good;
    for (auto at = writes_.begin(); at != writes_.end() && at->second.second;) {
      if (*at->second.second) replay_in_model(at->second.first);
      at = writes_.erase(at);
    }
    const bool lie = good && mutant_ == Mutant::lost_commit && rng_.chance(1, 50);
    take(good && !lie ? core_->committed(ticket, now())
                      : core_->failed(ticket, ErrorCode::not_enough_replicas, now()));
  }
  void replay_in_model(const std::vector<GroupRecord>& records) {
    for (const auto& record : records) {
      log_.push_back(record);
      if (record.value) {
        durable_[record.key] = *record.value;
      } else {
        durable_.erase(record.key);
      }
    }
  }

  void take(GroupOutput out) {
    expect(out.ticket.has_value() == !out.records.empty(), "a ticket means records");
    if (out.ticket) {
      expect(*out.ticket == last_ticket_ + 1, "tickets ascend one by one");
      last_ticket_ = *out.ticket;
      writes_[*out.ticket] = {std::move(out.records), std::nullopt};
    }
    const bool mutate = rng_.chance(1, 500);
    if (mutate && mutant_ == Mutant::lost_reply && !out.replies.empty()) out.replies.pop_back();
    if (mutate && mutant_ == Mutant::second_reply && !out.replies.empty()) {
      out.replies.push_back(out.replies.back());
    }
    for (auto& reply : out.replies) {
      const auto parked = parked_.find(reply.token);
      if (parked == parked_.end()) return expect(false, "no request is answered twice");
      const std::string group = parked->second;
      parked_.erase(parked);
      if (auto* join = std::get_if<protocol::JoinGroupResponse>(&reply.response)) {
        joined(group, *join);
      } else if (auto* sync = std::get_if<protocol::SyncGroupResponse>(&reply.response)) {
        if (sync->error_code == ErrorCode::none && !sync->assignment.empty()) ++assignments_;
      } else if (std::holds_alternative<protocol::OffsetCommitResponse>(reply.response)) {
        ++commits_;
      }
    }
  }

  void joined(const std::string& group, protocol::JoinGroupResponse join) {
    auto& view = views_[group];
    if (!join.member_id.empty() && join.member_id != "nobody") {
      std::erase(view.members, join.member_id);
      view.members.push_back(join.member_id);
      if (view.members.size() > 6) view.members.erase(view.members.begin());
    }
    if (join.error_code != ErrorCode::none) return;
    if (rng_.chance(1, 500)) {
      if (mutant_ == Mutant::odd_protocol) join.protocol_name = "z";
      if (mutant_ == Mutant::old_generation) --join.generation_id;
      if (mutant_ == Mutant::second_leader) {
        join.leader = join.member_id + "'";
        join.members.push_back({});
      }
    }
    expect(join.generation_id >= view.generation, "the generation never goes back");
    view.generation = join.generation_id;
    auto& generation = view.generations[join.generation_id];
    if (generation.protocol.empty()) generation.protocol = *join.protocol_name;
    expect(generation.protocol == *join.protocol_name, "a generation has one protocol");
    std::vector<std::string> members;
    for (const auto& member : join.members) members.push_back(member.member_id);
    if (!members.empty() && !join.skip_assignment) {
      if (generation.leader.empty()) generation.leader = join.member_id;
      expect(generation.leader == join.leader && join.member_id == join.leader,
             "a generation has one leader");
    }
    todo_.push_back({group, join.member_id, join.generation_id, std::move(members)});
    if (todo_.size() > 20) todo_.erase(todo_.begin());
  }

  /// A group that is gone may be founded anew, from generation 1 on.
  void forget_absent_groups() {
    const auto listed = core_->list({}, {});
    for (auto& [id, view] : views_) {
      const auto same = [&](const auto& group) { return group.group_id == id; };
      if (std::ranges::none_of(listed, same)) view.generation = 0, view.generations.clear();
      // Deleted while somebody was on the way back in: it may start anew as well.
      const auto found = std::ranges::find_if(listed, same);
      if (found != listed.end() && found->group_state == "Empty" && found->protocol_type.empty()) {
        view.generation = 0, view.generations.clear();
      }
    }
  }

  void check_offsets(const GroupCoordinator& core) {
    std::map<std::string, std::map<TopicPartition, std::int64_t>> expected;
    for (const auto& [key, value] : durable_) {
      const auto record = decode_record(key, Bytes{value}).value();
      if (const auto* offset = std::get_if<OffsetRecord>(&record)) {
        expected[offset->group][offset->partition] = offset->offset->offset;
      }
    }
    for (const std::string group : {"g0", "g1", "g2"}) {
      protocol::OffsetFetchRequest::OffsetFetchRequestGroup request;
      request.group_id = group;
      request.topics.reset();
      std::map<TopicPartition, std::int64_t> visible;
      for (const auto& topic : core.offset_fetch(request, 9, topics_).topics) {
        for (const auto& each : topic.partitions) {
          visible[{topic.name, PartitionIndex{each.partition_index}}] = each.committed_offset;
        }
      }
      expect(visible == expected[group], "visible offsets are the replayed ones");
    }
  }

  /// The whole log and what compaction leaves of it give the same coordinator, and the offsets of
  /// the one that wrote it.
  void check_restart() {
    GroupCoordinator from_log{settings_};
    for (const auto& record : log_) {
      expect(from_log.replay(record.key, view_of(record.value), now().wall).has_value(),
             "a record is readable");
    }
    GroupCoordinator from_compacted{settings_};
    for (const auto& [key, value] : durable_) {
      expect(from_compacted.replay(key, Bytes{value}, now().wall).has_value(),
             "a record is readable");
    }
    from_log.finish_loading(now());
    from_compacted.finish_loading(now());
    check_offsets(from_log);
    expect(from_log.list({}, {}) == from_compacted.list({}, {}), "both list the same groups");
    for (const auto& group : from_log.list({}, {})) {
      expect(from_log.describe(group.group_id, 6) == from_compacted.describe(group.group_id, 6),
             "both describe a group alike");
    }
  }

  GroupSettings settings_;
  SeededRng rng_;
  Mutant mutant_;
  FakeTopics topics_;
  std::unique_ptr<GroupCoordinator> core_;
  std::chrono::milliseconds elapsed_{1};
  std::map<ReplyToken, std::string> parked_;
  ReplyToken last_token_ = 0;
  std::map<std::string, GroupView> views_;
  std::vector<Todo> todo_;
  std::map<Ticket, std::pair<std::vector<GroupRecord>, std::optional<bool>>> writes_;
  Ticket last_ticket_ = 0;
  std::vector<GroupRecord> log_;
  std::map<Key, std::vector<std::byte>> durable_;
  int assignments_ = 0;
  int commits_ = 0;
  std::string wrong_;
};

TEST_CASE("group model: what must hold holds over random requests", "[broker][group][model]") {
  const auto seed = GENERATE(1, 2, 3);
  CAPTURE(seed);
  ModelRun run{static_cast<std::uint64_t>(seed), Mutant::none};
  CHECK(run.run(100'000) == "");
  CHECK(run.assignments() > 500);  // else nothing was tried
  CHECK(run.commits() > 5'000);
}

TEST_CASE("group model: the checker notices what is broken", "[broker][group][model]") {
  const auto mutant = GENERATE(Mutant::lost_reply, Mutant::second_reply, Mutant::lost_commit,
                               Mutant::odd_protocol, Mutant::second_leader, Mutant::old_generation);
  CAPTURE(static_cast<int>(mutant));
  ModelRun run{1, mutant};
  CHECK(run.run(100'000) != "");
}

}  // namespace
}  // namespace millrace::broker
