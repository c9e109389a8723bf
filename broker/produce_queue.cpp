#include "broker/produce_queue.hpp"

#include <iterator>
#include <utility>

#include "protocol/base/ensure.hpp"

namespace millrace::broker {
namespace {

// A group ends with the batch that reaches this, so that the first of many is not answered last. It
// ends as well with the one for which that much has been built: a few bytes can turn into a batch
// of `max.message.bytes`, and all of a group are in memory together.
constexpr std::size_t kGroupBytes = std::size_t{4} << 20;

std::size_t built_bytes(const protocol::ProduceVerdict& verdict) {
  const auto* const accepted = std::get_if<protocol::Accepted>(&verdict);
  return accepted != nullptr && accepted->rebuilt ? accepted->rebuilt->size() : 0;
}

}  // namespace

std::vector<protocol::ProduceVerdict> PrepareWork::run() const {
  std::vector<protocol::ProduceVerdict> verdicts;
  verdicts.reserve(items_.size());
  std::size_t built = 0;
  for (const Item& item : items_) {
    verdicts.push_back(protocol::validate_produced(item.records.view(), item.rules, item.now));
    built += built_bytes(verdicts.back());
    if (built >= kGroupBytes) break;
  }
  return verdicts;
}

std::optional<PrepareWork> ProduceQueue::take() {
  if (out_ > 0 || batches_.empty()) return std::nullopt;
  PrepareWork work;
  std::size_t bytes = 0;
  for (const QueuedBatch& batch : batches_) {
    work.items_.push_back({batch.records, batch.rules, batch.now});
    ++out_;
    bytes += batch.records.size();
    if (bytes >= kGroupBytes) break;
  }
  return work;
}

std::vector<ProduceQueue::Prepared> ProduceQueue::take_back(
    std::vector<protocol::ProduceVerdict> verdicts) {
  std::vector<Prepared> prepared;
  if (out_ == 0) return prepared;  // the queue was cleared meanwhile
  ENSURE(!verdicts.empty() && verdicts.size() <= out_);
  prepared.reserve(verdicts.size());
  for (auto& verdict : verdicts) {
    prepared.push_back({std::move(batches_.front()), std::move(verdict)});
    batches_.pop_front();
  }
  out_ = 0;
  return prepared;
}

std::vector<QueuedBatch> ProduceQueue::clear() {
  out_ = 0;
  std::vector<QueuedBatch> all{std::make_move_iterator(batches_.begin()),
                               std::make_move_iterator(batches_.end())};
  batches_.clear();
  return all;
}

}  // namespace millrace::broker
