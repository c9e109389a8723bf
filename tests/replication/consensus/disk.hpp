#pragma once

#include <deque>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "replication/consensus/consensus.hpp"

namespace millrace::replication::consensus::sim {

/// A promise was broken; what() says which.
struct Violation : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The state machine: a digest of everything applied, in its order.
struct Machine {
  friend bool operator==(const Machine&, const Machine&) = default;
  void apply(const Entry& entry);
  Index applied;
  std::uint64_t digest = 0;
};

/// Tells entries apart, term and content.
std::uint64_t digest_of(const Entry& entry);

/// A snapshot file.
struct Image {
  Snapshot snapshot;
  Machine machine;
};

/// What the files of one node say.
struct Files {
  VoterState state;
  Image image;                       // the newest
  std::map<Position, Image> images;  // those that may be offered, the newest among them
  Position start;                    // right before entries.front()
  std::deque<Entry> entries;

  [[nodiscard]] Index last() const { return start.index.plus(entries.size()); }
  /// Nothing if it is not there.
  [[nodiscard]] const Entry* entry(Index index) const;
  /// Whether it, or a snapshot that stands for it, is there.
  [[nodiscard]] bool covers(Position position) const;
  void use(const Image& image);
  void cut_to(Index last);
};

/// A node's disk as the shell of the quorum keeps it. Writes are seen at once and survive a crash
/// when they were synced; of others a crash keeps any beginning, down to single entries.
class Disk final : public LogReader {
 public:
  [[nodiscard]] std::vector<Entry> read(Index first, Index last,
                                        std::size_t bytes_max) const override;
  void write(const Write& write);
  /// The ticket of the last write that is not synced.
  [[nodiscard]] std::optional<Ticket> unsynced() const;
  void sync(Ticket ticket);
  /// How many parts of writes are not synced; a crash keeps the first `kept` of them.
  [[nodiscard]] std::size_t parts() const;
  void crash(std::size_t kept);
  /// A snapshot was taken of what is here, or was fetched and may be installed. Durable at once.
  /// Of older ones those are kept that lie behind `start`.
  void take_snapshot(const Image& image, Index start);
  void fetched(const Image& image) { fetched_[image.snapshot.at] = image; }
  /// What a start finds: the log goes if the snapshot has overtaken it.
  [[nodiscard]] LogShape recover();
  /// A directory as the first start of a cluster formats it.
  void format(const Snapshot& snapshot);

  [[nodiscard]] const Files& now() const { return now_; }
  [[nodiscard]] const Files& durable() const { return durable_; }

 private:
  /// Carries out the first `parts` parts.
  void carry_out(const Write& write, Files& files, std::size_t parts) const;
  static std::size_t parts_of(const Write& write);

  Files now_;
  Files durable_;
  std::map<Position, Image> fetched_;
  std::deque<Write> pending_;
};

}  // namespace millrace::replication::consensus::sim
