#include "protocol/messages/find_coordinator.hpp"

MILLRACE_MESSAGE_CODEC(millrace::protocol::FindCoordinatorRequest);
MILLRACE_MESSAGE_CODEC(millrace::protocol::FindCoordinatorResponse);
