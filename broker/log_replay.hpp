#pragma once

#include <functional>
#include <memory>

#include "broker/partition.hpp"
#include "protocol/net/net.hpp"
#include "protocol/record/batch.hpp"
#include "protocol/record/record.hpp"

/// How a coordinator learns what its partition of an internal topic holds.
namespace millrace::broker {

class Shard;

/// Shows every batch of the partition, as it stands at the call, to `visit`, in order; from the
/// partition's shard. Ends early when `visit` says false. False when the log could not be read,
/// which is told to the operator.
net::Awaitable<bool> replay_log(Shard& shard, std::shared_ptr<Partition> partition,
                                std::function<bool(const protocol::BatchView&)> visit);

/// Returns when everything below `end` is committed. False when it cannot be, because this broker
/// stopped leading the partition or its disk failed.
net::Awaitable<bool> committed_up_to(Shard& shard, std::shared_ptr<Partition> partition,
                                     Offset end);

/// Shows every record of a batch of data to `visit`, which says whether it could make use of it.
/// Gives how many could not be used, or read. None of a control batch.
std::size_t for_each_record(const protocol::BatchView& batch,
                            const std::function<bool(const protocol::RecordView&)>& visit);

}  // namespace millrace::broker
