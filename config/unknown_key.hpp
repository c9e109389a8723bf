#pragma once

#include "config/catalogue.hpp"
#include "config/layers.hpp"
#include "config/problem.hpp"

namespace millrace::config {

/// What to say of an assignment whose key is no broker setting: a notice for names that Kafka or
/// its plug-ins know, an error with the nearest name for all others.
Problem problem_of_unknown_key(const Assignment& assignment);

/// "did you mean num.partitions?", or "" when no name of that scope is near.
std::string did_you_mean(Scope scope, std::string_view name);

}  // namespace millrace::config
