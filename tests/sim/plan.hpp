#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocol/record/batch.hpp"

namespace millrace::sim {

/// Of the members of the group, in both protocols.
inline constexpr std::chrono::milliseconds kMemberSession{1'500};
inline constexpr std::chrono::milliseconds kMemberHeartbeat{300};
inline constexpr std::chrono::milliseconds kMemberPollInterval{3'000};

/// What is done to the machine or the network at some time of a run.
enum class Blow : std::uint8_t {
  power_cut,    ///< the machine dies and the disk drops or tears what was not synced
  kill,         ///< the process dies; what was written stays
  stop,         ///< the broker is asked to stop, and afterwards the power is cut
  reset,        ///< a client's connections break
  silence,      ///< nothing gets through to a client, or from it, for a while
  disk_full,    ///< no space for a while
  sync_fails,   ///< the next syncs fail
  write_fails,  ///< the next writes fail
  member_dies,  ///< the process of a group member, and another one takes its place
};

/// By which protocols the members of the group speak.
enum class GroupKind : std::uint8_t {
  classic,
  consumer,
  mixed,  ///< each life of a member by the one or the other
};

struct Strike {
  std::chrono::milliseconds at{0};  ///< since the work began
  Blow blow = Blow::power_cut;
  std::chrono::milliseconds lasting{0};  ///< until the broker is started again, or the fault ends
  std::uint64_t pick = 0;                ///< chooses the victim
  /// A power cut waits until the disk was written to so many times more, and so comes in the middle
  /// of something.
  std::uint64_t after_writes = 0;
  bool of_member = false;  ///< the victim is a member of the group
};

struct WriterPlan {
  protocol::Codec codec = protocol::Codec::none;
  std::uint64_t records = 0;
  std::size_t value_bytes_max = 0;
  std::size_t batch_bytes = 0;
  std::uint64_t burst_max = 1;
  std::chrono::milliseconds pause_max{0};
  std::chrono::milliseconds linger{0};
  /// Short: records are given up and the writer begins anew. Long: it must never give up.
  std::chrono::milliseconds delivery_timeout{0};
  [[nodiscard]] bool patient() const { return delivery_timeout >= std::chrono::minutes{1}; }
};

/// One transactional producer and those that come after it; plans of the same id are rivals.
struct TransactorPlan {
  std::size_t id = 0;
  bool version1 = false;
  std::uint64_t transactions = 0;
  std::uint64_t records_max = 1;
  std::chrono::milliseconds pause_max{0};
  std::chrono::milliseconds timeout{0};
  std::chrono::milliseconds delivery_timeout{0};
};

/// Everything that a seed decides, apart from the order of what happens at once.
struct Plan {
  explicit Plan(std::uint64_t seed);

  std::uint64_t seed;
  std::size_t shards = 1;
  std::int32_t partitions = 1;
  std::uint32_t index_interval_bytes = 4096;
  std::uint32_t segment_index_bytes = 1024;  ///< a full index rolls its segment
  std::chrono::milliseconds segment_ms{0};
  std::int32_t offsets_partitions = 1;
  std::chrono::milliseconds checkpoint_interval{0};
  std::uint64_t journal_bytes = 0;  // 0: none
  std::chrono::microseconds network_delay_max{0};
  std::chrono::microseconds disk_delay_max{0};
  std::vector<WriterPlan> writers;
  std::size_t readers = 1;
  std::size_t partition_fetch_bytes_max = 0;
  std::size_t group_members = 0;
  bool fleeting_topic = false;  ///< one is deleted and created again, all the time
  std::size_t unsynced_files_max = 1'000'000;
  std::string topic_compression = "producer";  ///< otherwise batches are compressed anew
  bool disk_faults = false;                    ///< some strike is one of the disk
  std::vector<Strike> strikes;                 ///< by time
  // If there are group members:
  GroupKind group_kind = GroupKind::classic;
  std::chrono::milliseconds assignment_interval{0};
  bool second_topic = false;           ///< which members subscribe to or not
  std::vector<Strike> member_strikes;  ///< silence beyond the session timeout, and death
  std::vector<TransactorPlan> transactors;
  std::int32_t transaction_partitions = 1;  ///< of coordinators
  std::chrono::milliseconds transaction_check{1'000};

  [[nodiscard]] std::string to_string() const;
};

}  // namespace millrace::sim
