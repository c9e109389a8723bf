#include "tests/replication/consensus/host.hpp"

#include <algorithm>

namespace millrace::replication::consensus::sim {

void Host::start(const Settings& settings, Rng& rng, Instant now) {
  ++life_;
  LogShape log = disk_.recover();
  machine_ = disk_.now().image.machine;
  core_ = std::make_unique<Consensus>(Consensus::Durable{self_, disk_.now().state, std::move(log)},
                                      settings, disk_, rng, now);
}

void Host::crash(std::size_t kept) {
  core_.reset();
  disk_.crash(kept);
}

void Host::wipe(Member self) {
  core_.reset();
  disk_ = Disk{};
  self_ = self;
}

Output Host::carry_out() {
  Output output = core_->take();
  if (output.write) {
    disk_.write(*output.write);
    if (output.write->restore) machine_ = disk_.now().image.machine;
  }
  if (output.apply_to) {
    if (*output.apply_to <= machine_.applied) throw Violation{"what is applied goes back"};
    while (machine_.applied < *output.apply_to) {
      const Index index = machine_.applied.next();
      const Entry* durable = disk_.durable().entry(index);
      const Entry* entry = disk_.now().entry(index);
      if (durable == nullptr || entry == nullptr || !(*durable == *entry))
        throw Violation{name_ + " applies what is not durable"};
      machine_.apply(*entry);
    }
  }
  return output;
}

bool Host::take_snapshot(std::size_t trailing, std::optional<Index> fetched) {
  const Index at = core_->applied();
  const Position start = core_->log().start();
  if (at <= core_->log().snapshot().at.index) return false;
  const Image image{core_->snapshot_at(at), machine_};
  const auto kept = std::min<std::int64_t>(at - start.index, static_cast<std::int64_t>(trailing));
  const Index new_start = std::min(Index{at.value - kept}, fetched.value_or(at));
  disk_.take_snapshot(image, new_start);
  core_->snapshot_taken(image.snapshot, new_start);
  return true;
}

void Host::install(const Image& image, Instant now) {
  disk_.fetched(image);
  core_->install(image.snapshot, now);
}

}  // namespace millrace::replication::consensus::sim
