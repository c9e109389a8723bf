#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/broker/group/consumer_script.hpp"
#include "tests/broker/group/script.hpp"
#include "tests/support/scenario_files.hpp"

/// Runs `scenarios/*.txt`. A scenario is a list of steps; under each stands, indented by "  > ",
/// all that came out of it: replies by the label of their request, and writes with their ticket.
/// Each blank-line-separated block that starts with "scenario" begins with a new coordinator. With
/// MILLRACE_REWRITE_SCENARIOS set the files are rewritten with what came out; read the diff.
namespace millrace::broker {
namespace {

using protocol::ErrorCode;

class ScriptRun {
 public:
  std::vector<std::string> step(const std::string& line) {
    lines_.clear();
    const auto s = ScriptStep::parse(line);
    if (!request(s) && !event(s) && !view(s)) throw std::runtime_error("unknown step: " + line);
    return std::move(lines_);
  }

 private:
  GroupCoordinator& core() {
    if (!core_) load();
    return *core_;
  }
  /// A coordinator made from what is committed, as after a restart.
  void load() {
    core_ = std::make_unique<GroupCoordinator>(settings_);
    core_->set_times(settings_.consumer.times, own_times_);
    for (const auto& [record, written] : log_) {
      REQUIRE(core_->replay(record.key, view_of(record), written).has_value());
    }
    show(core_->finish_loading(now()), "");
  }
  static std::optional<Bytes> view_of(const GroupRecord& record) {
    return record.value ? std::optional<Bytes>{*record.value} : std::nullopt;
  }
  [[nodiscard]] Moment now() const {
    return {Instant{} + elapsed_, Timestamp{1'000'000} + elapsed_};
  }
  ReplyToken token(const ScriptStep& s) {
    REQUIRE(!s.label.empty());
    labels_.push_back(s.label);
    return labels_.size() - 1;
  }
  static std::string code(ErrorCode error) {
    return error == ErrorCode::none ? "ok" : std::string{protocol::to_string(error)};
  }

