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

std::optional<Image> Host::image() const {
  const Index at = core_->applied();
  if (at <= core_->log().snapshot().at.index) return std::nullopt;
  return Image{core_->snapshot_at(at), machine_};
}

void Host::snapshot_durable(const Image& image, std::size_t trailing,
                            std::optional<Index> fetched) {
  const Index at = image.snapshot.at.index;
  // Another was installed meanwhile.
  if (at <= core_->log().snapshot().at.index) return;
  const auto before = at - core_->log().start().index;
  const auto kept = std::min<std::int64_t>(before, static_cast<std::int64_t>(trailing));
  const Index new_start = std::min(Index{at.value - kept}, fetched.value_or(at));
  disk_.take_snapshot(image, new_start);
  core_->snapshot_taken(image.snapshot, new_start);
}

void Host::install(const Image& image, Instant now) {
  disk_.fetched(image);
  core_->install(image.snapshot, now);
}

}  // namespace millrace::replication::consensus::sim
