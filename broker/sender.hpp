#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "broker/fetch/cold_reads.hpp"
#include "protocol/base/bytes.hpp"
#include "protocol/net/net.hpp"

namespace millrace::broker {

/// Writes answers to one connection. Data in files is sent in steps, and before each step those of
/// its pages that are not in memory are brought in on a pool thread, so that the shard never waits
/// for a disk, however slowly the client reads. Belongs to the connection's session.
class Sender {
 public:
  /// `pool`: for what waits for the disk; `ahead_bytes_max`: see `ColdReads`. All outlive this.
  Sender(net::Scheduler& home, net::BlockingPool& pool, std::uint64_t ahead_bytes_max,
         net::Connection& connection);

  /// Like `net::Connection::write`.
  net::Awaitable<Result<void>> write(std::span<const Piece> pieces);
  /// When something was last handed to the connection.
  [[nodiscard]] Instant last_progress() const { return last_progress_; }

 private:
  net::Awaitable<void> make_resident(const FileRange& step);
  net::Awaitable<Result<void>> flush();

  net::Scheduler& home_;
  net::BlockingPool& pool_;
  net::Connection& connection_;
  ColdReads cold_reads_;
  std::vector<Piece> batch_;     // to be written next
  std::deque<FileRange> steps_;  // that pieces of the batch look at; they must not move
  std::size_t batch_file_bytes_ = 0;
  Instant last_progress_;
};

}  // namespace millrace::broker
