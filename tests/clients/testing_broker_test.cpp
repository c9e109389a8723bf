// The broker in memory that tests of other programs use, by our own client on real sockets.
#include <catch2/catch.hpp>
#include <stdexcept>

#include "clients/admin.hpp"
#include "clients/consumer.hpp"
#include "clients/producer.hpp"
#include "protocol/net/asio_runtime.hpp"
#include "protocol/wire/generator.hpp"
#include "protocol/wire/printer.hpp"
#include "tests/clients/printing.hpp"
#include "tests/support/testing/broker.hpp"
#include "tests/support/testing/refusal.hpp"

using namespace millrace;
using namespace millrace::clients;
using namespace std::chrono_literals;
using millrace::testing::Broker;
using millrace::testing::Disconnect;
using protocol::ApiKey;
using protocol::ErrorCode;

namespace {

const TopicPartition kOnly{"t", PartitionIndex{0}};

/// A client of a broker, on this thread.
struct User {
  explicit User(const Broker& broker) : client{scheduler, rng, options_for(broker)} {}
  ~User() { run(client.stop()); }
  User(const User&) = delete;
  User& operator=(const User&) = delete;

  static ClientOptions options_for(const Broker& broker) {
    return {.bootstrap = *parse_bootstrap(broker.address()), .allow_auto_topic_creation = true};
  }
  template <class T>
  T run(net::Awaitable<T> coroutine) {
    return net::run_blocking(scheduler, std::move(coroutine));
  }
  Instant in(std::chrono::nanoseconds time) { return clock.now() + time; }
  /// What is stored, read by a consumer that starts at the beginning.
  std::vector<std::string> stored(std::size_t count) {
    Consumer consumer{client, {}};
    REQUIRE(consumer.assign({{.partition = kOnly}}));
    std::vector<std::string> values;
    while (values.size() < count) {
      const auto records = run(consumer.poll(in(10s)));
      REQUIRE(records);
      if (records->empty()) break;
      for (const auto& each : *records) values.emplace_back(each.value_text().value_or("null"));
    }
    run(consumer.stop(in(5s)));
    return values;
  }

  SystemClock clock;
  SystemRng rng;
  net::AsioScheduler scheduler{clock};
  Client client;
};

Outcome<Delivered> send(User& user, Producer& producer, std::string value) {
  return user.run(
      producer.send({.topic = "t", .partition = PartitionIndex{0}, .value = std::move(value)}));
}

SharedBytes without_size(const std::vector<std::byte>& frame) {
  return SharedBytes::copy_of(Bytes{frame}.subspan(protocol::kFrameSizeBytes));
}

}  // namespace

TEST_CASE("testing broker: what is produced is consumed, also by a group", "[clients][testing]") {
  Broker broker;
  User user{broker};
  Producer producer{user.client, {}};
  for (const auto* value : {"a", "b", "c"}) REQUIRE(send(user, producer, value));
  CHECK(user.stored(3) == std::vector<std::string>{"a", "b", "c"});
  Consumer member{user.client, {}};
  REQUIRE(member.subscribe({"t"}, "g"));
  const auto records = user.run(member.poll(user.in(20s)));
  REQUIRE(records);
  CHECK_FALSE(records->empty());
  user.run(member.stop(user.in(5s)));
  user.run(producer.stop());
  CHECK(broker.requests(ApiKey::produce) == 3);
  CHECK(broker.requests(ApiKey::create_topics) == 0);
}

TEST_CASE("testing broker: what it held is there after it was away", "[clients][testing]") {
  Broker broker;
  const auto address = broker.address();
  {
    User user{broker};
    Producer producer{user.client, {}};
    REQUIRE(send(user, producer, "before"));
    user.run(producer.stop());
  }
  broker.stop();
  broker.stop();
  {
    User user{broker};
    const auto topics = user.run(Admin{user.client}.list_topics(user.in(200ms)));
    REQUIRE_FALSE(topics);
    CHECK(topics.error().code == Errc::unreachable);
  }
  broker.start();
  CHECK(broker.address() == address);
  User user{broker};
  CHECK(user.stored(1) == std::vector<std::string>{"before"});
}

TEST_CASE("testing broker: the next requests fail as they are told, and nothing is done",
          "[clients][testing]") {
  Broker broker;
  User user{broker};
  Producer producer{user.client, {.retry_backoff = 1ms}};
  REQUIRE(send(user, producer, "first"));
  broker.fail_next(ApiKey::produce, ErrorCode::not_enough_replicas, 2);
  REQUIRE(send(user, producer, "retried"));
  CHECK(broker.requests(ApiKey::produce) == 4);
  broker.fail_next(ApiKey::produce, ErrorCode::topic_authorization_failed);
  const auto refused = send(user, producer, "refused");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().broker_code == ErrorCode::topic_authorization_failed);
  broker.fail_next(ApiKey::metadata, ErrorCode::unknown_server_error, 100);
  broker.clear_faults();
  CHECK(user.run(Admin{user.client}.list_topics(user.in(10s))));
  CHECK(user.stored(2) == std::vector<std::string>{"first", "retried"});
  user.run(producer.stop());
}

