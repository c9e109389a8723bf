#include "config/group_config.hpp"

#include <catch2/catch.hpp>

#include "config/describe.hpp"

namespace millrace::config {
namespace {

using std::chrono::milliseconds;

TEST_CASE("group config: a group has its own times over those of the broker", "[config][group]") {
  const auto broker = BrokerConfig::with({{"group.consumer.heartbeat.interval.ms", "7000"}});
  CHECK(GroupConfig::of({}, broker) ==
        GroupConfig{milliseconds{45'000}, milliseconds{7'000}, milliseconds{1'000}});
  CHECK(GroupConfig::of(
            {{"consumer.session.timeout.ms", "50000"}, {"consumer.assignment.interval.ms", "0"}},
            broker) == GroupConfig{milliseconds{50'000}, milliseconds{7'000}, milliseconds{0}});
}

TEST_CASE("group config: what the broker does not allow any more counts as what it does",
          "[config][group]") {
  const auto broker = BrokerConfig::with({{"group.consumer.max.session.timeout.ms", "50000"}});
  const auto config = GroupConfig::of(
      {{"consumer.session.timeout.ms", "60000"}, {"consumer.heartbeat.interval.ms", "what"}},
      broker);
  CHECK(config.session_timeout == milliseconds{50'000});
  CHECK(config.heartbeat_interval == milliseconds{5'000});
}

TEST_CASE("group config: a refusal says what is allowed and who says so", "[config][group]") {
  const BrokerConfig broker;
  const auto problem = [&](std::string_view name, std::string_view value) {
    return group_override_problem(name, value, broker).value_or("none");
  };
  CHECK(problem("consumer.session.timeout.ms", "45000") == "none");
  CHECK(problem("consumer.session.timeout.ms", "1000") ==
        "consumer.session.timeout.ms cannot be 1000: the broker allows 45000 "
        "(group.consumer.min.session.timeout.ms) to 60000 "
        "(group.consumer.max.session.timeout.ms)");
  CHECK(problem("consumer.session.timeout.ms", "soon") != "none");
  CHECK(problem("consumer.sesion.timeout.ms", "1") ==
        "consumer.sesion.timeout.ms is not a setting of a group; did you mean "
        "consumer.session.timeout.ms?");
  CHECK(problem("share.session.timeout.ms", "45000").find("not served") != std::string::npos);
}

TEST_CASE("group config: a session outlasts a heartbeat", "[config][group]") {
  const auto broker = BrokerConfig::with({{"group.consumer.min.session.timeout.ms", "1000"}});
  CHECK_FALSE(group_overrides_problem({{"consumer.session.timeout.ms", "6000"}}, broker));
  CHECK(group_overrides_problem({{"consumer.session.timeout.ms", "5000"}}, broker));
}

TEST_CASE("group config: described with where each value comes from", "[config][group]") {
  const auto broker = BrokerConfig::with({{"group.consumer.heartbeat.interval.ms", "7000"}});
  const auto entries = describe_group({{"consumer.session.timeout.ms", "50000"}}, broker);
  REQUIRE(entries.size() == group_settings().size());
  for (const auto& entry : entries) {
    CAPTURE(entry.name);
    CHECK_FALSE(entry.read_only);
    if (entry.name == "consumer.session.timeout.ms") {
      CHECK(entry.value == "50000");
      CHECK(entry.source == Source::dynamic_group);
      CHECK(entry.synonyms.front().name == "consumer.session.timeout.ms");
      CHECK(entry.synonyms.size() == 2);
    } else if (entry.name == "consumer.heartbeat.interval.ms") {
      CHECK(entry.value == "7000");
      CHECK(entry.source == Source::static_broker);
    } else {
      CHECK(entry.source == Source::default_value);
    }
  }
}

}  // namespace
}  // namespace millrace::config
