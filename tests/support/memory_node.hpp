#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "protocol/base/rng.hpp"

namespace millrace::sim {

/// A file or directory of `MemoryFiles`: what readers see, what is durable, and the steps between
/// the two.
struct MemoryNode {
  struct FileStep {
    bool is_truncate = false;
    std::uint64_t position = 0;  // or the new size
    std::vector<std::byte> bytes;
  };
  struct DirectoryStep {
    std::optional<std::string> gone;
    std::optional<std::string> come;
    std::shared_ptr<MemoryNode> node;  // set with `come`
  };
  using Entries = std::map<std::string, std::shared_ptr<MemoryNode>>;

  void take(FileStep step);
  void take(DirectoryStep step);
  void make_durable();
  void make_all_durable();
  /// What was written since the last sync stays visible and will never reach the disk: what some
  /// systems do when a sync fails. Nor will what is written into the same pages later, until they
  /// were let go: ext4 takes their place on the disk for one that was written before.
  void forget_unsynced();
  /// Forgotten pages that lie in the range (of the last one, what the file has) show again what the
  /// disk has, and may be written anew.
  void let_go(std::uint64_t position, std::uint64_t size);
  /// Each step survives wholly, torn or not at all; then the same for everything below.
  void crash(Rng& rng);

  bool directory = false;
  std::uint64_t cuts = 0;  // see `FileSource::cuts`
  std::vector<std::byte> data;
  std::vector<std::byte> durable_data;
  std::vector<FileStep> file_steps;
  std::set<std::uint64_t> forgotten_pages;
  Entries entries;
  Entries durable_entries;
  std::vector<DirectoryStep> directory_steps;

 private:
  /// The part of the write that is not on forgotten pages.
  void take_by_pages(const FileStep& step);
  void crash_step(const FileStep& step, Rng& rng);
};

}  // namespace millrace::sim
