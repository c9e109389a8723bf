#include "config/layers.hpp"

#include <catch2/catch.hpp>

namespace millrace::config {

TEST_CASE("layers: a variable is turned into a setting by the rule of Kafka's image",
          "[config][layers]") {
  CHECK(setting_of_variable("KAFKA_LOG_DIRS") == "log.dirs");
  CHECK(setting_of_variable("KAFKA_VALID___PROPERTY__ALL_CASES") == "valid-property_all.cases");
  CHECK(setting_of_variable("KAFKA_KAFKA_METRICS_REPORTERS") == "kafka.metrics.reporters");
  CHECK(setting_of_variable("KAFKA_SSL_KEY_PASSWORD") == "ssl.key.password");
  CHECK(setting_of_variable("KAFKA_A____B") == "a-.b");  // three first, then what is left
}

TEST_CASE("layers: variables that are no settings are passed over", "[config][layers]") {
  for (const std::string_view variable : {"KAFKA_OPTS",
                                          "KAFKA_HEAP_OPTS",
                                          "KAFKA_LOG4J_ROOT_LOGLEVEL",
                                          "KAFKA_LOG4J_OPTS",
                                          "KAFKA_TOOLS_LOG4J_LOGLEVEL",
                                          "KAFKA_JMX_OPTS",
                                          "KAFKA_JMX_PORT",
                                          "KAFKA_VERSION",
                                          "KAFKA_HOME",
                                          "KAFKA_GC_LOG_OPTS",
                                          "KAFKA_JVM_PERFORMANCE_OPTS",
                                          "KAFKA_SERVICE_HOST",
                                          "KAFKA_SERVICE_PORT",
                                          "KAFKA_PORT",
                                          "KAFKA_PORT_9092_TCP_ADDR",
                                          "KAFKA_",
                                          "KAFKALOG_DIRS",
                                          "LOG_DIRS",
                                          "kafka_log_dirs",
                                          ""}) {
    INFO(variable);
    CHECK(setting_of_variable(variable) == std::nullopt);
  }
}

TEST_CASE("layers: file, then environment by name, then --set in order", "[config][layers]") {
  Inputs inputs;
  inputs.file_name = "b.properties";
  inputs.file_text = "\nnode.id=1\nlog.dirs=/a\n";
  inputs.environment = {{"PATH", "/bin"}, {"KAFKA_NODE_ID", "2"}, {"KAFKA_LOG_DIRS", "/b"}};
  inputs.sets = {"node.id=3", " node.id =4=5"};
  const Layers layers = collect_layers(inputs);
  CHECK(layers.problems.empty());
  CHECK(layers.assignments == std::vector<Assignment>{
                                  {"node.id", "1", "b.properties:2"},
                                  {"log.dirs", "/a", "b.properties:3"},
                                  {"log.dirs", "/b", "KAFKA_LOG_DIRS"},
                                  {"node.id", "2", "KAFKA_NODE_ID"},
                                  {"node.id", "3", "--set node.id"},
                                  {"node.id", "4=5", "--set node.id"},
                              });
}

TEST_CASE("layers: what cannot be read is reported and the rest is kept", "[config][layers]") {
  Inputs inputs;
  inputs.file_text = "node.id=1\n=2\nnode.id=3\n";
  inputs.sets = {"node.id", "=5", "shards=2"};
  const Layers layers = collect_layers(inputs);
  REQUIRE(layers.problems.size() == 4);
  CHECK(layers.problems[0].where == "server.properties:2");
  CHECK(layers.problems[0].severity == Severity::error);
  CHECK(layers.problems[1] == Problem{Severity::warning, "server.properties:3", "node.id",
                                      "node.id is also set on line 1", "the last one counts"});
  CHECK(layers.problems[2].where == "--set node.id");
  CHECK(layers.problems[3].message == "--set takes key=value");
  REQUIRE(layers.assignments.size() == 3);
  CHECK(layers.assignments[1].text == "3");
  CHECK(layers.assignments[2].key == "shards");
}

}  // namespace millrace::config
