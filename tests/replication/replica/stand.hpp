#pragma once

#include <algorithm>
#include <optional>
#include <string>

#include "replication/controller/records.hpp"
#include "replication/replica/leadership.hpp"

namespace millrace::replication {

using protocol::ErrorCode;
using namespace std::chrono_literals;

inline std::vector<BrokerId> brokers(std::string_view digits) {
  std::vector<BrokerId> ids;
  for (const char digit : digits) ids.emplace_back(digit - '0');
  return ids;
}

/// Broker 1 leads a partition; brokers 2 to 4 are registered with epochs 102 to 104, in rack b.
struct Stand {
  explicit Stand(std::string_view in_sync, std::string_view replicas = "123",
                 std::int64_t log_end = 0, bool recovering = false) {
    for (std::int32_t id = 1; id <= 4; ++id) place(id, false);
    partition = {.replicas = brokers(replicas),
                 .in_sync = brokers(in_sync),
                 .leader = BrokerId{1},
                 .leader_epoch = LeaderEpoch{5},
                 .recovering = recovering,
                 .partition_epoch = 7};
    leadership.emplace(BrokerId{1}, partition, settings, Offset{log_end}, Offset{0}, now);
    leadership->see(*image);
  }

  void place(std::int32_t id, bool fenced) {
    std::vector<MetadataRecord> records(1);
    auto& broker = *records.front().mutable_broker();
    broker.set_id(id);
    broker.set_epoch(100 + id);
    broker.set_incarnation(std::string(16, 'i'));
    broker.set_directory(std::string(16, 'd'));
    broker.set_rack(id == 1 ? "a" : "b");
    broker.set_fenced(fenced);
    image = image->with(records);
  }
  void fence(std::int32_t id) {
    place(id, true);
    leadership->see(*image);
  }
  ErrorCode fetch(std::int32_t id, std::int64_t offset, std::int64_t log_end,
                  std::int64_t epoch = -1) {
    return leadership->fetched({.follower = BrokerId{id},
                                .broker_epoch = epoch < 0 ? 100 + id : epoch,
                                .offset = Offset{offset},
                                .log_end = Offset{log_end}},
                               now);
  }
  std::int64_t committed(std::int64_t durable) {
    return leadership->high_watermark(Offset{durable}, now).value;
  }
  /// The set that is proposed, in the order of the ids.
  std::optional<std::string> propose(std::int64_t log_end) {
    const auto wish = leadership->proposal(Offset{log_end}, now);
    if (!wish) return std::nullopt;
    asked = wish;
    std::string text;
    for (const auto& member : wish->in_sync) text += std::to_string(member.id.value);
    std::ranges::sort(text);
    return text;
  }
  void change(std::string_view in_sync) {
    partition.in_sync = brokers(in_sync);
    partition.recovering = false;
    ++partition.partition_epoch;
  }
  void adopt(std::string_view in_sync) {
    change(in_sync);
    leadership->adopt(partition, now);
  }
  void answer(std::string_view in_sync) {
    const auto asked_at = partition.partition_epoch;
    change(in_sync);
    leadership->answered(asked_at, ErrorCode::none, partition, now);
  }
  void refuse(ErrorCode error) { leadership->answered(partition.partition_epoch, error, {}, now); }

  Instant now{1000s};
  LeadershipSettings settings;
  ImagePtr image = std::make_shared<MetadataImage>();
  PartitionImage partition;
  std::optional<Leadership> leadership;
  std::optional<InSyncProposal> asked;
};

}  // namespace millrace::replication
