#include <fmt/format.h>

#include "clients/admin.hpp"
#include "clients/producer.hpp"
#include "tests/sim/actor_parts.hpp"
#include "tests/sim/actors.hpp"
#include "tests/support/sim_host.hpp"
#include "tests/support/sim_network.hpp"

/// Transactional producers at work.
namespace millrace::sim {
namespace {

using namespace std::chrono_literals;
using clients::ClientError;
using clients::Errc;
using clients::Outcome;
using clients::Producer;
using Told = Ended::Told;

constexpr auto kPatience = 5min;  // for what must come to an end once the world is well

/// Whether it is only a matter of asking again.
bool again(const Outcome<void>& outcome) {
  return !outcome && outcome.error().code == Errc::timed_out;
}

/// One life of a producer, from taking the id over to its death.
class Life {
 public:
  Life(Stage& stage, SimScheduler& here, const TransactorPlan& plan, Ghosts& ghosts,
       std::string name)
      : stage_{stage},
        here_{here},
        plan_{plan},
        ghosts_{ghosts},
        name_{std::move(name)},
        client_{here, stage.world.rng(), client_options(name_)},
        producer_{client_, options()} {}
  Life(const Life&) = delete;
  Life& operator=(const Life&) = delete;

  /// Takes transactions off `left`.
  net::Awaitable<void> live(std::uint64_t& left) {
    co_await take_over();
    while (alive_ && left > 0) {
      --left;
      co_await one_transaction();
    }
    co_await producer_.stop();
    co_await client_.stop();
  }

 private:
  [[nodiscard]] clients::ProducerOptions options() const {
    return {.linger = 2ms,
            .batch_bytes = 400,
            .delivery_timeout = plan_.delivery_timeout,
            .retry_backoff = 20ms,
            .request_timeout = 3s,
            .transactional_id = transactional_id(plan_),
            .transaction_timeout = plan_.timeout,
            .transaction_version_max =
                plan_.version1 ? clients::TransactionVersion::v1 : clients::TransactionVersion::v2};
  }
  Rng& rng() { return stage_.world.rng(); }
  template <class What>
  void add(What what) {
    stage_.add(TransactionEvent{std::move(what)});
  }

  net::Awaitable<void> take_over() {
    add(TookOver{transactional_id(plan_), name_});
    const auto until = stage_.in(kPatience);
    Outcome<void> done = ClientError{.code = Errc::timed_out};
    while (again(done) && stage_.now() < until)
      done = co_await producer_.init_transactions(stage_.in(5s));
    if (!done) {
      alive_ = false;
      stage_.add(Failed{"stuck", fmt::format("{} cannot begin: {}", name_, to_text(done.error()))});
    } else {
      add(TookOver{transactional_id(plan_), name_, true});
    }
  }

  net::Awaitable<void> one_transaction() {
    txn_ = fmt::format("{}#{}", name_, ++transactions_);
    records_ = 0;
    const auto begun = producer_.begin_transaction();
    if (!begun) {
      alive_ = false;
      co_return tell(stage_, name_, begun.error());
    }
    add(Began{txn_, transactional_id(plan_), name_, plan_.timeout, plan_.version1});
    identity_ = producer_.identity();
    write({kLedger, PartitionIndex{0}});
    const bool dies_early = rng().chance(1, 15);
    for (auto more = rng().below(plan_.records_max + 1); more > 0; --more) {
      if (rng().chance(1, 4)) co_await pause();
      if (!plan_.version1 && rng().chance(1, 3)) co_await ghosts_.haunt();
      write(anywhere());
    }
    if (rng().chance(1, 2)) co_await offer();
    if (rng().chance(1, 30)) co_await net::sleep_until(here_, stage_.in(plan_.timeout + 2s));
    if (dies_early) {
      alive_ = false;  // the transaction stays open
    } else if (rng().chance(1, 8)) {
      co_await abort();
    } else {
      co_await commit();
    }
  }

  /// Whatever becomes of the record, the end of the transaction tells.
  void write(const TopicPartition& to) {
    const auto value = fmt::format("{}/{}", txn_, ++records_);
    const clients::RecordRef record{
        .topic = to.topic, .partition = to.partition, .value = as_bytes(value)};
    if (producer_.enqueue(record)) add(Wrote{txn_, log_name(to), value});
  }
  TopicPartition anywhere() {
    const PartitionIndex partition{static_cast<std::int32_t>(rng().below(kLedgerPartitions))};
    return {rng().chance(1, 2) ? kLedger : kMoves, partition};
  }
  net::Awaitable<void> pause() {
    const auto time = rng().below(static_cast<std::uint64_t>(plan_.pause_max.count()) + 1);
    co_await net::sleep_until(here_, stage_.in(std::chrono::milliseconds{time}));
  }

