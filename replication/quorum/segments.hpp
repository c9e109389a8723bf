#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "log/files.hpp"
#include "replication/consensus/types.hpp"
#include "replication/quorum/problem.hpp"

namespace millrace::replication::quorum {

/// The files `<base>.log` of a directory: entries, in order, without gaps, one frame each. A value
/// that one thread uses at a time. Nothing is durable before `sync`, but cuts and removals are when
/// they return. After an error nothing is known of the files: give up.
class Segments {
 public:
  Segments(log::Files& files, std::filesystem::path directory)
      : files_{files}, directory_{std::move(directory)} {}

  /// What the files hold: entries behind `start`.
  struct Found {
    consensus::Position start;
    std::vector<consensus::Entry> entries;
  };
  /// Reads everything and cuts off what a crash left unfinished, durably. What was acknowledged
  /// ends at `synced` or behind it, and a snapshot holds it up to `snapshot`: if entries between
  /// these are missing the log is damaged.
  std::variant<Found, Problem> open(consensus::Index synced, consensus::Index snapshot);

  /// Of the last entry, or what `begin_behind` said.
  [[nodiscard]] consensus::Position last() const { return last_; }
  /// Right behind `last`. `durable`: what is told of the log in the frames.
  Result<void> append(std::span<const consensus::Entry> entries, consensus::Index durable);
  /// Everything appended is durable when it returns, names of files too.
  Result<void> sync();
  /// Ends the log right behind `last`, which is kept. Durable.
  Result<void> cut_behind(consensus::Index last);
  /// Removes everything, durably; the log begins behind `position`.
  Result<void> begin_behind(consensus::Position position);
  /// What is appended next begins a new file.
  void roll() { rolled_ = true; }
  /// Removes files that hold nothing behind `start`. Durable.
  Result<void> forget(consensus::Index start);

 private:
  struct Place {
    std::uint64_t position = 0;
    consensus::Term term_before;
  };
  struct Segment {
    consensus::Index base;
    std::shared_ptr<log::File> file;
    std::vector<Place> places;  // of its entries
    std::uint64_t size = 0;
  };

  [[nodiscard]] std::filesystem::path path_of(consensus::Index base) const;
  Result<std::vector<consensus::Index>> bases() const;
  Result<void> remove_last();

  log::Files& files_;
  std::filesystem::path directory_;
  std::vector<Segment> segments_;
  consensus::Position last_;
  bool rolled_ = true;
  bool dirty_ = false;     // something is not synced
  bool new_name_ = false;  // a file's name is not
};

}  // namespace millrace::replication::quorum
