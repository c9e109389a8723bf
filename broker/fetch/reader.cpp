#include "broker/fetch/reader.hpp"

#include "broker/blocking.hpp"
#include "broker/errors.hpp"
#include "broker/replica/replica_service.hpp"
#include "broker/shard.hpp"

namespace millrace::broker {
namespace {

using protocol::ErrorCode;
using Results = std::vector<PartitionReadResult>;

/// A part of which the records are in a file, and cannot be found there without the disk.
struct FilePart {
  std::size_t result;  // index into the results
  log::FileRead read;
};

ErrorCode check_epoch(const Partition& partition, std::int32_t claimed) {
  if (claimed < 0) return ErrorCode::none;
  const std::int32_t actual = partition.leader_epoch().value;
  if (claimed < actual) return ErrorCode::fenced_leader_epoch;
  return claimed > actual ? ErrorCode::unknown_leader_epoch : ErrorCode::none;
}

/// Where the reader's history parts from ours, if it does.
Result<std::optional<log::EpochEnd>> find_divergence(const Partition& partition,
                                                     const PartitionRead& part) {
  if (part.last_fetched_epoch < 0) return std::nullopt;
  const auto end = partition.log().epoch_end(LeaderEpoch{part.last_fetched_epoch});
  if (!end) return log::Errc::offset_out_of_range;
  const bool diverges = end->epoch.value < part.last_fetched_epoch || end->end_offset < part.offset;
  return diverges ? std::optional{*end} : std::nullopt;
}

/// What this reader may have of the partition, and whether it may ask here at all.
ErrorCode admit(Shard& shard, Partition& partition, const PartitionRead& part,
                const ReadTerms& terms, PartitionReadResult& result) {
  if (!partition.readable_at(part.offset)) return ErrorCode::kafka_storage_error;
  const auto error = check_epoch(partition, part.current_leader_epoch);
  if (error != ErrorCode::none) return error;
  const bool needs_leader = terms.replica.has_value() || !terms.may_follow;
  if (needs_leader && !partition.leads()) return ErrorCode::not_leader_or_follower;
  const auto divergence = find_divergence(partition, part);
  if (!divergence) return to_wire(divergence.error());
  result.diverging = *divergence;
  if (result.diverging) return ErrorCode::none;
  const auto& log = partition.log();
  if (part.offset > log.log_end() && !partition.leads()) return ErrorCode::offset_not_available;
  if (part.offset > log.log_end() || part.offset < log.log_start())
    return ErrorCode::offset_out_of_range;
  if (terms.replica && terms.first) {
    const auto refused = partition.fetched({.follower = terms.replica->id,
                                            .broker_epoch = terms.replica->epoch,
                                            .offset = part.offset,
                                            .log_start = part.log_start,
                                            .log_end = log.log_end()},
                                           shard.now());
    shard.replicas().look(partition);
    return refused;
  }
  if (!terms.nearest_rack.empty() && partition.leadership() != nullptr) {
    const auto& settings = shard.node().settings;
    const auto own =
        settings.rack.empty() ? std::nullopt : std::optional<std::string>{settings.rack};
    result.nearer = partition.leadership()->nearest(terms.nearest_rack, own, part.offset);
  }
  return ErrorCode::none;
}

Offset limit_of(Partition& partition, const ReadTerms& terms) {
  // What is not written may yet be taken back, when the disk is full.
  if (terms.replica) return partition.log().written_end();
  return terms.committed_only ? partition.last_stable_offset() : partition.high_watermark();
}

/// Reads what is in memory and notes what is in files. `left` is the budget, `any` whether records
/// were found before: the first batch of all is given whole however large it is.
PartitionReadResult read_one(Shard& shard, const PartitionRead& part, const ReadTerms& terms,
                             std::size_t left, bool any, std::optional<log::FileRead>& file_read) {
  PartitionReadResult result;
  const auto partition = shard.find(part.topic, part.index);
  if (!partition || partition->retired()) {
    result.error = shard.unopened(part.topic, part.index) != nullptr
                       ? ErrorCode::kafka_storage_error
                       : ErrorCode::not_leader_or_follower;
    return result;
  }
  result.leader_epoch = partition->leader_epoch();
  result.error = admit(shard, *partition, part, terms, result);
  // A follower that is out of range begins anew where this log begins.
  if (result.error == ErrorCode::none || terms.replica)
    result.log_start = partition->log().log_start();
  if (result.error != ErrorCode::none) return result;
  const Offset limit = limit_of(*partition, terms);
  const bool wants_records = !result.diverging && !result.nearer && part.offset < limit;
  if (wants_records && (left > 0 || !any)) {
    auto plan = partition->log().plan_read({.from = part.offset,
                                            .limit = limit,
                                            .bytes_max = std::min(left, part.bytes_max),
                                            .whole_first_batch = !any});
    if (!plan) {
      result.error = to_wire(plan.error());
      return result;
    }
    if (auto* at_hand = std::get_if<log::ReadResult>(&*plan)) {
      result.records = std::move(at_hand->batches);
      result.next = at_hand->next;
    } else {
      file_read = std::get<log::FileRead>(std::move(*plan));
    }
  }
  result.high_watermark = partition->high_watermark();
  result.last_stable_offset = partition->last_stable_offset();
  return result;
}

void take(PartitionReadResult& result, Result<log::ReadResult> found) {
  if (found) {
    result.records = std::move(found->batches);
    result.next = found->next;
  } else {
    result.error = to_wire(found.error());
  }
}

/// What a reader of committed data has to leave out of batches up to `end`. Asked in the turn that
/// plans the read: until the files are read, retention or compaction may have forgotten it.
void name_aborted(Shard& shard, const PartitionRead& part, Offset end,
                  PartitionReadResult& result) {
  if (const auto partition = shard.find(part.topic, part.index))
    result.aborted = partition->log().aborted_transactions(part.offset, end);
}

/// On the owner's thread: reads all its parts and answers once file work, if any, is done. Records
/// in files are found, not read: they stay there until the session sends them.
void read_here(Shard& shard, const std::vector<PartitionRead>& parts, const ReadTerms& terms,
               const std::shared_ptr<FetchWaiter>& waiter, Answer<Results> answer) {
  auto results = std::make_shared<Results>();
  results->reserve(parts.size());
  auto files = std::make_shared<std::vector<FilePart>>();
  std::size_t left = terms.bytes_max;
  bool any = false;
  for (const auto& part : parts) {
    std::optional<log::FileRead> file_read;
    auto result = read_one(shard, part, terms, left, any, file_read);
    if (file_read) {
      if (auto found = file_read->try_locate()) {
        take(result, std::move(*found));
        file_read.reset();
      }
    }
    if (file_read) {
      const std::size_t planned = file_read->request().bytes_max;
      left -= std::min(left, planned);
      any = true;
      if (terms.committed_only) name_aborted(shard, part, file_read->request().limit, result);
      files->push_back({results->size(), std::move(*file_read)});
    } else if (!result.records.empty()) {
      if (terms.committed_only) name_aborted(shard, part, result.next, result);
      left -= std::min(left, result.records.size());
      any = true;
    }
    if (waiter && result.error == ErrorCode::none) {
      const auto partition = shard.find(part.topic, part.index);
      if (partition && terms.replica) {
        partition->watch_written(waiter);
      } else if (partition) {
        partition->watch(waiter);
      }
    }
    results->push_back(std::move(result));
  }
  if (files->empty()) return answer(std::move(*results));
  auto& pool = shard.node().world.read_pool;
  pool.submit([results, files, &shard, answer = std::move(answer)]() mutable {
    for (const auto& [index, read] : *files) {
      auto& result = (*results)[index];
      take(result, read.locate());
      std::erase_if(result.aborted, [&](const auto& one) { return one.first >= result.next; });
    }
    shard.scheduler().post([results = std::move(results), answer = std::move(answer)]() mutable {
      answer(std::move(*results));
    });
  });
}

}  // namespace

FetchWaiter::FetchWaiter(Shard& home) : home_{home}, woken_{home.scheduler().executor()} {}

void FetchWaiter::wake() {
  if (signalled_.exchange(true, std::memory_order_acq_rel)) return;
  home_.scheduler().post([self = shared_from_this()] { self->woken_.set(); });
}

net::Awaitable<void> FetchWaiter::wait_until(Instant deadline) {
  if (home_.stopping()) co_return;  // whoever is parked has been woken already
  const auto key =
      home_.deadlines().at(deadline, [self = shared_from_this()] { self->woken_.set(); });
  const auto arrival = home_.park(*this);
  co_await woken_.wait();
  home_.unpark(arrival);
  home_.deadlines().forget(key);
  woken_.reset();
  signalled_.store(false, std::memory_order_release);
}

net::Awaitable<std::vector<PartitionReadResult>> read_partitions(
    Shard& home, std::vector<PartitionRead> parts, ReadTerms terms,
    std::shared_ptr<FetchWaiter> waiter) {
  Node& node = home.node();
  struct Share {
    std::vector<PartitionRead> parts;
    std::vector<std::size_t> places;
    std::shared_ptr<Answer<Results>::State> state;
  };
  std::vector<Share> shares(node.shards.size());
  for (std::size_t i = 0; i < parts.size(); ++i) {
    Share& share = shares[node.owner_of(parts[i].topic, parts[i].index).index()];
    share.parts.push_back(parts[i]);
    share.places.push_back(i);
  }
  // All shards are asked before the first is waited for; the one at home comes last.
  for (auto& share : shares) {
    if (share.parts.empty()) continue;
    Shard& owner = *node.shards[static_cast<std::size_t>(&share - shares.data())];
    share.state = std::make_shared<Answer<Results>::State>(home.scheduler().executor());
    if (&owner == &home) continue;
    owner.scheduler().post([&owner, mine = std::move(share.parts), terms, waiter,
                            answer = Answer<Results>{&home.scheduler(), share.state}]() mutable {
      read_here(owner, mine, terms, waiter, std::move(answer));
    });
  }
  if (Share& share = shares[home.index()]; share.state) {
    read_here(home, share.parts, terms, waiter, Answer<Results>{nullptr, share.state});
  }
  std::vector<PartitionReadResult> results(parts.size());
  for (auto& share : shares) {
    if (!share.state) continue;
    if (!share.state->value) co_await share.state->arrived.wait();
    for (std::size_t i = 0; i < share.places.size(); ++i) {
      results[share.places[i]] = std::move((*share.state->value)[i]);
    }
  }
  co_return results;
}

}  // namespace millrace::broker
