#pragma once

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

namespace millrace::sim {

/// Plays a scenario file: each line but comments is a step of a `Script`, which begins anew with
/// each line that starts with "scenario". Gives the file back with what came out under each step.
template <class Script>
std::string play_scenarios(const std::filesystem::path& path) {
  std::ifstream in{path};
  std::string transcript;
  auto run = std::make_unique<Script>();
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("  > ")) continue;
    transcript += line + "\n";
    if (line.starts_with("scenario")) run = std::make_unique<Script>();
    if (line.empty() || line.starts_with("#") || line.starts_with("scenario")) continue;
    INFO(line);
    for (const auto& out : run->step(line)) transcript += "  > " + out + "\n";
  }
  return transcript;
}

/// Checks that every file of the folder is as it would be written. With MILLRACE_REWRITE_SCENARIOS
/// set, writes them.
template <class Script>
void check_scenarios(const std::filesystem::path& folder) {
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator{folder}) {
    if (entry.path().extension() != ".txt") continue;
    ++files;
    INFO(entry.path().filename().string());
    const auto transcript = play_scenarios<Script>(entry.path());
    std::ostringstream expected;
    expected << std::ifstream{entry.path()}.rdbuf();
    if (std::getenv("MILLRACE_REWRITE_SCENARIOS") != nullptr) {
      std::ofstream{entry.path()} << transcript;
    } else {
      CHECK(transcript == expected.str());
    }
  }
  REQUIRE(files > 0);
}

}  // namespace millrace::sim