  bool request(const ScriptStep& s) {
    const GroupClient client{s.text("client"), "/10.0.0.1", s.number<std::int16_t>("v", 9)};
    const auto member = names_.id_of(s.text("member"));
    if (s.operation == "join") {
      protocol::JoinGroupRequest r;
      r.group_id = s.word(0);
      r.session_timeout_ms = s.number("session", 10'000);
      r.rebalance_timeout_ms = s.number("rebalance", 60'000);
      r.member_id = member;
      r.group_instance_id = s.maybe("instance");
      r.protocol_type = s.text("type", "consumer");
      r.reason = s.maybe("reason");
      for (const auto& p : split(s.text("protocols", "range:x"), ',')) {
        const auto parts = split(p, ':');
        r.protocols.push_back({parts[0], SharedBytes::copy_of(as_bytes(parts.at(1)))});
      }
      if (s.options.contains("topics")) {
        r.protocols = {{"range", subscription_of(s)}};
      }
      show(core().join(r, client, token(s), now(), topics_, rng_));
    } else if (s.operation == "sync") {
      protocol::SyncGroupRequest r;
      r.group_id = s.word(0);
      r.generation_id = s.number("gen", 1);
      r.member_id = member;
      r.group_instance_id = s.maybe("instance");
      r.protocol_type = s.maybe("type");
      r.protocol_name = s.maybe("protocol");
      for (const auto& a : split(s.text("assign"), ',')) {
        const auto parts = split(a, ':');
        r.assignments.push_back(
            {names_.id_of(parts[0]), SharedBytes::copy_of(as_bytes(parts.at(1)))});
      }
      for (const auto& each : split(s.text("give"), ';')) {  // member/t:0+1
        const auto parts = split(each, '/');
        const auto sets = sets_in(parts.at(1), topics_);
        r.assignments.push_back({names_.id_of(parts[0]), encode_assignment(sets, 1, topics_)});
      }
      show(core().sync(r, token(s), now(), topics_));
    } else if (s.operation == "heartbeat") {
      protocol::HeartbeatRequest r{s.word(0), s.number("gen", 1), member, s.maybe("instance")};
      show(core().heartbeat(r, token(s), now(), topics_));
    } else if (s.operation == "leave") {
      protocol::LeaveGroupRequest r{s.word(0), member, {}};
      for (const auto& m : split(s.text("members"), ',')) {
        const auto at = m.find('@');  // member@instance
        protocol::LeaveGroupRequest::MemberIdentity identity;
        identity.member_id = names_.id_of(m.substr(0, at));
        identity.reason = s.maybe("reason");
        if (at != std::string::npos) identity.group_instance_id = m.substr(at + 1);
        r.members.push_back(identity);
      }
      show(core().leave(r, client, token(s), now(), topics_));
    } else if (s.operation == "commit") {
      commit(s, client, member);
    } else if (s.operation == "hb") {
      const auto r = heartbeat_of(s, topics_);
      const GroupClient sender{s.text("client"), "/10.0.0.1", s.number<std::int16_t>("v", 1)};
      show(core().consumer_heartbeat(r, sender, token(s), now(), topics_, rng_));
    } else if (s.operation == "delete_offsets") {
      protocol::OffsetDeleteRequest r;
      r.group_id = s.word(0);
      for (const auto& each : split(s.text("partitions"), ',')) {  // topic:partition
        const auto parts = split(each, ':');
        r.topics.push_back({parts[0], {{std::stoi(parts.at(1))}}});
      }
      show(core().offset_delete(r, token(s), now(), topics_));
    } else if (s.operation == "delete") {
      show(core().delete_group(s.word(0), token(s), now()));
    } else {
      return false;
    }
    return true;
  }

  void commit(const ScriptStep& s, const GroupClient& client, const std::string& member) {
    protocol::OffsetCommitRequest r;
    r.group_id = s.word(0);
    r.generation_id_or_member_epoch = s.number("gen", -1);
    r.member_id = member;
    r.group_instance_id = s.maybe("instance");
    r.retention_time_ms = s.number<std::int64_t>("retention", -1);
    for (const auto& o : split(s.text("offsets"), ',')) {  // topic:partition:offset[:metadata]
      const auto parts = split(o, ':');
      auto& topic = r.topics.emplace_back();
      topic.name = parts[0];
      if (client.api_version >= 10) topic.topic_id = topics_.id_of(parts[0]).value_or(TopicId{});
      auto& partition = topic.partitions.emplace_back();
      partition.partition_index = std::stoi(parts.at(1));
      partition.committed_offset = std::stoll(parts.at(2));
      partition.committed_metadata = parts.size() > 3 ? parts[3] : "";
    }
    show(core().offset_commit(r, client, token(s), now(), topics_));
  }

  bool event(const ScriptStep& s) {
    if (s.operation == "set") {
      set(s);
    } else if (s.operation == "times") {
      set_times(s);
    } else if (s.operation == "topic") {
      topics_.create(s.word(0), s.number("partitions", 1));
    } else if (s.operation == "grow") {
      topics_.grow(s.word(0), s.number("partitions", 1));
    } else if (s.operation == "autocommit") {
      autocommit_ = true;
    } else if (s.operation == "committed") {
      const Ticket ticket = std::stoull(s.word(0));
      if (!writes_.contains(ticket)) throw std::runtime_error("no write " + s.word(0));
      keep(writes_.at(ticket));
      show(core().committed(ticket, now()));
    } else if (s.operation == "failed") {
      const auto error = static_cast<ErrorCode>(std::stoi(s.word(1)));
      show(core().failed(std::stoull(s.word(0)), error, now()));
    } else if (s.operation == "wait") {
      wait(std::chrono::milliseconds{std::stoll(s.word(0))});
    } else if (s.operation == "topic_deleted") {
      topics_.remove(s.word(0));
      show(core().topic_deleted(s.word(0), now()));
    } else if (s.operation == "restart") {
      core_.reset();
      load();
    } else if (s.operation == "resign") {
      show(core().resign(ErrorCode::not_coordinator));
    } else {
      return false;
    }
    return true;
  }

  void set(const ScriptStep& s) {
    using std::chrono::milliseconds;
    if (s.options.contains("max_size")) settings_.members_max = s.number("max_size", 0UL);
    if (s.options.contains("policy")) {
      settings_.consumer.upgrade = s.text("policy") == "upgrade";
      settings_.consumer.downgrade = s.text("policy") == "downgrade";
    }
    if (s.options.contains("members")) settings_.consumer.members_max = s.number("members", 0UL);
    if (s.options.contains("interval")) {
      settings_.consumer.times.assignment_interval = milliseconds{s.number("interval", 0)};
    }
    if (s.options.contains("delay")) {
      settings_.initial_rebalance_delay = milliseconds{s.number("delay", 0)};
    }
    if (s.options.contains("metadata_max")) {
      settings_.offset_metadata_bytes_max = s.number("metadata_max", 0UL);
    }
    if (s.options.contains("retention")) {
      settings_.offsets_retention = milliseconds{s.number("retention", 0)};
    }
    if (s.options.contains("check")) {
      settings_.offsets_check_interval = milliseconds{s.number("check", 0)};
    }
  }

  /// `times GROUP session= heartbeat= interval=`, in ms: what the group has of its own. `times
  /// GROUP` takes that back.
  void set_times(const ScriptStep& s) {
    using std::chrono::milliseconds;
    own_times_.erase(s.word(0));
    if (!s.options.empty()) {
      const ConsumerGroupTimes usual = settings_.consumer.times;
      own_times_[s.word(0)] = {
          .heartbeat_interval =
              milliseconds{s.number("heartbeat", usual.heartbeat_interval.count())},
          .session_timeout = milliseconds{s.number("session", usual.session_timeout.count())},
          .assignment_interval =
              milliseconds{s.number("interval", usual.assignment_interval.count())}};
    }
    core().set_times(settings_.consumer.times, own_times_);
  }

  void wait(std::chrono::milliseconds duration) {
    const auto start = elapsed_;
    const auto end = elapsed_ + duration;
    while (core().next_deadline() <= Instant{} + end) {
      const auto due =
          std::chrono::duration_cast<std::chrono::milliseconds>(core().next_deadline() - Instant{});
      elapsed_ = std::max(elapsed_, due);
      const auto passed = std::to_string((elapsed_ - start).count());
      show(core().tick(now(), topics_), "after " + passed + " ms: ");
    }
    elapsed_ = end;
  }

  bool view(const ScriptStep& s) {
    const auto version = s.number<std::int16_t>("v", 9);
    if (s.operation == "fetch") {
      protocol::OffsetFetchRequest::OffsetFetchRequestGroup r;
      r.group_id = s.word(0);
      r.member_epoch = s.number("epoch", -1);
      r.member_id = s.maybe("member");
      r.topics.reset();
      for (const auto& each : split(s.text("partitions"), ',')) {  // topic:partition
        const auto parts = split(each, ':');
        if (!r.topics) r.topics.emplace();
        r.topics->push_back({.name = parts[0], .partition_indexes = {std::stoi(parts.at(1))}});
      }
      const auto answer = core().offset_fetch(r, version, topics_);
      if (answer.error_code != ErrorCode::none) lines_.push_back(code(answer.error_code));
      for (const auto& topic : answer.topics) {
        for (const auto& p : topic.partitions) {
          std::ostringstream line;
          line << topic.name << '-' << p.partition_index << " = " << p.committed_offset;
          if (!p.metadata->empty()) line << " '" << *p.metadata << '\'';
          if (p.error_code != ErrorCode::none) line << ' ' << code(p.error_code);
          lines_.push_back(line.str());
        }
      }
    } else if (s.operation == "describe") {
      const auto d = core().describe(s.word(0), version);
      std::ostringstream line;
      line << d.group_state << ' ' << code(d.error_code) << " type=" << d.protocol_type
           << " protocol=" << d.protocol_data;
      for (const auto& m : d.members) {
        line << ' ' << names_.name_of(m.member_id) << '(' << opaque(m.member_metadata) << ','
             << assigned(m.member_assignment, topics_) << ')';
      }
      lines_.push_back(line.str());
    } else if (s.operation == "describe_consumer") {
      lines_.push_back(shown(core().describe_consumer(s.word(0), topics_), names_));
    } else if (s.operation == "history") {
      protocol::DescribeGroupsResponse::DescribedGroup group;
      core().describe_rebalances(s.word(0), group);
      for (const auto& each : group.rebalances) show(each);
    } else if (s.operation == "list") {
      for (const auto& g : core().list(split(s.text("states"), ','), split(s.text("types"), ','))) {
        lines_.push_back(g.group_id + " " + g.group_state + " " + g.group_type +
                         " type=" + g.protocol_type);
      }
    } else {
      return false;
    }
    return true;
  }

  void keep(const std::vector<GroupRecord>& records) {
    for (const auto& record : records) log_.emplace_back(record, now().wall);
  }

  /// The rebalance, then indented its causes, the members' shares and the moved partitions.
  void show(const protocol::GroupRebalance& r) {
    const auto who = [&](const std::string& id) { return names_.name_of(id); };
    std::ostringstream line;
    line << r.protocol << " at " << r.began_ms - 1'000'000;
    if (r.took_ms < 0) {
      line << " running";
    } else {
      line << " took " << r.took_ms << ' ' << (r.state.empty() ? "taken back" : r.state)
           << " epoch " << r.epoch_before << " to " << r.epoch_after << " members "
           << r.members_before << " to " << r.members_after;
    }
    lines_.push_back(line.str());
    for (const auto& each : r.triggers) {
      line.str("");
      line << "  " << each.cause << " at " << each.at_ms - 1'000'000;
      if (!each.member_id.empty()) line << ' ' << who(each.member_id) << each.host;
      if (!each.client_id.empty()) line << " client " << each.client_id;
      if (each.instance_id) line << " instance " << *each.instance_id;
      if (!each.reason.empty()) line << " '" << each.reason << '\'';
      lines_.push_back(line.str());
    }
    if (r.triggers_left_out > 0)
      lines_.push_back("  and " + std::to_string(r.triggers_left_out) + " more");
    line.str("");
    for (const auto& each : r.shares)
      line << "  " << who(each.member) << ' ' << each.before << " to " << each.after;
    if (!r.shares.empty()) lines_.push_back(line.str());
    line.str("");
    for (const auto& each : r.moved) {
      line << "  " << each.topic << '-' << each.partition << ' ' << who(each.from_member) << " to "
           << who(each.to_member);
    }
    if (!r.moved.empty()) lines_.push_back(line.str());
  }

  void show(GroupOutput out, const std::string& prefix = "") {
    REQUIRE(out.ticket.has_value() == !out.records.empty());
    for (const auto& reply : out.replies) {
      std::ostringstream line;
      line << prefix << labels_.at(reply.token) << ' ';
      std::visit([&](const auto& response) { print(line, response); }, reply.response);
      lines_.push_back(line.str());
    }
    if (!out.ticket) return;
    for (const auto& record : out.records) {
      std::ostringstream line;
      line << prefix << "write " << *out.ticket << ": ";
      print(line, decode_record(record.key, view_of(record)).value());
      lines_.push_back(line.str());
    }
    if (autocommit_) {
      keep(out.records);
      return show(core().committed(*out.ticket, now()), prefix);
    }
    writes_[*out.ticket] = std::move(out.records);
  }

  void print(std::ostream& out, const DecodedRecord& record) {
    if (const auto* offset = std::get_if<OffsetRecord>(&record)) {
      out << "offset " << offset->group << ' ' << offset->partition;
      if (!offset->offset) {
        out << " deleted";
        return;
      }
      out << " = " << offset->offset->offset;
      if (offset->offset->expires_at) out << " expires " << *offset->offset->expires_at;
      return;
    }
    if (const auto* consumer = std::get_if<ConsumerGroupRecord>(&record)) {
      out << consumer->group << ' ' << std::visit(ShownChange{topics_, names_}, consumer->change);
      return;
    }
    const auto& group = std::get<ClassicGroupRecord>(record);
    out << "group " << group.group;
    if (!group.metadata) {
      out << " deleted";
      return;
    }
    out << " gen=" << group.metadata->generation
        << " protocol=" << group.metadata->protocol.value_or("-")
        << " leader=" << names_.name_of(group.metadata->leader.value_or(""));
    for (const auto& m : group.metadata->members) {
      out << ' ' << names_.name_of(m.member_id) << ':' << assigned(m.assignment, topics_);
    }
  }
  void print(std::ostream& out, const protocol::JoinGroupResponse& r) {
    out << "join " << code(r.error_code) << " member=" << names_.name_of(r.member_id);
    if (r.error_code != ErrorCode::none) return;
    out << " gen=" << r.generation_id << " protocol=" << r.protocol_name.value_or("-")
        << " leader=" << names_.name_of(r.leader);
    if (r.skip_assignment) out << " skip";
    if (!r.members.empty()) out << " members";
    for (const auto& m : r.members) {
      out << ' ' << names_.name_of(m.member_id) << ':' << opaque(m.metadata);
    }
  }
  void print(std::ostream& out, const protocol::SyncGroupResponse& r) {
    out << "sync " << code(r.error_code);
    if (r.error_code == ErrorCode::none) out << " '" << assigned(r.assignment, topics_) << '\'';
  }
  void print(std::ostream& out, const protocol::ConsumerGroupHeartbeatResponse& r) {
    out << shown(r, topics_);
  }
  static void print(std::ostream& out, const protocol::HeartbeatResponse& r) {
    out << "heartbeat " << code(r.error_code);
  }
  void print(std::ostream& out, const protocol::LeaveGroupResponse& r) {
    out << "leave " << code(r.error_code);
    for (const auto& m : r.members) {
      out << ' ' << names_.name_of(m.member_id);
      if (m.group_instance_id) out << '@' << *m.group_instance_id;
      out << ':' << code(m.error_code);
    }
  }
  static void print(std::ostream& out, const protocol::OffsetCommitResponse& r) {
    out << "commit";
    for (const auto& topic : r.topics) {
      for (const auto& p : topic.partitions) {
        out << ' ' << topic.name << '-' << p.partition_index << ':' << code(p.error_code);
      }
    }
  }
  static void print(std::ostream& out, const protocol::OffsetDeleteResponse& r) {
    out << "delete_offsets " << code(r.error_code);
    for (const auto& topic : r.topics) {
      for (const auto& p : topic.partitions) {
        out << ' ' << topic.name << '-' << p.partition_index << ':' << code(p.error_code);
      }
    }
  }
  static void print(std::ostream& out,
                    const protocol::DeleteGroupsResponse::DeletableGroupResult& r) {
    out << "delete " << code(r.error_code);
  }

  GroupSettings settings_;
  GroupCoordinator::OwnTimes own_times_;
  std::unique_ptr<GroupCoordinator> core_;
  FakeTopics topics_;
  SeededRng rng_{1};
  MemberNames names_;
  std::chrono::milliseconds elapsed_{0};
  std::vector<std::string> labels_;  // by token
  std::map<Ticket, std::vector<GroupRecord>> writes_;
  bool autocommit_ = false;                             // every write is committed at once
  std::vector<std::pair<GroupRecord, Timestamp>> log_;  // what is committed, and when
  std::vector<std::string> lines_;
};

TEST_CASE("group scenarios: what comes out is what is written under each step",
          "[broker][group][scenario]") {
  sim::check_scenarios<ScriptRun>(MILLRACE_SOURCE_DIR "/tests/broker/group/scenarios");
}

}  // namespace
}  // namespace millrace::broker
