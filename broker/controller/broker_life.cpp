#include "broker/controller/broker_life.hpp"

#include <algorithm>

namespace millrace::broker {
namespace {

using protocol::ErrorCode;
using std::chrono::milliseconds;

constexpr milliseconds kRetry{50};  // after a call that nobody answered
constexpr milliseconds kRefusedRetry{500};
constexpr milliseconds kPoll{20};  // while somebody waits for this broker

bool is_final(ErrorCode error) {
  return error == ErrorCode::inconsistent_cluster_id || error == ErrorCode::invalid_request ||
         error == ErrorCode::unsupported_version;
}

}  // namespace

BrokerLife::Step BrokerLife::next(Instant now) const {
  using Kind = Step::Kind;
  if (state_ == State::gone || state_ == State::failed) return {.kind = Kind::over};
  if (now < next_call_) return {.kind = Kind::wait, .until = next_call_};
  if (state_ == State::registering) return {.kind = Kind::enroll};
  return {.kind = Kind::heartbeat,
          .heartbeat = {.id = settings_.id,
                        .epoch = epoch_,
                        .applied = applied_,
                        .wants_fence = wants_fence_,
                        .wants_to_stop = state_ == State::stopping}};
}

void BrokerLife::enrolled(const replication::RegistrationAnswer& answer, Instant now) {
  if (state_ != State::registering) return;  // it is to stop, and was never there
  if (answer.error == ErrorCode::none) {
    epoch_ = answer.epoch;
    state_ = State::catching_up;
    problem_.clear();
    next_call_ = now;
    return;
  }
  if (answer.error == ErrorCode::not_controller) return unheard(now);
  problem_ = answer.message;
  const bool waited = !ready_ && now >= give_up_;
  if (is_final(answer.error) || waited) return fail(answer.message);
  next_call_ = now + kRefusedRetry;
}

void BrokerLife::heard(const replication::BrokerHeartbeatAnswer& answer, Instant now) {
  if (state_ == State::gone || state_ == State::failed) return;
  if (answer.error == ErrorCode::none) silent_since_.reset();
  if (answer.error == ErrorCode::stale_broker_epoch) {
    // It was removed, or another process took its place: whoever is asked will say.
    if (state_ == State::stopping) {
      state_ = State::gone;
      return;
    }
    state_ = State::registering;
    give_up_ = now + settings_.registration_timeout;
    next_call_ = now;
    return;
  }
  if (answer.error != ErrorCode::none) return unheard(now);
  if (state_ == State::stopping) {
    left_in_order_ = answer.may_stop && !wants_fence_;
    if (answer.may_stop || now >= give_up_) state_ = State::gone;
    next_call_ = now + kPoll;
    return;
  }
  state_ = answer.fenced && !wants_fence_ ? State::catching_up : State::serving;
  ready_ = ready_ || !answer.fenced;
  next_call_ = now + (state_ == State::serving ? settings_.heartbeat_interval : kRetry);
}

void BrokerLife::unheard(Instant now) {
  next_call_ = now + kRetry;
  if (!silent_since_) silent_since_ = now;
  // All may be stopping at once: then there is soon nobody left who could be told.
  const bool nobody = now - *silent_since_ >= settings_.stop_silence;
  if (state_ == State::stopping && (nobody || now >= give_up_)) state_ = State::gone;
  if (state_ == State::registering && !ready_ && now >= give_up_) {
    fail(problem_.empty() ? "no active controller could be reached: are a majority of the "
                            "controllers running, and their addresses right?"
                          : problem_);
  }
}

void BrokerLife::applied(std::int64_t index, const replication::MetadataImage& image, Instant now) {
  applied_ = std::max(applied_, index + 1);
  const bool registration_known = state_ == State::catching_up && applied_ > epoch_;
  const bool somebody_goes = std::ranges::any_of(
      image.brokers(), [](const auto& item) { return item.second.shutting_down; });
  if (registration_known || somebody_goes) soon(now);
}

void BrokerLife::controller_moved(Instant now) {
  soon(now);
}

void BrokerLife::fence(Instant now) {
  wants_fence_ = true;
  soon(now);
}

void BrokerLife::stop(bool alone, Instant now) {
  if (state_ == State::gone || state_ == State::failed || state_ == State::stopping) return;
  if (state_ == State::registering || alone || !settings_.hand_over) {
    left_in_order_ = epoch_ >= 0 && state_ != State::registering && !wants_fence_;
    state_ = State::gone;
    return;
  }
  state_ = State::stopping;
  give_up_ = now + settings_.stop_timeout;
  next_call_ = now;
}

void BrokerLife::fail(std::string why) {
  state_ = State::failed;
  problem_ = std::move(why);
}

}  // namespace millrace::broker
