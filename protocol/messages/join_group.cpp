#include "protocol/messages/join_group.hpp"

MILLRACE_MESSAGE_CODEC(millrace::protocol::JoinGroupRequest);
MILLRACE_MESSAGE_CODEC(millrace::protocol::JoinGroupResponse);
