#include "protocol/messages/describe_configs.hpp"

MILLRACE_MESSAGE_CODEC(millrace::protocol::DescribeConfigsRequest);
MILLRACE_MESSAGE_CODEC(millrace::protocol::DescribeConfigsResponse);
