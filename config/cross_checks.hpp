#pragma once

#include <vector>

#include "config/problem.hpp"

namespace millrace::config {

class BrokerConfig;

/// Checks what no single value can tell: whether the settings of a broker fit together. Each value
/// has passed its own check before. Appends what it finds.
void check_together(const BrokerConfig& config, std::vector<Problem>& problems);

}  // namespace millrace::config
