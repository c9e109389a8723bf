#include "protocol/messages/sync_group.hpp"

MILLRACE_MESSAGE_CODEC(millrace::protocol::SyncGroupRequest);
MILLRACE_MESSAGE_CODEC(millrace::protocol::SyncGroupResponse);
