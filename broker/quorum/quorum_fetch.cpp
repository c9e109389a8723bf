#include <spdlog/spdlog.h>

#include <algorithm>

#include "broker/blocking.hpp"
#include "broker/quorum/metadata_codec.hpp"
#include "broker/quorum/quorum_service.hpp"

namespace millrace::broker {

namespace consensus = replication::consensus;
namespace quorum = replication::quorum;

namespace {

constexpr std::uint32_t kPieceBytes = 1 << 20;
constexpr auto kPieceTimeout = std::chrono::seconds{10};

}  // namespace

/// The order comes again with every offer; one fetch at a time.
void QuorumService::fetch(const consensus::FetchSnapshot& order) {
  if (fetching_) return;
  fetching_ = true;
  tasks_.spawn(fetching(order));
}

net::Awaitable<void> QuorumService::fetching(consensus::FetchSnapshot order) {
  auto& files = node_.world.files;
  auto begin = [&files, directory = disk_->directory(), at = order.snapshot] {
    return quorum::SnapshotReceiver::begin(files, directory, at);
  };
  auto begun = co_await blocking(shard_.scheduler(), node_.world.pool, std::move(begin));
  bool whole = false;
  if (begun) {
    auto pieces = fetch_pieces(order, *begun);
    whole = co_await std::move(pieces);
  }
  if (whole && !ended_) {
    // Behind all that was written before: the term of the snapshot must be in the voter-state
    // first.
    struct Finished {
      bool done = false;
      Result<Fetched> fetched = Fetched{};
    };
    auto finished = std::make_shared<Finished>();
    DiskJob job;
    job.work = [finished, receiver = *begun]() mutable -> Result<void> {
      auto contents = receiver.finish();
      if (!contents) {
        finished->fetched = contents.error();
        return {};
      }
      auto image = image_of(contents->pieces);
      if (image) {
        finished->fetched = Fetched{contents->snapshot, *std::move(image)};
      } else {
        finished->fetched = image.error();
      }
      return {};
    };
    job.then = [this, finished] {
      finished->done = true;
      changed_.pulse();
    };
    submit(std::move(job));
    // A failure of the disk ends everything, this too.
    while (!finished->done && !ended_) co_await changed_.wait();
    if (!ended_ && finished->fetched) {
      fetched_ = *std::move(finished->fetched);
      spdlog::info("metadata quorum: took the snapshot of entry {} from node {}",
                   order.snapshot.index.value, order.from.node.value);
      core_->install(fetched_->snapshot, shard_.now());
    } else if (!ended_) {
      spdlog::warn("metadata quorum: the snapshot of entry {} that node {} sent is of no use: {}",
                   order.snapshot.index.value, order.from.node.value,
                   finished->fetched.error().message());
    }
  }
  fetching_ = false;
  if (core_) carry_out();
}

net::Awaitable<bool> QuorumService::fetch_pieces(const consensus::FetchSnapshot& order,
                                                 quorum::SnapshotReceiver& receiver) {
  const BrokerId from{order.from.node.value};
  while (!ended_) {
    replication::schema::PeerCall call;
    auto& piece = *call.mutable_snapshot();
    piece.mutable_snapshot()->set_index(order.snapshot.index.value);
    piece.mutable_snapshot()->set_term(order.snapshot.term.value);
    piece.set_offset(receiver.size());
    piece.set_bytes_max(kPieceBytes);
    auto asking =
        shard_.peers().ask(from, std::move(call), shard_.now() + kPieceTimeout, PeerLane::snapshot);
    const auto answer = co_await std::move(asking);
    if (!answer || !answer->snapshot().found()) co_return false;
    const auto& got = answer->snapshot();
    if (receiver.size() == got.size()) co_return true;
    if (got.piece().empty() || got.piece().size() > got.size() - receiver.size()) co_return false;
    auto add = [&receiver, &got] { return receiver.add(as_bytes(got.piece())); };
    const auto added = co_await blocking(shard_.scheduler(), node_.world.pool, std::move(add));
    if (!added) co_return false;
    if (receiver.size() == got.size()) co_return true;
  }
  co_return false;
}

replication::schema::SnapshotAnswer read_snapshot_piece(
    log::Files& files, const std::filesystem::path& directory,
    const replication::schema::SnapshotCall& call) {
  replication::schema::SnapshotAnswer answer;
  const consensus::Position at{consensus::Index{call.snapshot().index()},
                               consensus::Term{call.snapshot().term()}};
  const auto file = files.open(quorum::snapshot_path(directory, at), log::OpenMode::read_only);
  if (!file) return answer;
  const auto size = (*file)->size();
  if (!size || call.offset() > *size) return answer;
  const auto wanted =
      std::min<std::uint64_t>({call.bytes_max(), kPieceBytes, *size - call.offset()});
  std::string piece(static_cast<std::size_t>(wanted), '\0');
  const auto got = (*file)->read_at(std::as_writable_bytes(std::span{piece}), call.offset());
  if (!got || *got != wanted) return answer;
  answer.set_found(true);
  answer.set_size(*size);
  answer.set_piece(std::move(piece));
  return answer;
}

}  // namespace millrace::broker
