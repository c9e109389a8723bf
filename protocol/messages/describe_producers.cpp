#include "protocol/messages/describe_producers.hpp"

MILLRACE_MESSAGE_CODEC(millrace::protocol::DescribeProducersRequest);
MILLRACE_MESSAGE_CODEC(millrace::protocol::DescribeProducersResponse);
