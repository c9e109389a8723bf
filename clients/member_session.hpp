#pragma once

#include <optional>
#include <string>
#include <vector>

#include "clients/consumer.hpp"

namespace millrace::clients {

/// Keeps one consumer in its group, in the background, and says what the consumer is to do about
/// its partitions; `poll` asks for that and does it, so that nothing changes between two polls. One
/// form for each group protocol: `GroupSession` (classic) and `HeartbeatSession` (consumer).
///
/// Owned by the consumer and used from its thread; await `stop` before destroying it. The function
/// given to its constructor is called when `poll` should look.
class MemberSession {
 public:
  MemberSession() = default;
  MemberSession(const MemberSession&) = delete;
  MemberSession& operator=(const MemberSession&) = delete;
  virtual ~MemberSession() = default;

  /// Names sorted. Takes effect in the background, or at a later poll.
  virtual void subscribe(std::vector<std::string> names, std::string pattern) = 0;
  /// The application shows that it is alive.
  virtual void polled() = 0;

  struct Revocation {
    std::vector<TopicPartition> partitions;
    bool lost = false;  ///< they are others' already: commits are refused
  };
  /// What the consumer is to let go of now, of what it holds, possibly nothing; call `let_go` when
  /// that is done, for others wait.
  [[nodiscard]] virtual std::optional<Revocation> revocation(
      const std::vector<TopicPartition>& held) = 0;
  virtual void let_go() = 0;
  /// What the consumer gets on top of what it holds, and where to start; once.
  [[nodiscard]] virtual std::optional<std::vector<Assignment>> take_assignment() = 0;
  /// All is lost, now or as soon as the consumer asks.
  [[nodiscard]] virtual bool lost() const = 0;
  /// What keeps it out of the group; the next `poll` tries again.
  [[nodiscard]] virtual std::optional<ClientError> take_error() = 0;

  virtual net::Awaitable<Outcome<void>> commit(PartitionOffsets offsets, Instant deadline) = 0;
  /// Leaves, once the consumer has let go of everything; a static member keeps its place.
  virtual net::Awaitable<void> leave(Instant deadline) = 0;
  /// Ends what runs in the background.
  virtual net::Awaitable<void> stop() = 0;

  [[nodiscard]] virtual const std::string& group() const = 0;
  [[nodiscard]] virtual const std::string& id() const = 0;
  /// Or member epoch; while a member.
  [[nodiscard]] virtual std::optional<std::int32_t> generation() const = 0;
  /// See `Consumer::confirmed_at`.
  [[nodiscard]] virtual std::optional<Instant> confirmed_at() const = 0;
};

}  // namespace millrace::clients
