#pragma once

#include <cstdint>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "protocol/base/bytes.hpp"

/// Reads the samples in tests/protocol/messages/golden/.
namespace millrace::protocol::testing {

struct GoldenSample {
  std::int16_t version = 0;
  std::string sample;   // "full", "sparse", or what a sample by hand is about
  std::string library;  // who encoded it
  SharedBytes bytes;
  std::string text;  // the values that the library was given
};

inline std::vector<std::byte> from_hex(std::string_view hex) {
  std::vector<std::byte> bytes;
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(digit(hex[i]) * 16 + digit(hex[i + 1])));
  }
  return bytes;
}

/// The samples of a message by name; nothing when it has no file.
inline std::vector<GoldenSample> golden_samples(const std::string& message) {
  std::ifstream file{std::string{MILLRACE_SOURCE_DIR "/tests/protocol/messages/golden/"} + message +
                     ".txt"};
  std::vector<GoldenSample> samples;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line.front() == '#') continue;
    std::istringstream words{line};
    GoldenSample sample;
    std::string hex;
    words >> sample.version >> sample.sample >> sample.library >> hex;
    sample.bytes = SharedBytes::from(from_hex(hex == "-" ? "" : hex));
    words.get();
    std::getline(words, sample.text);
    samples.push_back(std::move(sample));
  }
  return samples;
}

}  // namespace millrace::protocol::testing
