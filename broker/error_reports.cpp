#include "broker/error_reports.hpp"

#include <utility>

namespace millrace::broker {

ErrorReports::Verdict ErrorReports::ask(std::string_view key, Instant now) {
  const std::scoped_lock lock{mutex_};
  if (now - window_began_ >= limits_.interval) {
    window_began_ = now;
    lines_ = 0;
  }
  Entry& entry = entry_for(key);
  const bool lately = entry.told && now - entry.told_at < limits_.interval;
  if (lately) {
    ++entry.held_back;
    return {};
  }
  if (lines_ == limits_.lines_max) {
    ++others_;  // told with whatever line is next, for this error may never come again
    return {};
  }
  ++lines_;
  entry.told = true;
  entry.told_at = now;
  return {.told = true,
          .held_back = std::exchange(entry.held_back, 0),
          .others = std::exchange(others_, 0)};
}

/// A full table is started afresh: what it held back is not lost but told with the next line.
ErrorReports::Entry& ErrorReports::entry_for(std::string_view key) {
  key = key.substr(0, limits_.key_bytes_max);
  const auto known = entries_.find(key);
  if (known != entries_.end()) return known->second;
  if (entries_.size() >= limits_.keys_max) {
    for (const auto& [name, entry] : entries_) others_ += entry.held_back;
    entries_.clear();
  }
  return entries_[std::string{key}];
}

}  // namespace millrace::broker
