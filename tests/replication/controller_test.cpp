#include "replication/controller/controller.hpp"

#include <catch2/catch.hpp>

#include "replication/controller/topic_names.hpp"
#include "tests/replication/brokers.hpp"

namespace millrace::replication {
namespace {

using protocol::CreateTopicsRequest;
using protocol::ErrorCode;

/// Knows two settings of topics: "good" takes anything but "bad", "list" is a list; and two of
/// groups, which must not both be "1".
struct Rules final : ConfigRules {
  [[nodiscard]] std::optional<std::string> check_topic(std::string_view key,
                                                       std::string_view value) const override {
    if (key != "good" && key != "list") return "unknown setting";
    if (value == "bad") return "bad value";
    return std::nullopt;
  }
  [[nodiscard]] std::optional<std::string> check_broker(std::string_view,
                                                        std::string_view) const override {
    return "not while it runs";
  }
  [[nodiscard]] std::optional<std::string> check_group(std::string_view key,
                                                       std::string_view) const override {
    if (key != "one" && key != "two") return "unknown setting";
    return std::nullopt;
  }
  [[nodiscard]] std::optional<std::string> check_group_whole(
      const ConfigOverrides& overrides) const override {
    if (overrides == ConfigOverrides{{"one", "1"}, {"two", "1"}}) return "not both";
    return std::nullopt;
  }
  [[nodiscard]] bool is_list(std::string_view key) const override { return key == "list"; }
  [[nodiscard]] std::string effective(std::string_view key, const ConfigOverrides& overrides,
                                      const ConfigOverrides&) const override {
    const auto found = overrides.find(key);
    return found == overrides.end() ? "a,b" : found->second;
  }
  [[nodiscard]] std::vector<
      protocol::CreateTopicsResponse::CreatableTopicResult::CreatableTopicConfigs>
  describe_topic(const ConfigOverrides&) const override {
    return {};
  }
};

struct Fixture {
  Rules rules;
  SeededRng rng{7};
  Controller controller{{.partitions_default = 4}, rules};
  ImagePtr image = with_brokers({{1, ""}, {2, ""}, {3, ""}});

