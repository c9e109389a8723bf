#include "protocol/messages/consumer_group_describe.hpp"

MILLRACE_MESSAGE_CODEC(millrace::protocol::ConsumerGroupDescribeRequest);
MILLRACE_MESSAGE_CODEC(millrace::protocol::ConsumerGroupDescribeResponse);
