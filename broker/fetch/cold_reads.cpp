#include "broker/fetch/cold_reads.hpp"

#include <algorithm>

namespace millrace::broker {

ColdReads::Stream& ColdReads::stream_of(const FileRange& part) {
  ++uses_;
  for (Stream& stream : streams_) {
    if (stream.next != part.position || stream.file.lock() != part.file) continue;
    stream.used = uses_;
    return stream;
  }
  if (streams_.size() < kStreamsMax) {
    streams_.emplace_back();
  } else {
    std::ranges::swap(*std::ranges::min_element(streams_, {}, &Stream::used), streams_.back());
  }
  Stream& fresh = streams_.back();
  fresh = {.file = part.file,
           .next = part.position,
           .ahead_until = part.position,
           .ours = {},
           .used = uses_};
  return fresh;
}

ColdWork ColdReads::before(const FileRange& part, const IsResident& is_resident) {
  ColdWork work;
  Stream& stream = stream_of(part);
  work.wait = !is_resident({part.position, part.size});
  if (work.wait && stream.ahead_until < part.end()) {
    const std::uint64_t from = std::max(stream.ahead_until, part.position);
    stream.ours.push_back({from, part.end() - from});
  }
  if (stream.is_cold) {
    stream.window = std::min(ahead_bytes_max_, std::max(kStepBytes, 2 * stream.window));
  }
  stream.is_cold = stream.is_cold || work.wait;
  stream.next = part.end();
  stream.ahead_until = std::max(stream.ahead_until, stream.next);
  while (stream.ahead_until + kStepBytes <= stream.next + stream.window) {
    const Stretch step{stream.ahead_until, kStepBytes};
    if (!is_resident(step)) {
      work.ahead.push_back(step);
      stream.ours.push_back(step);
    }
    stream.ahead_until = step.end();
  }
  while (!stream.ours.empty() && stream.ours.front().end() + kBehindBytes <= part.position) {
    work.behind.push_back(stream.ours.front());
    stream.ours.pop_front();
  }
  return work;
}

}  // namespace millrace::broker
