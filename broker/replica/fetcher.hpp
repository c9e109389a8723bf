#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string_view>

#include "broker/partition.hpp"
#include "protocol/messages/fetch.hpp"
#include "protocol/net/net.hpp"
#include "replication/replica/fetch_session.hpp"

namespace millrace::broker {

class Shard;

/// Copies what one leader has of the partitions that follow it on this shard: one fetch after the
/// other, in one incremental session, over a connection of its own. What an answer brings is
/// appended from the received frame and made durable before the next fetch says so by its offsets.
/// A partition that errs is left out for a while, so that it does not hold up the others. Owned by
/// the shard's `ReplicaService`, used on its thread.
class Fetcher : public std::enable_shared_from_this<Fetcher> {
 public:
  Fetcher(Shard& shard, BrokerId leader, std::uint16_t number)
      : shard_{shard}, leader_{leader}, number_{number} {}

  /// Follows `partition` from now on, or anew: what was known of it does not hold any more.
  void add(const std::shared_ptr<Partition>& partition);
  void remove(const replication::PartitionPlace& place) { items_.erase(place); }
  [[nodiscard]] bool empty() const { return items_.empty(); }
  /// No fetch is begun any more; what runs ends soon.
  void stop();

 private:
  struct Item {
    std::shared_ptr<Partition> partition;
    Instant not_before;
    std::chrono::milliseconds pause{};  // of the last back-off; none: all is well
  };
  using Data = protocol::FetchResponse::FetchableTopicResponse::PartitionData;
  /// One line of fetches. A partition that comes while one waits at the leader must not wait for
  /// its end: another line begins then, and the answer to the old one is not looked at.
  struct Line {
    explicit Line(net::Executor executor) : woken{std::move(executor)} {}
    std::uint16_t lane = 0;
    bool asking = false;  // a fetch is under way
    bool over = false;
    std::size_t unsettled = 0;  // partitions whose last records are not durable yet
    net::Event woken;
    replication::FollowerSession session;
  };
  using LinePtr = std::shared_ptr<Line>;

  void begin_line();
  /// Keeps the fetcher alive, which may be given up before it has begun to run.
  static net::Awaitable<void> run(std::shared_ptr<Fetcher> self, LinePtr line);
  net::Awaitable<void> fetch(LinePtr line);
  [[nodiscard]] replication::FetchWishes wishes(std::optional<Instant>& next);
  [[nodiscard]] protocol::FetchRequest request(Line& line,
                                               const replication::FetchWishes& wishes) const;
  net::Awaitable<void> rest(LinePtr line, std::optional<Instant> until);
  void take(const LinePtr& line, const protocol::FetchResponse& response,
            const replication::FetchWishes& wishes);
  void take_one(const LinePtr& line, Item& item, const Data& data);
  void append(const LinePtr& line, Item& item, const Data& data);
  void back_off(Item& item, std::string_view why);
  void back_off_all();

  Shard& shard_;
  BrokerId leader_;
  std::uint16_t number_;
  std::map<replication::PartitionPlace, Item> items_;
  LinePtr line_;
  std::array<bool, 2> lane_busy_{};  // a fetch is under way there, also one of an old line
  bool beginning_ = false;
  bool begin_again_ = false;  // as soon as there is a lane for it
  bool stopped_ = false;
  Instant not_before_;                 // the leader could not be reached
  std::chrono::milliseconds pause_{};  // of the last back-off from it
};

}  // namespace millrace::broker
