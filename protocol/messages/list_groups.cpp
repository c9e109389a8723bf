#include "protocol/messages/list_groups.hpp"

MILLRACE_MESSAGE_CODEC(millrace::protocol::ListGroupsRequest);
MILLRACE_MESSAGE_CODEC(millrace::protocol::ListGroupsResponse);
