#pragma once

#include <cstdint>
#include <limits>
#include <list>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "protocol/base/clock.hpp"
#include "protocol/base/types.hpp"
#include "protocol/error_code.hpp"
#include "protocol/messages/fetch.hpp"

namespace millrace::broker {

/// One partition that a fetch asks for.
struct FetchItem {
  std::string topic;  // requests up to version 12 name it
  TopicId topic_id;   // later ones carry the id
  PartitionIndex index;
  std::int32_t current_leader_epoch = -1;
  Offset offset;
  std::int32_t last_fetched_epoch = -1;
  std::int32_t bytes_max = 0;
  Offset log_start;  // of a follower's log
  /// A follower with an older one is answered at once (KIP-1166).
  Offset known_high_watermark{std::numeric_limits<std::int64_t>::max()};

  // What the client was told last, so that an incremental answer holds only news.
  std::optional<Offset> told_high_watermark;
  std::optional<Offset> told_log_start;
};

/// One client's incremental fetch session (KIP-227): the partitions it follows, in service order.
struct FetchSession {
  std::int32_t id = 0;
  std::int32_t next_epoch = 1;  // 1, 2, ... 2^31-1, then 1 again
  bool by_id = false;           // version 13 and up
  bool busy = false;            // a request of it is being answered; never evicted then
  Instant last_used;
  std::list<FetchItem> items;
};

/// What one fetch request comes to.
struct FetchIntent {
  protocol::ErrorCode error = protocol::ErrorCode::none;  // top level; nothing else is set then
  std::shared_ptr<FetchSession> session;  // null: a full fetch without one; else items are in it
  bool incremental = false;               // the answer leaves out what is not news
  std::vector<FetchItem> items;           // of a full fetch without a session
  std::int32_t session_id = 0;            // for the answer
};

/// The fetch sessions of one shard, a core: told of requests, it says what to read. Ids carry the
/// shard, and a client that comes back on a connection of another shard is told that its session is
/// not found, upon which it opens a new one. Not thread-safe.
class FetchSessions {
 public:
  /// `sessions_max`: how many are kept; when full, one idle for two minutes makes room, or else the
  /// smallest if the newcomer is larger.
  FetchSessions(std::size_t sessions_max, std::size_t shard)
      : sessions_max_{sessions_max}, shard_{shard} {}

  /// `random` seeds the id of a new session.
  FetchIntent begin(const protocol::FetchRequest& request, std::int16_t version, Instant now,
                    std::uint64_t random);
  [[nodiscard]] std::size_t size() const { return sessions_.size(); }

 private:
  FetchIntent full(const protocol::FetchRequest& request, bool by_id, Instant now,
                   std::uint64_t random);
  FetchIntent incremental(const protocol::FetchRequest& request, bool by_id, Instant now);
  bool make_room(std::size_t items, Instant now);

  std::size_t sessions_max_;
  std::size_t shard_;
  std::unordered_map<std::int32_t, std::shared_ptr<FetchSession>> sessions_;
};

/// Whether a partition's answer is news to a session that was told what `item` says; if so, `item`
/// is told. Records and errors are always news.
bool is_news(FetchItem& item,
             const protocol::FetchResponse::FetchableTopicResponse::PartitionData& answer);

}  // namespace millrace::broker
