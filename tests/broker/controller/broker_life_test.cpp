#include "broker/controller/broker_life.hpp"

#include <catch2/catch.hpp>

#include "tests/replication/brokers.hpp"

namespace millrace::broker {
namespace {

using protocol::ErrorCode;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Kind = BrokerLife::Step::Kind;
using State = BrokerLife::State;

struct Life {
  Instant now{seconds{1000}};
  replication::ImagePtr image = replication::with_brokers({{1, ""}, {2, ""}});
  BrokerLife life{{.id = BrokerId{1}}, now};

  Kind next() { return life.next(now).kind; }
  void serve() {
    life.enrolled({.epoch = 7}, now);
    life.applied(7, *image, now);
    life.heard({.caught_up = true, .fenced = false}, now);
  }
};

TEST_CASE("broker life: it registers, catches up and serves", "[broker][life]") {
  Life l;
  CHECK(l.next() == Kind::enroll);
  l.life.enrolled({.epoch = 7}, l.now);
  CHECK(l.life.epoch() == 7);
  CHECK(l.next() == Kind::heartbeat);
  CHECK(l.life.next(l.now).heartbeat.applied == 0);
  l.life.heard({.caught_up = false, .fenced = true}, l.now);
  CHECK_FALSE(l.life.ready());
  CHECK(l.next() == Kind::wait);
  // At once when it knows of its own registration, not before.
  l.life.applied(6, *l.image, l.now);
  CHECK(l.next() == Kind::wait);
  l.life.applied(7, *l.image, l.now);
  CHECK(l.next() == Kind::heartbeat);
  CHECK(l.life.next(l.now).heartbeat.applied == 8);
  l.life.heard({.caught_up = true, .fenced = false}, l.now);
  CHECK(l.life.ready());
  CHECK(l.life.state() == State::serving);
  CHECK(l.life.next(l.now).until == l.now + seconds{2});
}

TEST_CASE("broker life: who does not answer is asked again soon, and a new controller at once",
          "[broker][life]") {
  Life l;
  l.serve();
  l.now += seconds{2};
  CHECK(l.next() == Kind::heartbeat);
  l.life.unheard(l.now);
  CHECK(l.next() == Kind::wait);
  CHECK(l.life.next(l.now).until < l.now + milliseconds{200});
  l.life.controller_moved(l.now);
  CHECK(l.next() == Kind::heartbeat);
}

TEST_CASE("broker life: another registration with its id is waited for, and a stranger is final",
          "[broker][life]") {
  Life l;
  const replication::RegistrationAnswer taken{.error = ErrorCode::duplicate_broker_registration,
                                              .message = "broker 1 is alive"};
  l.life.enrolled(taken, l.now);
  CHECK(l.next() == Kind::wait);
  l.now += seconds{59};
  CHECK(l.next() == Kind::enroll);
  l.life.enrolled(taken, l.now);
  CHECK(l.life.state() == State::registering);
  l.now += seconds{1};
  l.life.enrolled(taken, l.now);
  CHECK(l.life.state() == State::failed);
  CHECK(l.life.problem() == "broker 1 is alive");
  CHECK(l.next() == Kind::over);

  Life stranger;
  stranger.life.enrolled({.error = ErrorCode::inconsistent_cluster_id, .message = "not yours"},
                         stranger.now);
  CHECK(stranger.life.state() == State::failed);
}

TEST_CASE("broker life: without a controller it gives up after the time for registering",
          "[broker][life]") {
  Life l;
  l.life.unheard(l.now);
  CHECK(l.life.state() == State::registering);
  l.now += seconds{60};
  l.life.unheard(l.now);
  CHECK(l.life.state() == State::failed);
  CHECK(l.life.problem().contains("no active controller"));
}

TEST_CASE("broker life: one that was forgotten registers anew, for as long as it takes",
          "[broker][life]") {
  Life l;
  l.serve();
  l.life.heard({.error = ErrorCode::stale_broker_epoch}, l.now);
  CHECK(l.next() == Kind::enroll);
  l.now += seconds{3600};
  l.life.unheard(l.now);
  CHECK(l.life.state() == State::registering);
}

TEST_CASE("broker life: it goes when it may, or when it has waited long enough", "[broker][life]") {
  Life l;
  l.serve();
  l.life.stop(false, l.now);
  CHECK(l.life.next(l.now).heartbeat.wants_to_stop);
  l.life.heard({.caught_up = true, .fenced = false}, l.now);
  CHECK(l.life.next(l.now).until < l.now + milliseconds{50});
  SECTION("consent") {
    l.life.heard({.caught_up = true, .fenced = true, .may_stop = true}, l.now);
    CHECK(l.life.state() == State::gone);
    CHECK(l.life.left_in_order());
  }
  SECTION("no answer") {
    l.life.unheard(l.now);
    CHECK(l.life.state() == State::stopping);
    l.now += seconds{2};
    l.life.unheard(l.now);
    CHECK(l.life.state() == State::gone);
    CHECK_FALSE(l.life.left_in_order());
  }
  SECTION("no consent") {
    l.now += seconds{10};
    l.life.heard({.caught_up = true, .fenced = false}, l.now);
    CHECK(l.life.state() == State::gone);
    CHECK_FALSE(l.life.left_in_order());
  }
}

TEST_CASE("broker life: alone it asks nobody whether it may go", "[broker][life]") {
  Life l;
  l.life.stop(true, l.now);
  CHECK(l.next() == Kind::over);
  CHECK_FALSE(l.life.left_in_order());  // it was never there
  Life served;
  served.serve();
  served.life.stop(true, served.now);
  CHECK(served.next() == Kind::over);
  CHECK(served.life.left_in_order());
}

TEST_CASE("broker life: it tells what it knows at once while another one waits to go",
          "[broker][life]") {
  Life l;
  l.serve();
  l.life.applied(8, *l.image, l.now);
  CHECK(l.next() == Kind::wait);
  const auto* const other = l.image->broker(BrokerId{2});
  const std::vector goes{replication::broker_change_record(*other, std::nullopt, true)};
  l.life.applied(9, *l.image->with(goes), l.now);
  CHECK(l.next() == Kind::heartbeat);
}

TEST_CASE("broker life: with a failed disk it asks to be fenced and stays so", "[broker][life]") {
  Life l;
  l.serve();
  l.life.fence(l.now);
  CHECK(l.life.next(l.now).heartbeat.wants_fence);
  l.life.heard({.caught_up = true, .fenced = true}, l.now);
  CHECK(l.next() == Kind::wait);
  l.now += seconds{2};
  CHECK(l.life.next(l.now).heartbeat.wants_fence);
}

}  // namespace
}  // namespace millrace::broker
