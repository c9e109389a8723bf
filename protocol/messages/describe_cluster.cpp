#include "protocol/messages/describe_cluster.hpp"

MILLRACE_MESSAGE_CODEC(millrace::protocol::DescribeClusterRequest);
MILLRACE_MESSAGE_CODEC(millrace::protocol::DescribeClusterResponse);
