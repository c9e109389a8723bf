#include "protocol/messages/describe_topic_partitions.hpp"

MILLRACE_MESSAGE_CODEC(millrace::protocol::DescribeTopicPartitionsRequest);
MILLRACE_MESSAGE_CODEC(millrace::protocol::DescribeTopicPartitionsResponse);
