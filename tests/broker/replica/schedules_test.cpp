#include <cstdlib>
#include <set>

#include "protocol/record/record.hpp"
#include "tests/broker/replica/stand.hpp"

/// Random histories of three replicas: brokers die with and without their power, are cut off and
/// come back, and lead by turns, while records are sent. Whatever was acknowledged must be there in
/// the end, where it was acknowledged, on all of them.
namespace millrace::broker {
namespace {

constexpr int kSteps = 60;
constexpr int kSeeds = 40;

class Schedule {
 public:
  explicit Schedule(std::uint64_t seed)
      : stand_{3, {"num.partitions", "1"}, seed}, chance_{seed * 77 + 5} {
    stand_.create({1, 2, 3}, {{"min.insync.replicas", "2"}});
    stand_.take_control();
    stand_.set_disk_delay(20ms);
  }

  /// Gives how many records were acknowledged.
  std::size_t run() {
    for (int i = 0; i < kSteps; ++i) {
      step();
      stand_.settle(std::chrono::microseconds{chance_.below(30'000)});
      check_leaders();
    }
    heal();
    check_end();
    return acknowledged_;
  }

 private:
  std::int32_t any() { return 1 + static_cast<std::int32_t>(chance_.below(3)); }

  void step() {
    switch (chance_.below(13)) {
      case 0:
        return die(any(), chance_.below(2) == 0);
      case 12:
        // The power of the whole room, now and then.
        if (chance_.below(4) == 0)
          for (const std::int32_t id : {1, 2, 3}) die(id, true);
        return;
      case 1:
      case 2:
        return come_back(any());
      case 3:
        return cut_off(any());
      case 4:
        return heal_network();
      case 5:
        // The controller gives up on one that is only slow to answer.
        if (const auto id = any(); stand_.alive(id)) stand_.lose(id);
        return;
      case 6:
        return greet_all();
      default:
        for (std::uint64_t i = 1 + chance_.below(4); i > 0; --i) send();
    }
  }

  void die(std::int32_t id, bool power) {
    if (!stand_.alive(id)) return;
    if (power) {
      stand_.cut_power(id);
    } else {
      stand_.kill(id);
    }
    if (chance_.below(2) == 0) stand_.lose(id);
  }
  void come_back(std::int32_t id) {
    if (stand_.alive(id) || stand_.is_deaf(id)) return;
    stand_.lose(id);
    stand_.start(id);
  }
  void cut_off(std::int32_t id) {
    if (stand_.is_deaf(id)) return;
    stand_.isolate(id);
    if (chance_.below(3) > 0) stand_.lose(id);
  }
  void heal_network() {
    stand_.heal();
    greet_all();
  }
  void greet_all() {
    for (const std::int32_t id : {1, 2, 3})
      if (stand_.alive(id) && !stand_.is_deaf(id)) stand_.greet(id);
  }
  /// To whoever believes that it leads.
  void send() {
    for (const std::int32_t id : {1, 2, 3}) {
      const auto replica = stand_.replica(id);
      if (!replica || !replica->leads()) continue;
      const auto value = fmt::format("record {}", sent_.size());
      sent_.emplace_back(value, stand_.send(id, value));
    }
  }
  void heal() {
    stand_.heal();
    for (const std::int32_t id : {1, 2, 3}) come_back(id);
    greet_all();
    const bool healed = stand_.until(
        [&] {
          if (stand_.in_sync() != "123" || !stand_.partition().leader) return false;
          for (const std::int32_t id : {1, 2, 3}) {
            const auto replica = stand_.replica(id);
            if (!replica || replica->high_watermark() != replica->log().log_end()) return false;
            if (stand_.end_of(id) != stand_.end_of(1)) return false;
          }
          return true;
        },
        120s);
    INFO(state());
    REQUIRE(healed);
  }
  std::string state() {
    std::string text =
        fmt::format("in sync {}, leader {}\n", stand_.in_sync(),
                    stand_.partition().leader ? stand_.partition().leader->value : -1);
    for (const std::int32_t id : {1, 2, 3}) {
      const auto replica = stand_.replica(id);
      if (!replica) continue;
      text += fmt::format("{}: {} in epoch {}, from {} to {}, durable {}, committed {}, log {}\n",
                          id, replica->leads() ? "leads" : "follows", replica->leader_epoch().value,
                          replica->log().log_start().value, replica->log().log_end().value,
                          replica->durable_end().value, replica->high_watermark().value,
                          to_string(replica->log().state()));
    }
    return text;
  }

  /// In one epoch one broker leads, and what it shows does not go back.
  void check_leaders() {
    for (const std::int32_t id : {1, 2, 3}) {
      const auto replica = stand_.replica(id);
      if (!replica || !replica->leads()) continue;
      const auto epoch = replica->leader_epoch().value;
      const auto [known, is_new] = leaders_.try_emplace(epoch, id);
      REQUIRE(known->second == id);
      auto& high_watermark = high_watermarks_[epoch];
      REQUIRE(replica->high_watermark() >= high_watermark);
      high_watermark = replica->high_watermark();
    }
  }

  /// Which leader wrote what.
  std::string outline(std::int32_t id) {
    std::string text;
    const auto bytes = stand_.log(id);
    for (const auto& batch : protocol::BatchRun{bytes}) {
      protocol::RecordReader reader{batch.records_section(), batch.record_count()};
      const auto record = reader.next();
      text += fmt::format(" {}@{}:{}", batch.base_offset().value, batch.leader_epoch()->value,
                          as_text(*record->value).substr(7));
    }
    return text;
  }

  void check_end() {
    INFO(state() << "1:" << outline(1) << "\n2:" << outline(2) << "\n3:" << outline(3));
    const bool equal = stand_.log(2) == stand_.log(1) && stand_.log(3) == stand_.log(1);
    REQUIRE(equal);
    std::map<std::int64_t, std::string> found;
    const auto bytes = stand_.log(1);
    for (const auto& batch : protocol::BatchRun{bytes}) {
      protocol::RecordReader reader{batch.records_section(), batch.record_count()};
      const auto record = reader.next();
      REQUIRE(record.has_value());
      found[batch.base_offset().value] = std::string{as_text(*record->value)};
    }
    std::size_t acknowledged = 0;
    for (const auto& [value, sent] : sent_) {
      if (sent->told != ErrorCode::none) continue;
      ++acknowledged;
      const auto at = sent->end.value - 1;
      INFO(value << " was acknowledged at offset " << at);
      REQUIRE(found.contains(at));
      REQUIRE(found[at] == value);
    }
    acknowledged_ += acknowledged;
    std::set<std::string> values;
    for (const auto& [at, value] : found) REQUIRE(values.insert(value).second);
  }

  ReplicaStand stand_;
  SeededRng chance_;
  std::vector<std::pair<std::string, ReplicaStand::SentPtr>> sent_;
  std::map<std::int32_t, std::int32_t> leaders_;  // by epoch
  std::map<std::int32_t, Offset> high_watermarks_;
  std::size_t acknowledged_ = 0;
};

TEST_CASE("replicas: nothing acknowledged is lost, whatever happens to three of them",
          "[broker][replica][schedules]") {
  const char* const first = std::getenv("MILLRACE_SEED");
  const char* const count = std::getenv("MILLRACE_SEEDS");
  const std::uint64_t begin = first != nullptr ? std::strtoull(first, nullptr, 10) : 1;
  const std::uint64_t seeds = count != nullptr ? std::strtoull(count, nullptr, 10) : kSeeds;
  std::size_t acknowledged = 0;
  for (std::uint64_t seed = begin; seed < begin + seeds; ++seed) {
    INFO("seed " << seed);
    Schedule schedule{seed};
    acknowledged += schedule.run();
  }
  CHECK(acknowledged > seeds);  // it was not all in vain
}

}  // namespace
}  // namespace millrace::broker
