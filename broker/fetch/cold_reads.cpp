#include "broker/fetch/cold_reads.hpp"

#include <algorithm>

namespace millrace::broker {

/// Lets go what is left of a stream, and forgets it.
void ColdReads::retire(std::vector<Stream>::iterator stream, ColdWork& work) {
  if (const auto file = stream->file.lock()) {
    for (const Stretch& stretch : stream->ours)
      work.behind.push_back({file, stretch.position, stretch.size, 0});
  }
  std::swap(*stream, streams_.back());
  streams_.pop_back();
}

ColdReads::Stream& ColdReads::stream_of(const FileRange& part, ColdWork& work) {
  ++uses_;
  for (Stream& stream : streams_) {
    if (stream.next != part.position || stream.file.lock() != part.file) continue;
    stream.used = uses_;
    return stream;
  }
  if (streams_.size() == kStreamsMax)
    retire(std::ranges::min_element(streams_, {}, &Stream::used), work);
  streams_.push_back({.file = part.file,
                      .next = part.position,
                      .ahead_until = part.position,
                      .ours = {},
                      .used = uses_});
  return streams_.back();
}

ColdWork ColdReads::before(const FileRange& part, const IsResident& is_resident) {
  ColdWork work;
  const auto oldest = std::ranges::min_element(streams_, {}, &Stream::used);
  if (oldest != streams_.end() && uses_ - oldest->used > kIdleReads + 4 * streams_.size())
    retire(oldest, work);
  Stream& stream = stream_of(part, work);
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
    const Stretch& past = stream.ours.front();
    work.behind.push_back({part.file, past.position, past.size, 0});
    stream.ours.pop_front();
  }
  return work;
}

}  // namespace millrace::broker
