#include "protocol/messages/delete_groups.hpp"

MILLRACE_MESSAGE_CODEC(millrace::protocol::DeleteGroupsRequest);
MILLRACE_MESSAGE_CODEC(millrace::protocol::DeleteGroupsResponse);
