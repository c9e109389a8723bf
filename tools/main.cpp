#include <fmt/format.h>

#include "tools/serve.hpp"

int main(int argc, char** argv) {
  using namespace millrace;
  config::Inputs inputs;
  for (int i = 2; i + 1 < argc; i += 2) inputs.sets.push_back(argv[i + 1]);
  auto loaded = config::BrokerConfig::load(inputs);
  for (const auto& p : loaded.problems) fmt::print("{}\n", p.message);
  const auto failure = tools::serve(loaded.config, [](const auto& bound) {
    for (const auto& b : bound) fmt::print("ready on {}:{}\n", b.at.host, b.at.port);
    std::fflush(stdout);
  });
  if (failure) fmt::print("{}\n", *failure);
  return failure ? 1 : 0;
}
