#pragma once

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include "broker/transaction/types.hpp"
#include "protocol/error_code.hpp"

namespace millrace::broker {

/// Which producers may begin a transaction at one partition. Only who the coordinator knows to have
/// the partition in its transaction: it will bring the marker that ends it. A producer is asked
/// about once; batches that come meanwhile wait in their order. What the coordinator allowed holds
/// until the batch is in the log, or a marker shows that the transaction is over, also one that
/// came while it was being asked. Owned by the partition, used on its thread.
class Verifications {
 public:
  using Resume = std::move_only_function<void(protocol::ErrorCode)>;

  /// `resume` is called with what comes of it. True: the caller asks the coordinator, and then
  /// calls `answer`; false: that is being done.
  [[nodiscard]] bool wait(const ProducerIdentity& producer, Resume resume) {
    for (auto& one : under_way_) {
      if (one.producer != producer) continue;
      one.waiting.push_back(std::move(resume));
      return false;
    }
    under_way_.push_back({.producer = producer, .overtaken = false, .waiting = {}});
    under_way_.back().waiting.push_back(std::move(resume));
    return true;
  }
  /// What the coordinator said: all who wait are resumed, in their order.
  void answer(const ProducerIdentity& producer, protocol::ErrorCode said) {
    const auto found = std::ranges::find(under_way_, producer, &UnderWay::producer);
    if (found == under_way_.end()) return;
    auto done = std::move(*found);
    under_way_.erase(found);
    if (done.overtaken && said == protocol::ErrorCode::none)
      said = protocol::ErrorCode::invalid_txn_state;
    if (said == protocol::ErrorCode::none) allow(producer);
    for (auto& resume : done.waiting) resume(said);
  }
  void allow(const ProducerIdentity& producer) {
    if (!allowed(producer)) allowed_.push_back(producer);
  }
  [[nodiscard]] bool allowed(const ProducerIdentity& producer) const {
    return std::ranges::find(allowed_, producer) != allowed_.end();
  }
  /// Its transaction is open in the log now, which says all that is to be known.
  void begun(const ProducerIdentity& producer) { std::erase(allowed_, producer); }
  /// A marker was appended. One of version 2 carries the epoch in which the producer goes on, and
  /// so ends nothing that is asked for in that epoch: a coordinator that started anew brings the
  /// markers of the transaction before while batches of the next one wait already.
  void marker(const ProducerIdentity& ended, TransactionVersion version) {
    const auto is_over = [&](const ProducerIdentity& producer) {
      return producer.id == ended.id &&
             (version == TransactionVersion::v1 || producer.epoch < ended.epoch);
    };
    std::erase_if(allowed_, is_over);
    for (auto& one : under_way_)
      if (is_over(one.producer)) one.overtaken = true;
  }
  /// Somebody else led the partition meanwhile: what was allowed may be over.
  void forget() {
    allowed_.clear();
    for (auto& one : under_way_) one.overtaken = true;
  }

 private:
  struct UnderWay {
    ProducerIdentity producer;
    bool overtaken = false;
    std::vector<Resume> waiting;
  };
  std::vector<UnderWay> under_way_;
  std::vector<ProducerIdentity> allowed_;
};

}  // namespace millrace::broker
