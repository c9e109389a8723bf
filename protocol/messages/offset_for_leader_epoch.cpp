#include "protocol/messages/offset_for_leader_epoch.hpp"

MILLRACE_MESSAGE_CODEC(millrace::protocol::OffsetForLeaderEpochRequest);
MILLRACE_MESSAGE_CODEC(millrace::protocol::OffsetForLeaderEpochResponse);