  net::Awaitable<void> offer() {
    clients::PartitionOffsets offsets;
    for (const auto& partition : ledger_partitions()) {
      if (rng().chance(1, 2)) continue;
      const Offset offset{++stage_.offsets_offered};
      offsets.emplace(partition, offset);
      add(Offered{txn_, ledger_group(plan_), log_name(partition), offset});
    }
    clients::GroupMetadata member{.group = ledger_group(plan_)};
    const auto kept =
        co_await producer_.send_offsets(std::move(offsets), std::move(member), stage_.in(2s));
    if (!kept) tell(stage_, name_, kept.error());
  }

  net::Awaitable<void> commit() {
    add(Ending{txn_, true});
    if (rng().chance(1, 6)) break_off_soon();
    // Some die while they ask, and never hear of it.
    const bool waits = !rng().chance(1, 10);
    const auto until = stage_.in(waits ? std::chrono::nanoseconds{kPatience}
                                       : std::chrono::milliseconds{rng().below(40)});
    Outcome<void> done = ClientError{.code = Errc::timed_out};
    while (again(done) && stage_.now() < until)
      done = co_await producer_.commit_transaction(std::min(until, stage_.in(5s)));
    if (done) {
      add(Ended{txn_, Told::committed});
      remember(true);
    } else if (done.error().code == Errc::must_abort) {
      add(Ended{txn_, Told::must_abort, done.error().broker_code});
      tell(stage_, name_, done.error());
      co_await abort();
    } else {
      ended_by(done.error(), waits);
    }
  }

  net::Awaitable<void> abort() {
    add(Ending{txn_, false});
    const auto until = stage_.in(kPatience);
    Outcome<void> done = ClientError{.code = Errc::timed_out};
    while (again(done) && stage_.now() < until)
      done = co_await producer_.abort_transaction(stage_.in(5s));
    if (!done) co_return ended_by(done.error(), true);
    add(Ended{txn_, Told::aborted});
    remember(false);
  }

  /// Preferably between a request and its answer, which is lost then.
  void break_off_soon() {
    const auto soon = 2 * (stage_.plan.network_delay_max + stage_.plan.disk_delay_max);
    const auto after = rng().below(static_cast<std::uint64_t>(soon.count()));
    stage_.world.at(stage_.in(std::chrono::microseconds{after}),
                    [&world = stage_.world, host = here_.host().name()] {
                      world.network().reset(host, "broker");
                    });
  }

  void remember(bool committed) {
    // What nothing was added to ends without a new epoch.
    if (producer_.identity() != identity_) ghosts_.remember(*identity_, committed);
  }

  void ended_by(const ClientError& error, bool patient) {
    alive_ = false;
    tell(stage_, name_, error);
    if (error.code != Errc::timed_out) {
      add(Ended{txn_, Told::dismissed, error.broker_code});
    } else {
      add(Ended{txn_, Told::unknown});
      if (patient) stage_.add(Failed{"stuck", fmt::format("{} does not end", txn_)});
    }
  }

  Stage& stage_;
  SimScheduler& here_;
  const TransactorPlan& plan_;
  Ghosts& ghosts_;
  std::string name_;
  clients::Client client_;
  Producer producer_;
  bool alive_ = true;
  int transactions_ = 0;
  int records_ = 0;
  std::string txn_;
  std::optional<clients::ProducerIdentity> identity_;
};

}  // namespace

std::vector<TopicPartition> ledger_partitions() {
  std::vector<TopicPartition> all;
  for (const auto* topic : {kLedger, kMoves})
    for (std::int32_t i = 0; i < kLedgerPartitions; ++i) all.push_back({topic, PartitionIndex{i}});
  return all;
}

std::string transactional_id(const TransactorPlan& plan) {
  return fmt::format("x{}", plan.id);
}

std::string ledger_group(const TransactorPlan& plan) {
  return fmt::format("x{}-offsets", plan.id);
}

net::Awaitable<void> transact(Stage& stage, SimScheduler& here, std::size_t number) {
  const auto& plan = stage.plan.transactors[number];
  Ghosts ghosts{stage, here, plan};
  std::uint64_t left = plan.transactions;
  for (int life = 1; left > 0; ++life) {
    Life one{stage, here, plan, ghosts, fmt::format("x{}.{}.{}", plan.id, number, life)};
    co_await one.live(left);
  }
  --stage.writers_left;
}

net::Awaitable<void> create_ledger(Stage& stage, SimScheduler& here) {
  if (stage.plan.transactors.empty()) co_return;
  clients::Client client{here, stage.world.rng(), client_options("admin")};
  std::vector<clients::NewTopic> topics;
  for (const auto* name : {kLedger, kMoves})
    topics.push_back({.name = name, .partitions = kLedgerPartitions});
  const auto created = co_await clients::Admin{client}.create_topics(topics, stage.in(30s));
  if (!created) {
    stage.add(Failed{"stuck", to_text(created.error())});
  } else {
    for (const auto& [name, outcome] : *created)
      if (!outcome) stage.add(Failed{"stuck", to_text(outcome.error())});
  }
  co_await client.stop();
}

}  // namespace millrace::sim
