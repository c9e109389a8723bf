#include "protocol/messages/leave_group.hpp"

MILLRACE_MESSAGE_CODEC(millrace::protocol::LeaveGroupRequest);
MILLRACE_MESSAGE_CODEC(millrace::protocol::LeaveGroupResponse);
