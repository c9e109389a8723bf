#include "clients/producer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "clients/producer_state.hpp"

namespace millrace::clients {

using protocol::ErrorCode;
using protocol::ProduceRequest;
using protocol::ProduceResponse;

namespace {

ClientError invalid(std::string message) {
  return {.code = Errc::invalid_argument, .message = std::move(message)};
}

/// Options that cannot work, or nothing.
std::optional<ClientError> check(const ProducerOptions& options) {
  if (options.idempotent && options.acks != Acks::all) {
    return invalid("an idempotent producer needs acks=all; turn one of the two off");
  }
  if (options.in_flight_max < 1 || (options.idempotent && options.in_flight_max > 5)) {
    return invalid("in_flight_max must be 1 to 5: brokers remember five batches to tell a retry");
  }
  if (!options.transactional_id.empty() && !options.idempotent) {
    return invalid("transactions need an idempotent producer");
  }
  return std::nullopt;
}

std::map<TopicPartition, BatchAnswer> answers_of(const ProduceResponse& response) {
  std::map<TopicPartition, BatchAnswer> answers;
  for (const auto& topic : response.responses) {
    for (const auto& partition : topic.partition_responses) {
      BatchAnswer answer{.code = partition.error_code,
                         .message = partition.error_message.value_or("")};
      if (partition.base_offset >= 0) answer.base_offset = Offset{partition.base_offset};
      if (partition.log_append_time_ms >= 0) {
        answer.append_time = Timestamp{partition.log_append_time_ms};
      }
      for (const auto& record : partition.record_errors) {
        answer.message += fmt::format(" [record {}: {}]", record.batch_index,
                                      record.batch_index_error_message.value_or("no reason given"));
      }
      answers.insert_or_assign(TopicPartition{topic.name, PartitionIndex{partition.index}},
                               std::move(answer));
    }
  }
  return answers;
}

ProduceRequest request_of(const Batcher::Request& from, const ProducerOptions& options) {
  ProduceRequest to{.acks = std::to_underlying(options.acks),
                    .timeout_ms = static_cast<std::int32_t>(options.request_timeout.count())};
  if (!options.transactional_id.empty()) to.transactional_id = options.transactional_id;
  std::map<std::string_view, std::size_t> topics;
  for (const auto& part : from.parts) {
    const auto [at, fresh] = topics.try_emplace(part.partition.topic, to.topic_data.size());
    if (fresh) to.topic_data.emplace_back().name = part.partition.topic;
    to.topic_data[at->second].partition_data.push_back(
        {.index = part.partition.partition.value, .records = part.bytes});
  }
  return to;
}

}  // namespace

void Producer::State::run_callbacks() {
  if (transactions) follow_transactions();
  auto done = batcher.take_completions();
  for (auto& completion : done) completion.callback(completion.outcome);
  progress.notify();
}

/// Tells the batcher the shape of its topics as far as it is known by now.
void Producer::State::publish_topics() {
  const auto now = client.now();
  if (published_at == client.metadata().refreshed_at() && batcher.topics_wanted().empty()) return;
  published_at = client.metadata().refreshed_at();
  for (const auto& name : batcher.topics()) {
    const auto* info = client.metadata().topic(name);
    if (info == nullptr || info->error != ErrorCode::none || info->partitions.empty()) continue;
    std::vector<PartitionIndex> with_leader;
    for (const auto& partition : info->partitions) {
      if (partition.leader) with_leader.push_back(partition.index);
    }
    batcher.set_topic(name, static_cast<std::int32_t>(info->partitions.size()),
                      std::move(with_leader), now);
  }
}

net::Awaitable<void> Producer::State::send_loop() {
  const Batcher::LeaderOf leader_of = [this](const TopicPartition& at) {
    return client.metadata().leader(at);
  };
  // Requests leave in the order they were drained only if none has to wait for a connection.
  const Batcher::CanSend can_send = [this](BrokerId broker) {
    if (client.live_connection(broker, kProduceLane)) return true;
    if (connecting.insert(broker).second) tasks.spawn(connect(broker));
    return false;
  };
  Batcher::Admits admits;
  if (transactions)
    admits = [this](const TopicPartition& to) { return transactions->core().admits(to); };
  while (!stopped) {
    const auto now = client.now();
    publish_topics();
    batcher.expire(now);
    auto requests = batcher.drain(leader_of, can_send, now, admits);
    for (auto& request : requests) tasks.spawn(produce(std::move(request)));
    run_callbacks();
    if (stopped) break;  // a callback may have done it
    const auto until = ask_what_is_missing(now);
    co_await wakeup.wait_until(until);
  }
}

/// Starts the questions whose answers something waits for; when to look again.
Instant Producer::State::ask_what_is_missing(Instant now) {
  constexpr auto kIdle = std::chrono::hours{1};
  auto until = batcher.next_event(now).value_or(now + kIdle);
  auto topics = batcher.topics_wanted();
  const auto refreshed_at = client.metadata().refreshed_at();
  const auto age_max = client.options().metadata_age_max;
  const bool aged = refreshed_at && *refreshed_at + age_max <= now;
  const bool lacks_metadata = !topics.empty() || !batcher.leaderless().empty() || aged;
  const bool lacks_identity = batcher.needs_identity();
  if (refreshed_at && !aged) until = std::min(until, *refreshed_at + age_max);
  if ((lacks_metadata || lacks_identity) && now < ask_again) return std::min(until, ask_again);
  if (lacks_metadata && !asking_metadata) {
    asking_metadata = true;
    tasks.spawn(topics.empty() ? learn_leaders() : learn_topics(std::move(topics)));
  }
  if (lacks_identity && !asking_identity) {
    asking_identity = true;
    tasks.spawn(learn_identity());
  }
  return until;
}

net::Awaitable<void> Producer::State::connect(BrokerId broker) {
  const auto deadline = client.now() + options.request_timeout;
  const auto connection = co_await client.connection_to(broker, kProduceLane, deadline);
  connecting.erase(broker);
  if (!connection && !asking_metadata && !stopped) {
    // Its partitions may have found other leaders.
    asking_metadata = true;
    tasks.spawn(learn_leaders());
  }
  wakeup.wake();
}

net::Awaitable<void> Producer::State::produce(Batcher::Request request) {
  auto wire = request_of(request, options);
  const auto connection = client.live_connection(request.broker, kProduceLane);
  std::optional<ClientError> error;
  bool metadata = false;
  if (!connection) {
    error = ClientError{
        .code = Errc::unreachable,
        .message = fmt::format("the connection to broker {} is gone", request.broker.value),
        .retriable = true};
  } else if (options.acks == Acks::none) {
    const auto posted = connection->post(wire);
    if (posted) {
      std::map<TopicPartition, BatchAnswer> answers;
      for (const auto& part : request.parts) answers[part.partition] = {};
      metadata = batcher.answered(request, std::move(answers), client.now());
    } else {
      error = posted.error();
    }
  } else {
    // The broker itself waits up to `request_timeout` for replicas.
    const auto patience = client.now() + options.request_timeout + std::chrono::seconds{5};
    const auto versions = transactions ? versions_in<ProduceRequest>(transactions->core().version())
                                       : client_versions<ProduceRequest>();
    const auto response = co_await connection->call(std::move(wire), patience, versions);
    if (response) {
      metadata = batcher.answered(request, answers_of(*response), client.now());
    } else {
      error = response.error();
    }
  }
  if (error) {
    batcher.lost(request, *error, client.now());
    metadata = true;
  }
  if (metadata && !asking_metadata && !stopped) {
    asking_metadata = true;
    tasks.spawn(learn_leaders());
  }
  run_callbacks();
  wakeup.wake();
}

net::Awaitable<void> Producer::State::learn_topics(std::vector<std::string> topics) {
  const auto deadline = client.now() + options.request_timeout;
  const auto refreshed = co_await client.refresh_metadata(topics, deadline);
  asking_metadata = false;
  ask_again = client.now() + options.retry_backoff;
  if (!refreshed) {
    if (!refreshed.error().retriable) {
      for (const auto& name : topics) batcher.fail_topic(name, refreshed.error());
    }
  } else {
    for (const auto& name : topics) {
      const auto* info = client.metadata().topic(name);
      if (info == nullptr || info->error == ErrorCode::none) continue;
      const auto where = fmt::format("Metadata for topic {}", name);
      if (info->error == ErrorCode::unknown_topic_or_partition) {
        const ClientError unknown{
            .code = Errc::unknown_topic,
            .broker_code = info->error,
            .message = fmt::format("topic {} does not exist; create it, or check the name", name)};
        batcher.fail_topic(name, unknown, client.now() - options.unknown_topic_timeout);
      } else if (!protocol::is_retriable(info->error)) {
        batcher.fail_topic(name, rejected(info->error, where));
      }
    }
  }
  publish_topics();
  run_callbacks();
  wakeup.wake();
}

net::Awaitable<void> Producer::State::learn_leaders() {
  const auto deadline = client.now() + options.request_timeout;
  std::vector<std::string> topics;
  for (const auto& partition : batcher.leaderless()) topics.push_back(partition.topic);
  // Whether it helped shows in the next `drain`.
  static_cast<void>(co_await client.refresh_metadata(std::move(topics), deadline));
  asking_metadata = false;
  ask_again = client.now() + options.retry_backoff;
  wakeup.wake();
}

net::Awaitable<void> Producer::State::learn_identity() {
  protocol::InitProducerIdRequest request{.transactional_id = std::nullopt,
                                          .transaction_timeout_ms = 60'000};
  const auto deadline = client.now() + options.delivery_timeout;
  const auto response = co_await client.call_any(std::move(request), deadline);
  asking_identity = false;
  ask_again = client.now() + options.retry_backoff;
  if (response && response->error_code == ErrorCode::none) {
    batcher.set_identity(
        {ProducerId{response->producer_id}, ProducerEpoch{response->producer_epoch}});
  } else {
    const auto error =
        response ? rejected(response->error_code, "InitProducerId") : response.error();
    // Records that may still wait are given up by their own timeouts.
    if (!error.retriable) batcher.close(error);
  }
  run_callbacks();
  wakeup.wake();
}

Producer::Producer(Client& client, ProducerOptions options)
    : state_{std::make_unique<State>(client, std::move(options))} {
  const auto error = check(state_->options);
  if (error) state_->batcher.close(*error);
  if (!error && !state_->options.transactional_id.empty()) state_->begin_transactions();
  state_->tasks.spawn(state_->send_loop());
}
Producer::~Producer() = default;

Outcome<void> Producer::enqueue(const RecordRef& record, DeliveryCallback callback) {
  State& s = *state_;
  const auto& clock = s.client.scheduler().clock();
  if (s.transactions) {
    if (const auto may = s.transactions->core().check_send(); !may) return may.error();
  }
  auto added = s.batcher.add(record, std::move(callback), clock.now(), clock.wall());
  if (added && s.batcher.take_news()) s.wakeup.wake();
  return added;
}

net::Awaitable<void> Producer::room() {
  State& s = *state_;
  ++s.room_waiters;
  s.batcher.set_hurry(true);
  s.wakeup.wake();
  while (!s.stopped && !s.batcher.has_room()) {
    co_await s.progress.wait_until(Instant::max());
  }
  if (--s.room_waiters == 0) s.batcher.set_hurry(false);
}

net::Awaitable<Outcome<Delivered>> Producer::send(Record record) {
  State& s = *state_;
  std::vector<protocol::HeaderView> headers;
  for (const auto& header : record.headers) {
    std::optional<Bytes> value;
    if (header.value) value = as_bytes(*header.value);
    headers.push_back({.key = header.key, .value = value});
  }
  RecordRef ref{.topic = record.topic,
                .partition = record.partition,
                .headers = headers,
                .timestamp = record.timestamp};
  if (record.key) ref.key = as_bytes(*record.key);
  if (record.value) ref.value = as_bytes(*record.value);

  std::optional<Outcome<Delivered>> outcome;
  net::Event done{s.client.scheduler().executor()};
  for (;;) {
    const auto taken = enqueue(ref, [&outcome, &done](const Outcome<Delivered>& delivered) {
      outcome = delivered;
      done.set();
    });
    if (taken) break;
    if (taken.error().code != Errc::buffer_full) co_return taken.error();
    co_await room();
  }
  co_await done.wait();
  co_return std::move(*outcome);
}

net::Awaitable<Outcome<void>> Producer::flush(Instant deadline) {
  State& s = *state_;
  const auto ticket = s.batcher.flush();
  ++s.flushes;
  s.batcher.keep_failures(true);
  s.wakeup.wake();
  while (!s.batcher.flushed(ticket) && s.client.now() < deadline) {
    co_await s.progress.wait_until(deadline);
  }
  Outcome<void> outcome;
  for (const auto& [failed, error] : s.batcher.failures()) {
    if (failed > ticket) continue;
    outcome = error;
    break;
  }
  if (outcome && !s.batcher.flushed(ticket)) {
    outcome = ClientError{
        .code = Errc::timed_out,
        .message = fmt::format("{} records are not delivered yet", s.batcher.buffered_records()),
        .retriable = true};
  }
  if (--s.flushes == 0) {
    s.batcher.keep_failures(false);
    s.batcher.forget_failures();
  }
  co_return outcome;
}

std::size_t Producer::buffered_bytes() const {
  return state_->batcher.buffered_bytes();
}
std::size_t Producer::buffered_records() const {
  return state_->batcher.buffered_records();
}

net::Awaitable<void> Producer::stop() {
  State& s = *state_;
  s.stopped = true;
  s.batcher.close({.code = Errc::stopped,
                   .message = "the producer was stopped before the record was delivered"});
  if (s.transactions) s.transactions->stop();
  s.run_callbacks();
  s.wakeup.wake();
  co_await s.tasks.join();
}

}  // namespace millrace::clients