TEST_CASE("testing broker: a connection dies before or after its request is done",
          "[clients][testing]") {
  const auto when = GENERATE(Disconnect::before, Disconnect::after);
  Broker broker;
  User user{broker};
  {
    Producer producer{user.client, {.idempotent = false, .retry_backoff = 1ms}};
    REQUIRE(send(user, producer, "first"));
    broker.disconnect_next(ApiKey::produce, when);
    REQUIRE(send(user, producer, "once more"));
    user.run(producer.stop());
  }
  CHECK(broker.requests(ApiKey::produce) == 3);
  // Without idempotence what was done and not answered is done twice: so the two can be told apart.
  Producer last{user.client, {}};
  REQUIRE(send(user, last, "last"));
  user.run(last.stop());
  const std::vector<std::string> once{"first", "once more", "last"};
  const std::vector<std::string> twice{"first", "once more", "once more", "last"};
  CHECK(user.stored(when == Disconnect::before ? 3 : 4) ==
        (when == Disconnect::before ? once : twice));
}

TEST_CASE("testing broker: a request is begun later when it is told to", "[clients][testing]") {
  Broker broker;
  User user{broker};
  REQUIRE(user.run(Admin{user.client}.list_topics(user.in(10s))));
  broker.delay_next(ApiKey::metadata, 50ms);
  const auto begin = user.clock.now();
  REQUIRE(user.run(Admin{user.client}.list_topics(user.in(10s))));
  CHECK(user.clock.now() - begin >= 50ms);
  // One who does not wait for it is not waited for either.
  broker.delay_next(ApiKey::metadata, 1h);
  CHECK_FALSE(user.run(Admin{user.client}.list_topics(user.in(20ms))));
}

TEST_CASE("testing broker: settings that are wrong are told", "[clients][testing]") {
  CHECK_THROWS_AS((Broker{{"no.such.setting=1"}}), std::runtime_error);
  Broker broker{{"auto.create.topics.enable=false"}};
  User user{broker};
  Producer producer{user.client, {.unknown_topic_timeout = 10ms}};
  const auto sent = send(user, producer, "v");
  REQUIRE_FALSE(sent);
  CHECK(sent.error().code == Errc::unknown_topic);
  user.run(producer.stop());
}

TEST_CASE("testing broker: every API has an answer that refuses what is asked",
          "[clients][testing]") {
  SeededRng rng{1};
  protocol::for_each_api([&]<class Api>(Api) {
    using Request = typename Api::Request;
    using Response = typename Api::Response;
    for (auto version = Request::kVersions.first; version <= Request::kVersions.last; ++version) {
      int refused = 0;  // some of the requests ask for nothing, and then nothing is refused
      for (int i = 0; i < 20; ++i) {
        const auto request = protocol::generate<Request>(rng, version);
        const auto bytes =
            protocol::encode_request(
                {.api_version = version, .correlation_id = CorrelationId{7}, .client_id = "c"},
                request)
                .flatten();
        CAPTURE(to_string(Request::kApiKey), version, protocol::print(request, version));
        const auto answer =
            millrace::testing::refuse(without_size(bytes), ErrorCode::invalid_request);
        REQUIRE(answer);
        protocol::Reader in{without_size(answer->flatten())};
        const auto correlation = protocol::decode_response_header(in, Request::kApiKey, version);
        REQUIRE(correlation);
        CHECK(*correlation == CorrelationId{7});
        const auto response = protocol::MessageCodec<Response>::decode(in, version);
        REQUIRE(response);
        const auto text = protocol::print(*response, version);
        if (text.find(to_string(ErrorCode::invalid_request)) != std::string::npos) ++refused;
      }
      CAPTURE(to_string(Request::kApiKey), version);
      CHECK(refused > 0);
    }
  });
}

TEST_CASE("testing broker: a refused produce names every partition that was asked for",
          "[clients][testing]") {
  const protocol::ProduceRequest request{
      .acks = -1,
      .topic_data = {{.name = "a", .partition_data = {{.index = 3}, {.index = 1}}},
                     {.name = "b", .partition_data = {{.index = 0}}}}};
  const auto bytes = protocol::encode_request({.api_version = 9}, request).flatten();
  const auto answer =
      millrace::testing::refuse(without_size(bytes), ErrorCode::kafka_storage_error);
  REQUIRE(answer);
  protocol::Reader in{without_size(answer->flatten())};
  REQUIRE(protocol::decode_response_header(in, ApiKey::produce, 9));
  const auto response = protocol::MessageCodec<protocol::ProduceResponse>::decode(in, 9);
  REQUIRE(response);
  REQUIRE(response->responses.size() == 2);
  CHECK(response->responses[0].name == "a");
  REQUIRE(response->responses[0].partition_responses.size() == 2);
  CHECK(response->responses[0].partition_responses[0].index == 3);
  CHECK(response->responses[0].partition_responses[1].error_code == ErrorCode::kafka_storage_error);
  CHECK(response->responses[1].partition_responses[0].index == 0);
}
