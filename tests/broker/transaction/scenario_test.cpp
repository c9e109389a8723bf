#include <algorithm>
#include <catch2/catch.hpp>

#include "broker/transaction/coordinator.hpp"
#include "tests/broker/group/script.hpp"
#include "tests/support/scenario_files.hpp"

/// Runs `scenarios/*.txt`, in the form of the group coordinator's. A producer is written as
/// ID/EPOCH, the first producer id that is given out is 100. `written` commits all writes that are
/// out, `markers` brings all markers to their partitions. With MILLRACE_REWRITE_SCENARIOS set the
/// files are rewritten with what came out; read the diff.
namespace millrace::broker {
namespace {

using protocol::ErrorCode;

class TransactionScript {
 public:
  std::vector<std::string> step(const std::string& line) {
    lines_.clear();
    const auto s = ScriptStep::parse(line);
    if (!request(s) && !event(s) && !view(s)) throw std::runtime_error("unknown step: " + line);
    return std::move(lines_);
  }

 private:
  TransactionCoordinator& core() {
    if (!core_) load();
    return *core_;
  }
  void load() {
    core_ = std::make_unique<TransactionCoordinator>(settings_, epoch_++);
    writes_.clear();
    rounds_.clear();
    for (const auto& record : log_) REQUIRE(core_->replay(record.key, view_of(record)).has_value());
    show(core_->finish_loading(now()));
  }
  static std::optional<Bytes> view_of(const TransactionRecord& record) {
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
  static ProducerIdentity producer_of(const std::string& text) {
    const auto parts = split(text, '/');
    return {ProducerId{std::stoll(parts.at(0))},
            ProducerEpoch{static_cast<std::int16_t>(std::stoi(parts.at(1)))}};
  }
  static std::vector<TopicPartition> partitions_of(const std::string& text) {
    std::vector<TopicPartition> all;
    for (const auto& each : split(text, ',')) {
      const auto at = each.rfind('-');
      all.push_back({each.substr(0, at), PartitionIndex{std::stoi(each.substr(at + 1))}});
    }
    return all;
  }
  static TransactionVersion version_of(const ScriptStep& s) {
    return s.number("v", 2) == 2 ? TransactionVersion::v2 : TransactionVersion::v1;
  }
  /// Asks again with a producer id, if that is wanted.
  template <class Ask>
  void ask(const ScriptStep& s, Ask asked) {
    const auto label = token(s);
    auto out = asked(std::nullopt, label);
    const auto wants = [](const auto& reply) { return reply.needs_producer_id; };
    if (std::ranges::any_of(out.replies, wants)) {
      REQUIRE(!out.ticket);
      out = asked(ProducerId{next_producer_id_++}, label);
    }
    show(std::move(out));
  }

  bool request(const ScriptStep& s) {
    if (s.operation == "init") {
      InitProducer r{s.word(0), std::chrono::milliseconds{s.number("timeout", 60'000)}, {}};
      if (const auto current = s.maybe("as")) r.current = producer_of(*current);
      ask(s, [&](auto fresh, auto label) { return core().init(r, fresh, label, now()); });
    } else if (s.operation == "add") {
      show(core().add_partitions(
          {s.word(0), producer_of(s.word(1)), partitions_of(s.word(2)), version_of(s)}, token(s),
          now()));
    } else if (s.operation == "commit" || s.operation == "abort") {
      const EndTransaction r{s.word(0), producer_of(s.word(1)), s.operation == "commit",
                             version_of(s)};
      ask(s, [&](auto fresh, auto label) { return core().end(r, fresh, label, now()); });
    } else {
      return false;
    }
    return true;
  }

  bool event(const ScriptStep& s) {
    if (s.operation == "set") {
      settings_.id_expiration = std::chrono::milliseconds{s.number("expiration", 604'800'000)};
      settings_.timeout_max = std::chrono::milliseconds{s.number("timeout_max", 900'000)};
    } else if (s.operation == "written") {
      for (auto& [ticket, records] : std::exchange(writes_, {})) {
        log_.insert(log_.end(), records.begin(), records.end());
        show(core().committed(ticket, now()));
      }
    } else if (s.operation == "failed") {
      for (const auto& [ticket, records] : std::exchange(writes_, {}))
        show(core().failed(ticket, static_cast<ErrorCode>(std::stoi(s.word(0))), now()));
    } else if (s.operation == "markers") {
      for (const auto ticket : std::exchange(rounds_, {}))
        show(core().markers_written(ticket, now()));
    } else if (s.operation == "epoch") {  // of a producer, which would take long to get there
      auto decoded = decode_transaction(log_.back().key, view_of(log_.back())).value().value();
      decoded.transaction->epoch = ProducerEpoch{static_cast<std::int16_t>(std::stoi(s.word(0)))};
      log_.push_back(encode_transaction(decoded.transactional_id, decoded.transaction));
      load();
    } else if (s.operation == "wait") {
      wait(std::chrono::milliseconds{std::stoll(s.word(0))});
    } else if (s.operation == "restart") {
      load();
    } else if (s.operation == "resign") {
      show(core().resign(ErrorCode::not_coordinator));
    } else {
      return false;
    }
    return true;
  }

  void wait(std::chrono::milliseconds duration) {
    const auto start = elapsed_;
    const auto end = elapsed_ + duration;
    while (core().next_deadline() <= Instant{} + end) {
      const auto due =
          std::chrono::duration_cast<std::chrono::milliseconds>(core().next_deadline() - Instant{});
      elapsed_ = std::max(elapsed_, due);
      const auto passed = std::to_string((elapsed_ - start).count());
      show(core().tick(now()), "after " + passed + " ms: ");
    }
    elapsed_ = end;
  }

  bool view(const ScriptStep& s) {
    std::ostringstream line;
    if (s.operation == "verify") {
      lines_.push_back(
          code(core().verify(s.word(0), producer_of(s.word(1)), partitions_of(s.word(2)).front())));
    } else if (s.operation == "describe") {
      const auto d = core().describe(s.word(0));
      line << code(d.error_code) << ' ' << d.transaction_state << ' ' << d.producer_id << '/'
           << d.producer_epoch << " timeout=" << d.transaction_timeout_ms
           << " started=" << d.transaction_start_time_ms;
      for (const auto& topic : d.topics)
        for (const auto index : topic.partitions) line << ' ' << topic.topic << '-' << index;
      lines_.push_back(line.str());
    } else if (s.operation == "list") {
      TransactionCoordinator::Filter filter{
          .states = split(s.text("states"), ','), .producer_ids = {}, .running_for = {}};
      for (const auto& id : split(s.text("producers"), ','))
        filter.producer_ids.push_back(std::stoll(id));
      if (const auto running = s.maybe("running"))
        filter.running_for = std::chrono::milliseconds{std::stoll(*running)};
      for (const auto& t : core().list(filter, now().wall))
        lines_.push_back(t.transactional_id + " " + std::to_string(t.producer_id) + " " +
                         t.transaction_state);
    } else {
      return false;
    }
    return true;
  }

  void show(TransactionOutput out, const std::string& prefix = "") {
    REQUIRE(out.ticket.has_value() == !out.records.empty());
    for (const auto& reply : out.replies) {
      std::ostringstream line;
      line << prefix << labels_.at(reply.token) << ' ' << code(reply.error);
      if (reply.producer.id >= ProducerId{0}) line << ' ' << reply.producer;
      lines_.push_back(line.str());
    }
    for (const auto& [ticket, id, marker, partitions] : out.markers) {
      std::ostringstream line;
      line << prefix << "markers of " << id << ": " << (marker.commit ? "commit " : "abort ")
           << marker.producer << " by coordinator " << marker.coordinator_epoch << " to";
      for (const auto& partition : partitions) line << ' ' << partition;
      lines_.push_back(line.str());
      rounds_.push_back(ticket);
    }
    for (const auto& [id, timeout] : out.overdue)
      lines_.push_back(prefix + "overdue: " + id + " after " + std::to_string(timeout.count()));
    if (!out.ticket) return;
    for (const auto& record : out.records) {
      std::ostringstream line;
      const auto decoded = decode_transaction(record.key, view_of(record)).value().value();
      line << prefix << "write: " << decoded.transactional_id << ' ';
      if (const auto& t = decoded.transaction) {
        line << t->state << ' ' << t->producer();
        if (t->next_id >= ProducerId{0}) line << " then " << t->next_id;
        if (t->previous_id >= ProducerId{0}) line << " was " << t->previous_id;
        for (const auto& partition : t->partitions) line << ' ' << partition;
      } else {
        line << "forgotten";
      }
      lines_.push_back(line.str());
    }
    writes_[*out.ticket] = std::move(out.records);
  }

  TransactionSettings settings_;
  std::unique_ptr<TransactionCoordinator> core_;
  std::int32_t epoch_ = 0;
  std::int64_t next_producer_id_ = 100;
  std::chrono::milliseconds elapsed_{0};
  std::vector<std::string> labels_;  // by token
  std::map<Ticket, std::vector<TransactionRecord>> writes_;
  std::vector<MarkerTicket> rounds_;
  std::vector<TransactionRecord> log_;  // what is committed
  std::vector<std::string> lines_;
};

TEST_CASE("transaction scenarios: what comes out is what is written under each step",
          "[broker][transaction][scenario]") {
  sim::check_scenarios<TransactionScript>(MILLRACE_SOURCE_DIR
                                          "/tests/broker/transaction/scenarios");
}

}  // namespace
}  // namespace millrace::broker
