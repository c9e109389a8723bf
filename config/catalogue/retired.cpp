#include "config/catalogue/tables.hpp"

namespace millrace::config::tables {

namespace {

constexpr std::string_view kZooKeeper = "ZooKeeper is not used";
constexpr std::string_view kOneFormat = "there is one record format, version 2";
constexpr std::string_view kFeatures = "Kafka 4.0 removed it; features are negotiated";

// Names of older Kafka versions that are still found in files. They are not listed to clients.
constexpr RetiredSetting kRetired[] = {
    {"zookeeper.*", Scope::broker, kZooKeeper},
    {"broker.id.generation.enable", Scope::broker, kZooKeeper},
    {"reserved.broker.max.id", Scope::broker, kZooKeeper},
    {"control.plane.listener.name", Scope::broker, kZooKeeper},
    {"inter.broker.protocol.version", Scope::broker, kFeatures},
    {"log.message.format.version", Scope::broker, kOneFormat},
    {"log.message.downconversion.enable", Scope::broker, kOneFormat},
    {"log.message.timestamp.difference.max.ms", Scope::broker,
     "Kafka 4.0 removed it for log.message.timestamp.before.max.ms and .after.max.ms"},
    {"password.encoder.*", Scope::broker, "no passwords are kept in a metadata store"},
    {"offsets.commit.required.acks", Scope::broker,
     "Kafka 4.0 removed it; offsets are always committed by all in-sync replicas"},
    {"host.name", Scope::broker, "Kafka 3.0 removed it for listeners"},
    {"port", Scope::broker, "Kafka 3.0 removed it for listeners"},
    {"advertised.host.name", Scope::broker, "Kafka 3.0 removed it for advertised.listeners"},
    {"advertised.port", Scope::broker, "Kafka 3.0 removed it for advertised.listeners"},
    {"message.format.version", Scope::topic, kOneFormat},
    {"message.downconversion.enable", Scope::topic, kOneFormat},
    {"message.timestamp.difference.max.ms", Scope::topic,
     "Kafka 4.0 removed it for message.timestamp.before.max.ms and .after.max.ms"},
};

}  // namespace

std::span<const RetiredSetting> retired() {
  return kRetired;
}

}  // namespace millrace::config::tables
