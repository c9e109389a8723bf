#include "broker/log_replay.hpp"

#include <fmt/ostream.h>
#include <spdlog/spdlog.h>

#include "broker/blocking.hpp"
#include "broker/shard.hpp"
#include "protocol/record/compression.hpp"

namespace millrace::broker {
namespace {

constexpr std::size_t kLoadBytes = std::size_t{1} << 20;
constexpr std::size_t kRecordsSectionBytesMax = std::size_t{128} << 20;

}  // namespace

std::size_t for_each_record(const protocol::BatchView& batch,
                            const std::function<bool(const protocol::RecordView&)>& visit) {
  if (batch.is_control()) return 0;
  std::vector<std::byte> decompressed;
  Bytes section = batch.records_section();
  if (batch.codec() != protocol::Codec::none) {
    auto whole = protocol::decompress(batch.codec(), section, kRecordsSectionBytesMax);
    if (!whole) return 1;
    decompressed = std::move(*whole);
    section = decompressed;
  }
  std::size_t failed = 0;
  protocol::RecordReader reader{section, batch.record_count()};
  while (reader.left() > 0) {
    const auto record = reader.next();
    if (!record) return failed + 1;
    if (!visit(*record)) ++failed;
  }
  return failed;
}

net::Awaitable<bool> replay_log(Shard& shard, std::shared_ptr<Partition> partition,
                                std::function<bool(const protocol::BatchView&)> visit) {
  auto& log = partition->log();
  Offset at = log.log_start();
  const Offset end = log.log_end();
  while (at < end) {
    auto plan = log.plan_read({.from = at, .limit = end, .bytes_max = kLoadBytes});
    Result<log::ReadResult> read = log::Errc::closed;
    if (!plan) {
      read = plan.error();
    } else if (auto* at_hand = std::get_if<log::ReadResult>(&*plan)) {
      read = std::move(*at_hand);
    } else {
      auto work = [file_read = std::get<log::FileRead>(std::move(*plan))] {
        return file_read.run();
      };
      read = co_await blocking(shard.scheduler(), shard.node().world.read_pool, std::move(work));
    }
    if (!read || read->next == at) {
      spdlog::error("{}: what is kept there cannot be loaded, reading stopped at offset {}: {}",
                    fmt::streamed(partition->name()), at.value,
                    read ? "nothing could be read" : read.error().message());
      co_return false;
    }
    const auto bytes = read->batches.flatten();
    for (const auto& batch : protocol::BatchRun{bytes})
      if (!visit(batch)) co_return true;
    at = read->next;
  }
  co_return true;
}

net::Awaitable<bool> committed_up_to(Shard& shard, std::shared_ptr<Partition> partition,
                                     Offset end) {
  // A damaged log is judged by its owner.
  if (partition->log().state() == log::LogState::read_only) co_return true;
  auto work = [partition, end](Answer<bool> answer) {
    auto done = [answer = std::move(answer)](protocol::ErrorCode error) mutable {
      answer(error == protocol::ErrorCode::none);
    };
    partition->when_committed(end, Instant::max(), std::move(done));
  };
  auto asked = ask<bool>(shard, shard, std::move(work));
  co_return co_await std::move(asked);
}

}  // namespace millrace::broker
