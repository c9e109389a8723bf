#include <algorithm>
#include <catch2/catch.hpp>
#include <functional>
#include <map>
#include <set>

#include "broker/transaction/coordinator.hpp"
#include "broker/transaction/verifications.hpp"
#include "log/producer_state.hpp"
#include "protocol/base/rng.hpp"
#include "protocol/record/builder.hpp"

/// Producers of version 2, zombies among them, on a network that delays, reorders and repeats;
/// partitions that verify as the broker's do; and a coordinator that crashes. Against what must
/// hold whatever happens: each transaction is all or nothing, and none touches another.
namespace millrace::broker {
namespace {

using protocol::ErrorCode;
using std::chrono::milliseconds;

/// Breaks what the checker sees, to prove that it looks.
enum class Mutant { none, lost_marker, wrong_marker, unverified, forgotten_write };

constexpr int kIds = 3;
constexpr int kPartitions = 4;
constexpr milliseconds kTimeout{20'000};
using TransactionNumber = int;  // of the client's transactions, over all clients

/// One partition, as far as transactions go.
struct Part {
  log::ProducerState state;
  Offset end{0};
  Verifications verifications;
  std::map<ProducerId, TransactionNumber> open;
};

/// What became of a client's transaction.
struct Fate {
  bool told_committed = false;
  bool told_aborted = false;
  std::set<int> acknowledged;  // partitions that have records of it
  std::set<int> committed;     // by their markers
  std::set<int> aborted;
};

struct Client {
  std::string id;
  std::optional<ProducerIdentity> me;
  enum class Phase { idle, waits, ready } phase = Phase::idle;
  std::optional<TransactionNumber> transaction;
  std::map<int, std::int32_t> sequences;
  int life = 0;  // answers to an earlier one are not heard
};

class ModelRun {
 public:
  ModelRun(std::uint64_t seed, Mutant mutant) : rng_{seed}, mutant_{mutant}, parts_(kPartitions) {
    settings_.id_expiration = milliseconds{600'000};
    settings_.expiration_check = milliseconds{100'000};
    for (int i = 0; i < 2 * kIds; ++i) {
      clients_.emplace_back();
      clients_.back().id = "t" + std::to_string(i % kIds);
    }
    start_coordinator();
  }

  /// Empty, or what did not hold.
  std::string run(int steps) {
    for (int i = 0; i < steps && wrong_.empty(); ++i) {
      pass_time(milliseconds{rng_.below(10)});
      step();
    }
    settle();
    return wrong_;
  }
  [[nodiscard]] std::size_t told_committed() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(fates_, [](const auto& item) { return item.second.told_committed; }));
  }

 private:
  using Heard = std::function<void(const TransactionReply&)>;

  void expect(bool holds, const std::string& what) {
    if (!holds && wrong_.empty()) wrong_ = what;
  }
  [[nodiscard]] Moment now() const {
    return {Instant{} + elapsed_, Timestamp{1'000'000} + elapsed_};
  }
  void send(std::function<void()> message) {
    if (rng_.below(6) == 0) bag_.push_back(message);
    bag_.push_back(std::move(message));
  }

  // The coordinator's shell ---------------------------------------------------------------------

  void start_coordinator() {
    ++generation_;
    core_ = std::make_unique<TransactionCoordinator>(settings_, generation_);
    for (const auto& record : log_) {
      const auto replayed = core_->replay(
          record.key, record.value ? std::optional<Bytes>{*record.value} : std::nullopt);
      expect(replayed.has_value(), "a record of ours is damaged");
    }
    take(core_->finish_loading(now()));
  }
  void crash() {
    // Some of what was on its way got into the log, and nobody was told.
    const auto kept = rng_.below(writes_.size() + 1);
    for (std::size_t i = 0; i < kept; ++i) keep(writes_[i].second);
    writes_.clear();
    auto unanswered = std::exchange(waiting_, {});
    start_coordinator();
    for (auto& [token, heard] : unanswered)
      heard({.token = token, .error = ErrorCode::coordinator_not_available, .producer = {}});
  }
  void keep(const std::vector<TransactionRecord>& records) {
    log_.insert(log_.end(), records.begin(), records.end());
  }
  void take(TransactionOutput out) {
    if (out.ticket) writes_.emplace_back(*out.ticket, std::move(out.records));
    for (auto& round : out.markers) send_markers(std::move(round));
    for (const auto& reply : out.replies) {
      auto heard = waiting_.extract(reply.token);
      expect(!heard.empty(), "a second reply");
      if (!heard.empty()) heard.mapped()(reply);
    }
  }
  void write_one() {
    if (writes_.empty()) return;
    const auto [ticket, records] = std::move(writes_.front());
    writes_.erase(writes_.begin());
    if (rng_.below(50) == 0)
      return take(core_->failed(ticket, ErrorCode::not_enough_replicas, now()));
    if (mutant_ != Mutant::forgotten_write || rng_.below(10) != 0) keep(records);
    take(core_->committed(ticket, now()));
  }
  void send_markers(MarkerRound round) {
    auto left = std::make_shared<std::set<int>>();
    for (const auto& partition : round.partitions) left->insert(partition.partition.value);
    for (const auto& partition : round.partitions) {
      const int index = partition.partition.value;
      send([this, left, index, ticket = round.ticket, marker = round.marker, of = generation_] {
        if (mutant_ != Mutant::lost_marker || rng_.below(10) != 0) apply_marker(index, marker);
        left->erase(index);
        if (left->empty() && reported_.insert({of, ticket}).second && of == generation_)
          take(core_->markers_written(ticket, now()));
      });
    }
  }

  // Partitions ----------------------------------------------------------------------------------

  void apply_marker(int index, TransactionMarker marker) {
    Part& part = parts_[static_cast<std::size_t>(index)];
    const auto verdict = part.state.check_marker(marker.producer.id, marker.producer.epoch,
                                                 marker.coordinator_epoch, true);
    if (std::holds_alternative<log::ProducerRejected>(verdict)) return;
    if (mutant_ == Mutant::wrong_marker && rng_.below(10) == 0) marker.commit = !marker.commit;
    const auto batch = protocol::build_control_batch(
        {.type = marker.commit ? protocol::ControlType::commit : protocol::ControlType::abort,
         .producer_id = marker.producer.id,
         .producer_epoch = marker.producer.epoch,
         .coordinator_epoch = marker.coordinator_epoch,
         .timestamp = now().wall,
         .base_offset = part.end});
    part.end = part.end.next();
    part.state.apply(protocol::parse_batch(batch).value(), now().wall);
    part.verifications.marker(marker.producer, TransactionVersion::v2);
    const auto ended = part.open.extract(marker.producer.id);
    if (ended.empty()) return;
    Fate& fate = fates_[ended.mapped()];
    (marker.commit ? fate.committed : fate.aborted).insert(index);
    expect(fate.committed.empty() || fate.aborted.empty(), "committed here and aborted there");
  }

  struct Batch {
    std::string id;
    ProducerIdentity producer;
    int partition;
    std::int32_t sequence;
    TransactionNumber transaction;
  };
  using Told = std::function<void(ErrorCode)>;

  void produce(const Batch& sent, const Told& told) {
    Part& part = parts_[static_cast<std::size_t>(sent.partition)];
    if (may_append(part, sent)) return append(sent, told);
    const bool asks = part.verifications.wait(sent.producer, [this, sent, told](ErrorCode said) {
      if (said != ErrorCode::none) return told(said);
      // As if it went through the pool: a marker may come before it.
      bag_.push_back([this, sent, told] { append(sent, told); });
    });
    if (!asks) return;
    const AddPartitions request{
        sent.id, sent.producer, {{"t", PartitionIndex{sent.partition}}}, TransactionVersion::v2};
    ask([request](TransactionCoordinator& core, ReplyToken token,
                  const Moment& at) { return core.add_partitions(request, token, at); },
        [this, sent](const TransactionReply& reply) {
          bag_.push_back([this, sent, error = reply.error] {
            parts_[static_cast<std::size_t>(sent.partition)].verifications.answer(sent.producer,
                                                                                  error);
          });
        });
  }
  bool may_append(const Part& part, const Batch& sent) const {
    return mutant_ == Mutant::unverified || part.verifications.allowed(sent.producer) ||
           part.state.in_transaction(sent.producer.id, sent.producer.epoch);
  }
  void append(const Batch& sent, const Told& told) {
    Part& part = parts_[static_cast<std::size_t>(sent.partition)];
    if (!may_append(part, sent)) return told(ErrorCode::invalid_txn_state);
    protocol::BatchBuilder builder{
        {.producer = protocol::BatchBuilder::Producer{sent.producer.id, sent.producer.epoch,
                                                      Sequence{sent.sequence}},
         .transactional = true}};
    builder.add(now().wall, std::nullopt, as_bytes("v"));
    auto batch = builder.build().value();
    const auto verdict = part.state.check(protocol::parse_batch(batch).value(), now().wall,
                                          std::chrono::hours{24}, true);
    if (const auto* const no = std::get_if<log::ProducerRejected>(&verdict)) return told(no->code);
    if (std::holds_alternative<log::ProducerOk>(verdict)) {
      protocol::patch_base_offset_and_epoch(batch, part.end, LeaderEpoch{0});
      part.end = part.end.next();
      part.state.apply(protocol::parse_batch(batch).value(), now().wall);
      part.verifications.begun(sent.producer);
      const auto [open, is_first] = part.open.emplace(sent.producer.id, sent.transaction);
      expect(open->second == sent.transaction, "a batch of one transaction is in another");
    }
    told(ErrorCode::none);
  }

  // Clients -------------------------------------------------------------------------------------

  template <class Operation>
  void ask(Operation operation, Heard heard) {
    const ReplyToken token = next_token_++;
    waiting_.emplace(token, std::move(heard));
    take(operation(*core_, token, now()));
  }
  /// Sends a request whose answer only this life of the client hears, and only once.
  template <class Operation>
  void request(Client& client, Operation operation, Heard heard) {
    client.phase = Client::Phase::waits;
    auto still = std::make_shared<bool>(true);
    send([this, &client, operation, heard, still, life = client.life] {
      ask(operation, [&client, heard, still, life](const TransactionReply& reply) {
        if (!std::exchange(*still, false) || client.life != life) return;
        heard(reply);
      });
    });
  }
  static bool may_be_repeated(ErrorCode error) {
    return error == ErrorCode::concurrent_transactions ||
           error == ErrorCode::coordinator_not_available;
  }
  void begin_again(Client& client) {
    client.me.reset();
    client.transaction.reset();
    client.sequences.clear();
    client.phase = Client::Phase::idle;
    ++client.life;
  }

  void act(Client& client) {
    if (rng_.below(300) == 0) begin_again(client);  // it was killed
    if (client.phase == Client::Phase::waits || quiet_) return;
    if (client.phase == Client::Phase::idle) {
      // Now and then, or all the time would go by in taking ids from one another.
      if (rng_.below(40) == 0) init(client);
      return;
    }
    if (!client.transaction) client.transaction = next_transaction_++;
    if (rng_.below(4) == 0) return end(client, rng_.below(3) != 0);
    const int partition = static_cast<int>(rng_.below(kPartitions));
    send_batch(client, {client.id, *client.me, partition, client.sequences[partition]++,
                        *client.transaction});
  }
  void init(Client& client) {
    const ProducerId fresh{next_producer_id_++};
    request(
        client,
        [this, fresh, id = client.id](TransactionCoordinator& core, ReplyToken token,
                                      const Moment& at) {
          ++inits_[id];
          return core.init({id, kTimeout, {}}, fresh, token, at);
        },
        [&client](const TransactionReply& reply) {
          client.phase = Client::Phase::idle;
          if (reply.error != ErrorCode::none) return;
          client.me = reply.producer;
          client.phase = Client::Phase::ready;
        });
  }
  void send_batch(Client& client, const Batch& batch) {
    client.phase = Client::Phase::waits;
    auto still = std::make_shared<bool>(true);
    send([this, &client, batch, still, life = client.life] {
      produce(batch, [this, &client, batch, still, life](ErrorCode error) {
        if (!std::exchange(*still, false) || client.life != life) return;
        if (may_be_repeated(error)) return send_batch(client, batch);
        if (error != ErrorCode::none) return begin_again(client);
        fates_[batch.transaction].acknowledged.insert(batch.partition);
        client.phase = Client::Phase::ready;
      });
    });
  }
  void end(Client& client, bool commit) {
    const EndTransaction what{client.id, *client.me, commit, TransactionVersion::v2};
    const TransactionNumber number = *client.transaction;
    request(
        client,
        [what](TransactionCoordinator& core, ReplyToken token, const Moment& at) {
          return core.end(what, std::nullopt, token, at);
        },
        [this, &client, commit, number, inits = inits_[client.id]](const TransactionReply& reply) {
          client.phase = Client::Phase::ready;
          if (may_be_repeated(reply.error)) return end(client, commit);
          if (reply.error != ErrorCode::none) {
            const bool was_committed = !fates_[number].committed.empty();
            expect(!was_committed || inits_[client.id] != inits,
                   "a commit that came true was answered " + std::string{to_string(reply.error)});
            return begin_again(client);
          }
          (commit ? fates_[number].told_committed : fates_[number].told_aborted) = true;
          client.me = reply.producer;
          client.transaction.reset();
          client.sequences.clear();
        });
  }

  // Steps ---------------------------------------------------------------------------------------

  void pass_time(milliseconds time) {
    elapsed_ += time;
    if (core_->next_deadline() > now().now) return;
    take(core_->tick(now()));
    expect(core_->next_deadline() > now().now, "a tick leaves nothing due");
  }
  void deliver() {
    if (bag_.empty()) return;
    // Most come nearly in order; those at the back of the bag may stay for long.
    const std::size_t reach =
        rng_.below(20) == 0 ? bag_.size() : std::min<std::size_t>(bag_.size(), 6);
    const std::size_t at = rng_.below(reach);
    const auto message = std::move(bag_[at]);
    bag_.erase(bag_.begin() + static_cast<std::ptrdiff_t>(at));
    if (!quiet_ && rng_.below(40) == 0) return bag_.push_back(message);
    message();
  }
  void step() {
    const auto what = rng_.below(1000);
    if (what < 2) return crash();
    if (what < 300) return write_one();
    if (what < 800) return deliver();
    act(clients_[rng_.below(clients_.size())]);
  }

  /// Everybody falls silent: what is on its way arrives, and time ends what nobody ends.
  void settle() {
    quiet_ = true;
    for (int round = 0; round < 40 && wrong_.empty(); ++round) {
      for (int i = 0; i < 20'000 && (!bag_.empty() || !writes_.empty()); ++i) {
        deliver();
        write_one();
      }
      pass_time(milliseconds{5'000});
    }
    if (!wrong_.empty()) return;
    expect(bag_.empty() && writes_.empty() && waiting_.empty(), "it does not come to rest");
    for (const Part& part : parts_)
      expect(part.open.empty() && !part.state.first_open(), "a transaction hangs");
    for (const auto& [number, fate] : fates_) {
      expect(!fate.told_committed || fate.aborted.empty(), "told committed, and aborted");
      expect(!fate.told_committed || std::ranges::includes(fate.committed, fate.acknowledged),
             "told committed, and a part is missing");
      expect(!fate.told_aborted || fate.committed.empty(), "told aborted, and committed");
    }
    check_replay();
  }
  void check_replay() {
    TransactionCoordinator again{settings_, generation_};
    for (const auto& record : log_)
      (void)again.replay(record.key,
                         record.value ? std::optional<Bytes>{*record.value} : std::nullopt);
    expect(again.ids() == core_->ids(), "a restart would know other ids");
    for (const auto& id : core_->ids()) {
      const Transaction* const replayed = again.find(id);
      expect(replayed != nullptr && *replayed == *core_->find(id),
             "a restart would find " + id + " otherwise");
    }
  }

  SeededRng rng_;
  Mutant mutant_;
  TransactionSettings settings_;
  std::unique_ptr<TransactionCoordinator> core_;
  std::int32_t generation_ = 0;
  milliseconds elapsed_{0};
  std::vector<TransactionRecord> log_;
  std::vector<std::pair<Ticket, std::vector<TransactionRecord>>> writes_;
  std::map<ReplyToken, Heard> waiting_;
  std::set<std::pair<std::int32_t, MarkerTicket>> reported_;
  ReplyToken next_token_ = 1;
  std::vector<std::function<void()>> bag_;
  std::vector<Part> parts_;
  std::deque<Client> clients_;
  std::map<TransactionNumber, Fate> fates_;
  std::map<std::string, int> inits_;  // that reached the coordinator
  TransactionNumber next_transaction_ = 1;
  std::int64_t next_producer_id_ = 1;
  bool quiet_ = false;
  std::string wrong_;
};

TEST_CASE("transaction model: whatever arrives, all of a transaction is committed or nothing",
          "[broker][transaction][model]") {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    ModelRun run{seed, Mutant::none};
    INFO("seed " << seed);
    CHECK(run.run(20'000) == "");
    CHECK(run.told_committed() > 50);
  }
}

TEST_CASE("transaction model: the checker sees what is broken", "[broker][transaction][model]") {
  for (const Mutant mutant :
       {Mutant::lost_marker, Mutant::wrong_marker, Mutant::unverified, Mutant::forgotten_write}) {
    INFO("mutant " << static_cast<int>(mutant));
    bool seen = false;
    for (std::uint64_t seed = 1; seed <= 5 && !seen; ++seed)
      seen = !ModelRun{seed, mutant}.run(20'000).empty();
    CHECK(seen);
  }
}

}  // namespace
}  // namespace millrace::broker
