#include "protocol/messages/describe_groups.hpp"

MILLRACE_MESSAGE_CODEC(millrace::protocol::DescribeGroupsRequest);
MILLRACE_MESSAGE_CODEC(millrace::protocol::DescribeGroupsResponse);
