// What does it cost to take a small produce or fetch request apart and to put the answer together?
//
// Estimate: a decode is one allocation per array and per long text, about 20 ns each, plus 1 to 2
// ns per field; an encode walks the fields twice and allocates once. Produce v9 with one partition
// has two arrays and about twelve fields: 100 ns to decode and 60 ns to encode. A shard that
// answers 500,000 requests a second then spends a tenth of its time here.

#include <chrono>
#include <cstdio>
#include <string>

#include "protocol/messages/fetch.hpp"
#include "protocol/messages/produce.hpp"
#include "protocol/wire/frame.hpp"

namespace {

using namespace millrace;
using namespace millrace::protocol;

constexpr int kRounds = 2'000'000;

template <class Work>
void measure(const char* what, Work&& work) {
  for (int i = 0; i < kRounds / 10; ++i) work();
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < kRounds; ++i) work();
  const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
  std::printf("%-28s %7.1f ns\n", what, took.count() / kRounds);
}

template <class Message>
SharedBytes body_of(const Message& message, std::int16_t version) {
  Sizer size;
  MessageCodec<Message>::measure(size, message, version);
  Writer out{size.own()};
  MessageCodec<Message>::encode(out, message, version);
  return SharedBytes::from(std::move(out).finish().flatten());
}

std::size_t sink = 0;  // keeps the work from being optimised away

template <class Message>
void measure_both(const std::string& name, const Message& message, std::int16_t version) {
  const SharedBytes body = body_of(message, version);
  measure((name + " decode").c_str(), [&] {
    Reader in{body};
    sink += MessageCodec<Message>::decode(in, version).has_value();
  });
  measure((name + " encode").c_str(), [&] {
    if constexpr (requires { message.responses; }) {
      sink += encode_response(CorrelationId{1}, version, message).size();
    } else {
      sink += encode_request({.api_version = version, .client_id = "bench"}, message).size();
    }
  });
}

}  // namespace

int main() {
  const SharedBytes records = SharedBytes::from(std::vector<std::byte>(2'000, std::byte{'r'}));

  ProduceRequest produce{
      .transactional_id = {}, .acks = -1, .timeout_ms = 30'000, .topic_data = {}};
  auto& data = produce.topic_data.emplace_back();
  data.name = "orders";
  data.partition_data.push_back({.index = 3, .records = records});
  measure_both("Produce 9 request", produce, 9);

  ProduceResponse produced;
  auto& topic = produced.responses.emplace_back();
  topic.name = "orders";
  topic.partition_responses.emplace_back().base_offset = 123'456;
  measure_both("Produce 9 response", produced, 9);

  FetchRequest fetch;
  fetch.topics.emplace_back().topic = "orders";
  fetch.topics[0].partitions.emplace_back().fetch_offset = 123'456;
  measure_both("Fetch 12 request", fetch, 12);

  FetchResponse fetched;
  fetched.responses.emplace_back().topic = "orders";
  fetched.responses[0].partitions.emplace_back().records = BytesChain{records};
  measure_both("Fetch 12 response", fetched, 12);
  return sink == 0;
}
