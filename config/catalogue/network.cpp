#include "config/catalogue/tables.hpp"

namespace millrace::config::tables {

namespace {

constexpr std::string_view kBrokerProtocol[] = {"PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"};

// Listeners, connections and the bounds on what a client may send or leave unread.
constexpr Setting kSettings[] = {
    {"listeners", list, "PLAINTEXT://:9092", kDistinct, none, per_broker, kUsed,
     "Addresses to listen on, as name://host:port; an empty host means every interface."},
    {"advertised.listeners", list, kNull, kDistinct, none, read_only, kUsed,
     "Addresses that clients are told to use, by listener name; unset, clients get the address "
     "they reached us at."},
    {"listener.security.protocol.map", string,
     "PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL", kAny, none,
     per_broker, kUsed,
     "Security protocol of each listener name, as name:protocol; this version serves PLAINTEXT "
     "only."},
    {"controller.listener.names", list, "", kDistinct, none, read_only, kUsed,
     "Listener names kept for controllers; they are not opened for clients."},
    {"early.start.listeners", list, kNull, kDistinct, none, read_only, kCluster,
     "Listeners that open before the broker has caught up with the metadata log."},
    {"inter.broker.listener.name", string, kNull, kAny, none, read_only, kUsed,
     "Listener over which brokers reach one another."},
    {"security.inter.broker.protocol", string, "PLAINTEXT", one_of(kBrokerProtocol), none,
     read_only, kCluster,
     "Security protocol between brokers when no inter-broker listener is named."},
    {"socket.request.max.bytes", int32, "104857600", at_least(1), bytes, read_only, kUsed,
     "Largest request frame; a client that announces more is disconnected."},
    {"connections.max.idle.ms", int64, "600000", kAny, ms, read_only, kUsed,
     "A connection without a request for this long is closed; negative keeps it for ever."},
    {"max.connections", int32, "2147483647", at_least(0), count, cluster_wide, kUsed,
     "Most client connections at a time; further ones are closed at once."},
    {"max.connections.per.ip", int32, "2147483647", at_least(0), count, cluster_wide, kUsed,
     "Most connections at a time from one address."},
    {"max.connections.per.ip.overrides", string, "", kAny, none, cluster_wide, kNotServed,
     "Exceptions to max.connections.per.ip, as host:count."},
    {"max.connection.creation.rate", int32, "2147483647", at_least(0), count, cluster_wide, kQuotas,
     "Most new connections per second."},
    {"socket.listen.backlog.size", int32, "50", at_least(1), count, read_only, kNotServed,
     "Connections that the kernel may queue before they are accepted."},
    {"socket.receive.buffer.bytes", int32, "102400", kAny, bytes, read_only, kKernel,
     "Kernel receive buffer of a client socket; -1 leaves it to the kernel."},
    {"socket.send.buffer.bytes", int32, "102400", kAny, bytes, read_only, kKernel,
     "Kernel send buffer of a client socket; -1 leaves it to the kernel."},
    {"socket.connection.setup.timeout.ms", int64, "10000", kAny, ms, read_only, kCluster,
     "First deadline for opening a connection to another broker."},
    {"socket.connection.setup.timeout.max.ms", int64, "30000", kAny, ms, read_only, kCluster,
     "Largest deadline for opening a connection, reached by doubling."},
    {"queued.max.requests", int32, "500", at_least(1), count, read_only, kQueue,
     "Requests that may wait between network and I/O threads."},
    {"queued.max.request.bytes", int64, "-1", kAny, bytes, read_only, kQueue,
     "Bytes of requests that may wait between network and I/O threads."},
    {"num.network.threads", int32, "3", at_least(1), count, cluster_wide, kThreads,
     "Threads that read and write client sockets."},
    {"num.io.threads", int32, "8", at_least(1), count, cluster_wide, kThreads,
     "Threads that carry out requests."},
    {"request.timeout.ms", int32, "30000", kAny, ms, read_only, kCluster,
     "How long the broker waits for an answer from another one."},
    {"fetch.max.bytes", int32, "57671680", at_least(1024), bytes, read_only, kUsed,
     "Most bytes in one fetch response; the first batch is sent even if it is larger."},
    {"max.incremental.fetch.session.cache.slots", int32, "1000", at_least(0), count, read_only,
     kUsed, "Most incremental fetch sessions kept at a time."},
    {"max.request.partition.size.limit", int32, "2000", at_least(1), count, read_only, kUsed,
     "Most partitions that one request may ask to be described."},
    {"fetch.purgatory.purge.interval.requests", int32, "1000", kAny, count, read_only, kPurgatory,
     "Delayed fetches after which finished ones are purged."},
    {"producer.purgatory.purge.interval.requests", int32, "1000", kAny, count, read_only,
     kPurgatory, "Delayed produce requests after which finished ones are purged."},
    {"delete.records.purgatory.purge.interval.requests", int32, "1", kAny, count, read_only,
     kPurgatory, "Delayed record deletions after which finished ones are purged."},
    {"share.fetch.purgatory.purge.interval.requests", int32, "1000", kAny, count, read_only,
     kPurgatory, "Delayed share fetches after which finished ones are purged."},
};

}  // namespace

std::span<const Setting> network() {
  return kSettings;
}

}  // namespace millrace::config::tables
