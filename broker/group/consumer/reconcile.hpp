#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "broker/group/consumer/changes.hpp"
#include "broker/group/consumer/state.hpp"

namespace millrace::broker {

/// One step of a member towards its target, as far as it may go now (KIP-848, "Reconciliation"):
///
///     stable                  its epoch is the target's: nothing to do
///       | there is a newer target
///     unrevoked_partitions    it has partitions that are not in the target: it is told to give
///     them
///       |                     up, and stays in its epoch until it reports that it did
///     unreleased_partitions   it is in the target's epoch and has what is free of the target;
///     other
///       |                     members have not given up the rest
///     stable
///
/// `from` is the member as it stands; `owned` what it says to have, nothing when it did not say.
/// The result never holds a partition that `group` knows with another member.
[[nodiscard]] MemberProgress reconcile(const ConsumerGroupState& group, std::string_view member_id,
                                       const MemberProgress& from, const PartitionSets& target,
                                       const std::optional<PartitionSets>& owned);

}  // namespace millrace::broker
