#include "protocol/messages/consumer_group_heartbeat.hpp"

MILLRACE_MESSAGE_CODEC(millrace::protocol::ConsumerGroupHeartbeatRequest);
MILLRACE_MESSAGE_CODEC(millrace::protocol::ConsumerGroupHeartbeatResponse);