  protocol::CreateTopicsResponse create(const CreateTopicsRequest& request) {
    auto outcome = controller.create_topics(*image, request, rng);
    image = image->with(outcome.records);
    return outcome.response;
  }
  ErrorCode create(std::string name, std::int32_t partitions, std::int16_t factor) {
    CreateTopicsRequest request;
    auto& topic = request.topics.emplace_back();
    topic.name = std::move(name);
    topic.num_partitions = partitions;
    topic.replication_factor = factor;
    return create(request).topics.front().error_code;
  }
};

TEST_CASE("controller: a created topic is in the image with its partitions and an id",
          "[replication][controller]") {
  Fixture f;
  REQUIRE(f.create("orders", 6, 2) == ErrorCode::none);
  const auto topic = f.image->topic("orders");
  REQUIRE(topic);
  CHECK(topic->partitions.size() == 6);
  CHECK_FALSE(topic->id.is_zero());
  CHECK(f.image->topic(topic->id) == topic);
  for (const auto& partition : topic->partitions) {
    CHECK(partition.replicas.size() == 2);
    CHECK(partition.in_sync == partition.replicas);
    CHECK(partition.leader == partition.replicas.front());
  }
}

TEST_CASE("controller: leaders and followers spread over the brokers",
          "[replication][controller]") {
  Fixture f;
  REQUIRE(f.create("t", 9, 2) == ErrorCode::none);
  std::map<BrokerId, int> leads;
  std::map<std::vector<BrokerId>, int> pairs;
  for (const auto& partition : f.image->topic("t")->partitions) {
    ++leads[*partition.leader];
    ++pairs[partition.replicas];
  }
  CHECK(leads == std::map<BrokerId, int>{{BrokerId{1}, 3}, {BrokerId{2}, 3}, {BrokerId{3}, 3}});
  CHECK(pairs.size() == 6);  // every ordered pair of distinct brokers
}

TEST_CASE("controller: -1 asks for the defaults", "[replication][controller]") {
  Fixture f;
  REQUIRE(f.create("t", -1, -1) == ErrorCode::none);
  CHECK(f.image->topic("t")->partitions.size() == 4);
  CHECK(f.image->topic("t")->partitions.front().replicas.size() == 1);
}

TEST_CASE("controller: bad topics are refused with the code the protocol gives them",
          "[replication][controller]") {
  Fixture f;
  REQUIRE(f.create("a.b", 1, 1) == ErrorCode::none);
  CHECK(f.create("a.b", 1, 1) == ErrorCode::topic_already_exists);
  CHECK(f.create("a_b", 1, 1) == ErrorCode::invalid_topic_exception);
  CHECK(f.create("", 1, 1) == ErrorCode::invalid_topic_exception);
  CHECK(f.create("..", 1, 1) == ErrorCode::invalid_topic_exception);
  CHECK(f.create("with space", 1, 1) == ErrorCode::invalid_topic_exception);
  CHECK(f.create(std::string(250, 'x'), 1, 1) == ErrorCode::invalid_topic_exception);
  CHECK(f.create(std::string(249, 'x'), 1, 1) == ErrorCode::none);
  CHECK(f.create("t", 0, 1) == ErrorCode::invalid_partitions);
  CHECK(f.create("t", -2, 1) == ErrorCode::invalid_partitions);
  CHECK(f.create("t", 1, 4) == ErrorCode::invalid_replication_factor);
  CHECK(f.create("t", 1, 0) == ErrorCode::invalid_replication_factor);
  CHECK(f.image->topics().size() == 2);
}

TEST_CASE("controller: a refused topic does not stop its neighbours in the request",
          "[replication][controller]") {
  Fixture f;
  CreateTopicsRequest request;
  for (const auto* name : {"one", "bad name", "two", "twice", "twice"}) {
    auto& topic = request.topics.emplace_back();
    topic.name = name;
    topic.num_partitions = 1;
    topic.replication_factor = 1;
  }
  const auto response = f.create(request);
  REQUIRE(response.topics.size() == 4);
  CHECK(response.topics[0].error_code == ErrorCode::none);
  CHECK(response.topics[1].error_code == ErrorCode::invalid_topic_exception);
  CHECK(response.topics[2].error_code == ErrorCode::none);
  CHECK(response.topics[3].error_code == ErrorCode::invalid_request);
  CHECK(f.image->topics().size() == 2);
}

TEST_CASE("controller: manual assignments are taken as told or refused whole",
          "[replication][controller]") {
  Fixture f;
  const auto assign = [&](std::string name, std::vector<std::vector<std::int32_t>> replicas) {
    CreateTopicsRequest request;
    auto& topic = request.topics.emplace_back();
    topic.name = std::move(name);
    topic.num_partitions = -1;
    topic.replication_factor = -1;
    for (std::size_t i = 0; i < replicas.size(); ++i) {
      auto& assignment = topic.assignments.emplace_back();
      assignment.partition_index = static_cast<std::int32_t>(i);
      assignment.broker_ids = replicas[i];
    }
    return f.create(request).topics.front().error_code;
  };
  CHECK(assign("a", {{2, 3}, {3, 1}}) == ErrorCode::none);
  CHECK(f.image->topic("a")->partitions[1].leader == BrokerId{3});
  CHECK(assign("b", {{2, 2}}) == ErrorCode::invalid_replica_assignment);
  CHECK(assign("c", {{9}}) == ErrorCode::invalid_replica_assignment);
  CHECK(assign("d", {{}}) == ErrorCode::invalid_replica_assignment);
}

TEST_CASE("controller: validate_only decides and changes nothing", "[replication][controller]") {
  Fixture f;
  CreateTopicsRequest request;
  request.validate_only = true;
  auto& topic = request.topics.emplace_back();
  topic.name = "t";
  topic.num_partitions = 3;
  topic.replication_factor = 1;
  const auto response = f.create(request);
  CHECK(response.topics.front().error_code == ErrorCode::none);
  CHECK(response.topics.front().num_partitions == 3);
  CHECK(f.image->topics().empty());
}

TEST_CASE("controller: a deleted topic is gone, and its name gets a new id",
          "[replication][controller]") {
  Fixture f;
  f.create("t", 1, 1);
  const TopicId first = f.image->topic("t")->id;
  protocol::DeleteTopicsRequest request;
  request.topic_names = {"t", "t", "nobody"};
  const auto outcome = f.controller.delete_topics(*f.image, request, 5);
  CHECK(outcome.response.responses[0].error_code == ErrorCode::none);
  CHECK(outcome.response.responses[1].error_code == ErrorCode::unknown_topic_or_partition);
  CHECK(outcome.response.responses[2].error_code == ErrorCode::unknown_topic_or_partition);
  f.image = f.image->with(outcome.records);
  CHECK(f.image->topics().empty());
  f.create("t", 1, 1);
  CHECK(f.image->topic("t")->id != first);
  CHECK(f.image->topic(first) == nullptr);
}

TEST_CASE("controller: topics may be deleted by id, not by both", "[replication][controller]") {
  Fixture f;
  f.create("t", 1, 1);
  protocol::DeleteTopicsRequest request;
  request.topics.emplace_back().topic_id = f.image->topic("t")->id;
  request.topics.emplace_back().topic_id = f.rng.uuid();
  auto& both = request.topics.emplace_back();
  both.name = "t";
  both.topic_id = f.image->topic("t")->id;
  const auto outcome = f.controller.delete_topics(*f.image, request, 6);
  CHECK(outcome.response.responses[0].error_code == ErrorCode::none);
  CHECK(outcome.response.responses[0].name == "t");
  CHECK(outcome.response.responses[1].error_code == ErrorCode::unknown_topic_id);
  CHECK(outcome.response.responses[2].error_code == ErrorCode::invalid_request);
}

TEST_CASE("controller: partitions can only become more", "[replication][controller]") {
  Fixture f;
  f.create("t", 2, 2);
  const auto grow = [&](std::int32_t count) {
    protocol::CreatePartitionsRequest request;
    auto& topic = request.topics.emplace_back();
    topic.name = "t";
    topic.count = count;
    topic.assignments.reset();
    const auto outcome = f.controller.create_partitions(*f.image, request);
    f.image = f.image->with(outcome.records);
    return outcome.response.results.front().error_code;
  };
  CHECK(grow(2) == ErrorCode::invalid_partitions);
  CHECK(grow(1) == ErrorCode::invalid_partitions);
  CHECK(grow(5) == ErrorCode::none);
  CHECK(f.image->topic("t")->partitions.size() == 5);
  CHECK(f.image->topic("t")->partitions[4].replicas.size() == 2);
}

TEST_CASE(
    "controller: a topic has no more replicas than brokers are up, internal topics what there is",
    "[replication][controller]") {
  Fixture f;
  f.image = fenced(f.image, 3);
  CreateTopicsRequest request;
  request.topics.push_back({.name = "t", .num_partitions = 1, .replication_factor = 3});
  const auto refused = f.create(request).topics.front();
  CHECK(refused.error_code == ErrorCode::invalid_replication_factor);
  CHECK(refused.error_message ==
        "replication factor 3 cannot be met: of 3 registered brokers 2 are up");
  CHECK(f.create(std::string{kOffsetsTopic}, 4, 3) == ErrorCode::none);
  for (const auto& partition : f.image->topic(kOffsetsTopic)->partitions)
    CHECK(partition.replicas.size() == 2);
}

TEST_CASE("controller: replicas may be put on a broker that is down, as long as one is up",
          "[replication][controller]") {
  Fixture f;
  f.image = fenced(f.image, 1);
  CreateTopicsRequest request;
  auto& topic = request.topics.emplace_back();
  topic.name = "t";
  topic.num_partitions = -1;
  topic.replication_factor = -1;
  topic.assignments.push_back({.partition_index = 0, .broker_ids = {1}});
  CHECK(f.create(request).topics.front().error_code == ErrorCode::invalid_replica_assignment);
  request.topics.front().assignments.front().broker_ids = {1, 3};
  CHECK(f.create(request).topics.front().error_code == ErrorCode::none);
  const auto& partition = f.image->topic("t")->partitions.front();
  CHECK(partition.in_sync == std::vector{BrokerId{3}});
  CHECK(partition.leader == BrokerId{3});
  // All partitions of a topic have the same number of replicas.
  request.topics.front().name = "u";
  request.topics.front().assignments.push_back({.partition_index = 1, .broker_ids = {3}});
  CHECK(f.create(request).topics.front().error_code == ErrorCode::invalid_replica_assignment);
}

TEST_CASE("controller: added partitions have as many replicas as the topic",
          "[replication][controller]") {
  Fixture f;
  f.create("t", 1, 3);
  const auto grow = [&](std::int32_t count, std::vector<std::vector<std::int32_t>> told) {
    protocol::CreatePartitionsRequest request;
    auto& topic = request.topics.emplace_back();
    topic.name = "t";
    topic.count = count;
    if (told.empty())
      topic.assignments.reset();
    else
      topic.assignments.emplace();
    for (auto& replicas : told) topic.assignments->push_back({.broker_ids = replicas});
    const auto outcome = f.controller.create_partitions(*f.image, request);
    f.image = f.image->with(outcome.records);
    return outcome.response.results.front().error_code;
  };
  CHECK(grow(2, {{1, 2}}) == ErrorCode::invalid_replica_assignment);
  CHECK(grow(2, {{1, 2, 9}}) == ErrorCode::invalid_replica_assignment);
  CHECK(grow(2, {{3, 2, 1}}) == ErrorCode::none);
  CHECK(f.image->topic("t")->partitions[1].leader == BrokerId{3});
  f.image = fenced(f.image, 2);
  CHECK(grow(3, {}) == ErrorCode::invalid_replication_factor);
  CHECK(grow(3, {{3, 2, 1}}) == ErrorCode::none);
  CHECK(f.image->topic("t")->partitions[2].in_sync == std::vector{BrokerId{3}, BrokerId{1}});
}

TEST_CASE("controller: settings are set, deleted, appended to and checked",
          "[replication][controller]") {
  Fixture f;
  f.create("t", 1, 1);
  const auto alter = [&](std::string key, std::int8_t operation, std::optional<std::string> value) {
    protocol::IncrementalAlterConfigsRequest request;
    auto& resource = request.resources.emplace_back();
    resource.resource_type = 2;
    resource.resource_name = "t";
    auto& config = resource.configs.emplace_back();
    config.name = std::move(key);
    config.config_operation = operation;
    config.value = std::move(value);
    const auto outcome = f.controller.alter_configs(*f.image, request);
    f.image = f.image->with(outcome.records);
    return outcome.response.responses.front().error_code;
  };
  CHECK(alter("good", 0, "x") == ErrorCode::none);
  CHECK(f.image->topic("t")->configs == ConfigOverrides{{"good", "x"}});
  CHECK(alter("good", 0, "bad") == ErrorCode::invalid_config);
  CHECK(alter("other", 0, "x") == ErrorCode::invalid_config);
  CHECK(alter("good", 2, "x") == ErrorCode::invalid_config);
  CHECK(alter("good", 9, "x") == ErrorCode::invalid_config);
  CHECK(alter("list", 2, "c,a") == ErrorCode::none);
  CHECK(f.image->topic("t")->configs.at("list") == "b,c,a");
  CHECK(alter("list", 3, "b") == ErrorCode::none);
  CHECK(f.image->topic("t")->configs.at("list") == "c,a");
  CHECK(alter("good", 1, std::nullopt) == ErrorCode::none);
  CHECK_FALSE(f.image->topic("t")->configs.contains("good"));
}

TEST_CASE("controller: AlterConfigs takes away what it does not name",
          "[replication][controller]") {
  Fixture f;
  f.create("t", 1, 1);
  const auto replace = [&](std::vector<std::pair<std::string, std::string>> configs) {
    protocol::AlterConfigsRequest request;
    auto& resource = request.resources.emplace_back();
    resource.resource_type = 2;
    resource.resource_name = "t";
    for (const auto& [name, value] : configs) resource.configs.push_back({name, value});
    const auto outcome = f.controller.replace_configs(*f.image, request);
    f.image = f.image->with(outcome.records);
    return outcome.response.responses.front().error_code;
  };
  CHECK(replace({{"good", "1"}, {"list", "a"}}) == ErrorCode::none);
  CHECK(replace({{"good", "2"}}) == ErrorCode::none);
  CHECK(f.image->topic("t")->configs == ConfigOverrides{{"good", "2"}});
  CHECK(replace({{"good", "bad"}}) == ErrorCode::invalid_config);
  CHECK(f.image->topic("t")->configs == ConfigOverrides{{"good", "2"}});
  CHECK(replace({}) == ErrorCode::none);
  CHECK(f.image->topic("t")->configs.empty());
}

TEST_CASE("controller: settings of groups are checked, one by one and together, and kept by group",
          "[replication][controller]") {
  Fixture f;
  const auto before = f.image->all_group_configs();
  const auto alter = [&](std::string group,
                         std::vector<std::pair<std::string, std::optional<std::string>>> changes) {
    protocol::IncrementalAlterConfigsRequest request;
    auto& resource = request.resources.emplace_back();
    resource.resource_type = 32;
    resource.resource_name = std::move(group);
    for (auto& [key, value] : changes) {
      auto& config = resource.configs.emplace_back();
      config.name = key;
      config.config_operation = value ? 0 : 1;
      config.value = value;
    }
    const auto outcome = f.controller.alter_configs(*f.image, request);
    f.image = f.image->with(outcome.records);
    return outcome.response.responses.front().error_code;
  };
  CHECK(alter("", {{"one", "1"}}) == ErrorCode::invalid_request);
  CHECK(alter("g", {{"other", "1"}}) == ErrorCode::invalid_config);
  CHECK(alter("g", {{"one", "1"}, {"two", "1"}}) == ErrorCode::invalid_config);
  CHECK(f.image->all_group_configs() == before);
  CHECK(alter("g", {{"one", "1"}}) == ErrorCode::none);
  CHECK(alter("h", {{"two", "1"}}) == ErrorCode::none);
  CHECK(alter("g", {{"two", "1"}}) == ErrorCode::invalid_config);
  CHECK(f.image->group_configs("g") == ConfigOverrides{{"one", "1"}});
  CHECK(f.image->group_configs("h") == ConfigOverrides{{"two", "1"}});
  CHECK(f.image->group_configs("i").empty());
  // What one change takes away makes room for the other.
  CHECK(alter("g", {{"one", std::nullopt}, {"two", "1"}}) == ErrorCode::none);
  CHECK(alter("g", {{"two", std::nullopt}}) == ErrorCode::none);
  CHECK_FALSE(f.image->all_group_configs()->contains("g"));
}

TEST_CASE("image: a setting that is not UTF-8 can be written and read again",
          "[replication][controller]") {
  Fixture f;
  f.create("t", 1, 1);
  protocol::IncrementalAlterConfigsRequest request;
  auto& resource = request.resources.emplace_back();
  resource.resource_type = 2;
  resource.resource_name = "t";
  auto& config = resource.configs.emplace_back();
  config.name = "good";
  config.value = "\xff\xfe";
  const auto outcome = f.controller.alter_configs(*f.image, request);
  REQUIRE(outcome.records.size() == 1);
  std::string bytes;
  REQUIRE(outcome.records.front().SerializeToString(&bytes));
  MetadataRecord read;
  REQUIRE(read.ParseFromString(bytes));
  const std::vector<MetadataRecord> records{read};
  CHECK(f.image->with(records)->topic("t")->configs.at("good") == "\xff\xfe");
}

TEST_CASE("controller: producer ids are given in blocks that do not overlap",
          "[replication][controller]") {
  Fixture f;
  std::int64_t next = 0;
  for (int i = 0; i < 3; ++i) {
    const auto block = f.controller.allocate_producer_ids(*f.image, BrokerId{1}, 1000);
    CHECK(block.response == next);
    next += 1000;
    f.image = f.image->with(block.records);
  }
  CHECK(f.image->next_producer_id() == 3000);
}

TEST_CASE("image: an older image does not change when a newer one is made from it",
          "[replication][controller]") {
  Fixture f;
  f.create("t", 1, 1);
  const auto before = f.image;
  f.create("u", 1, 1);
  CHECK(before->topics().size() == 1);
  CHECK(f.image->topic("t") == before->topic("t"));  // shared, not copied
}

}  // namespace
}  // namespace millrace::replication
