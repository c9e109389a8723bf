#include "protocol/messages/heartbeat.hpp"

MILLRACE_MESSAGE_CODEC(millrace::protocol::HeartbeatRequest);
MILLRACE_MESSAGE_CODEC(millrace::protocol::HeartbeatResponse);
