#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "protocol/base/clock.hpp"
#include "replication/controller/membership.hpp"

namespace millrace::broker {

struct LifeSettings {
  BrokerId id;
  std::chrono::milliseconds heartbeat_interval{2000};      // broker.heartbeat.interval.ms
  std::chrono::milliseconds registration_timeout{60'000};  // initial.broker.registration.timeout.ms
  std::chrono::milliseconds stop_timeout{10'000};          // how long others get to take over
  std::chrono::milliseconds stop_silence{2000};  // and a controller that does not answer meanwhile
  bool hand_over = true;                         // controlled.shutdown.enable
};

/// The life of a broker in its cluster, as it says of itself to the active controller: it
/// registers, says that it is alive, hands over what it leads, goes. A core: the shell makes the
/// calls that `next` asks for, one at a time, and reports what came of them.
///
///     registering --answer--> catching_up --unfenced--> serving --stop--> stopping --> gone
///         ^                        ^------fenced-----------'                 |
///         '--- it is not known (any more) -----------------------------------'
///
/// Beside its steady rhythm it speaks up at once when something has changed that somebody may wait
/// for: it has applied its registration, wants to go, or another one that goes waits to be known
/// of.
class BrokerLife {
 public:
  enum class State : std::uint8_t { registering, catching_up, serving, stopping, gone, failed };
  struct Step {
    enum class Kind : std::uint8_t { wait, enroll, heartbeat, over };
    Kind kind = Kind::wait;
    Instant until;                           // of `wait`: nothing to do before
    replication::BrokerHeartbeat heartbeat;  // of `heartbeat`
  };

  BrokerLife(LifeSettings settings, Instant now)
      : settings_{settings}, give_up_{now + settings.registration_timeout}, next_call_{now} {}

  [[nodiscard]] Step next(Instant now) const;

  /// What the controller said.
  void enrolled(const replication::RegistrationAnswer& answer, Instant now);
  void heard(const replication::BrokerHeartbeatAnswer& answer, Instant now);
  /// Nothing, or that it is not the controller.
  void unheard(Instant now);
  /// The metadata is now known up to `index`, as `image`.
  void applied(std::int64_t index, const replication::MetadataImage& image, Instant now);
  /// Another node is the active controller.
  void controller_moved(Instant now);
  /// The disk failed: this broker shall lead nothing.
  void fence(Instant now);
  /// `alone`: there is nobody who could take over.
  void stop(bool alone, Instant now);

  [[nodiscard]] State state() const { return state_; }
  /// Of its registration; -1 before.
  [[nodiscard]] std::int64_t epoch() const { return epoch_; }
  /// It has served, and may again.
  [[nodiscard]] bool ready() const { return ready_; }
  /// It went with the controller's consent: what it had acknowledged is known to be here.
  [[nodiscard]] bool left_in_order() const { return left_in_order_; }
  /// Of `failed`, and of a registration that is refused time and again: why.
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  void fail(std::string why);
  void soon(Instant now) { next_call_ = std::min(next_call_, now); }

  LifeSettings settings_;
  State state_ = State::registering;
  Instant give_up_;  // registering; and stopping
  Instant next_call_;
  std::optional<Instant> silent_since_;  // unheard since then
  std::int64_t epoch_ = -1;
  std::int64_t applied_ = 0;  // the metadata log below this index
  bool wants_fence_ = false;
  bool ready_ = false;
  bool left_in_order_ = false;
  std::string problem_;
};

}  // namespace millrace::broker
